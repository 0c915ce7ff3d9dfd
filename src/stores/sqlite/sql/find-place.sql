-- The place of a turn, the place of its branch's root, and its time.
-- :tenant, :session, :id   its key
SELECT place, coalesce(root, place) AS root, created_at AS createdAt
FROM turns
WHERE tenant = :tenant AND session = :session AND id = :id;
