-- A session by the caller's own id for it.
-- :tenant, :name
SELECT tenant, id, name, created_at AS createdAt, head, main, edits, metadata, tags
FROM sessions
WHERE tenant = :tenant AND name = :name;
