-- Where a turn stands: its place, its branch's root, its time.
-- :tenant, :session, :id   its key
SELECT place, coalesce(root, place) AS root, created_at AS createdAt
FROM turns
WHERE tenant = :tenant AND session = :session AND id = :id;
