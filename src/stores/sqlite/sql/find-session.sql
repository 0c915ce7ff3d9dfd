-- A session by its id.
-- :tenant, :id
SELECT tenant, id, name, created_at AS createdAt, head, main, edits, metadata, tags
FROM sessions
WHERE tenant = :tenant AND id = :id;
