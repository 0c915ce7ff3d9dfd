-- The lines of a session, by number, with the digests of their latest turns.
-- :tenant, :session
SELECT l.number, l.agent, l.opening, l.tip, t.digest
FROM lines l
LEFT JOIN turn_rows t ON t.tenant = l.tenant AND t.session = l.session AND t.id = l.tip
WHERE l.tenant = :tenant AND l.session = :session
ORDER BY l.number;
