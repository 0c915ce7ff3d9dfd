-- The turns of a session without their bodies, in the order in which they were appended.
-- :tenant, :session
SELECT id, parent, digest, line
FROM turn_rows
WHERE tenant = :tenant AND session = :session
ORDER BY place;
