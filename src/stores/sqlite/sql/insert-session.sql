-- Makes a session; changes nothing where its id or name is taken.
-- :tenant, :id, :name, :createdAt, :head
-- :metadata, :tags         JSON, or NULL when empty
INSERT INTO sessions (tenant, id, name, created_at, head, metadata, tags)
VALUES (:tenant, :id, :name, :createdAt, :head, :metadata, :tags)
ON CONFLICT DO NOTHING;
