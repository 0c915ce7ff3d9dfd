-- Makes a session; changes nothing where its id or name is taken.
-- :tenant, :id, :name, :createdAt, :head
-- :metadata                JSON, or NULL when empty
INSERT INTO sessions (tenant, id, name, created_at, head, metadata)
VALUES (:tenant, :id, :name, :createdAt, :head, :metadata)
ON CONFLICT DO NOTHING;
