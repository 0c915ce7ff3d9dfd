-- Creates or replaces a value of a session.
-- :tenant, :session, :key, :version, :createdAt, :updatedAt, :bytes, :json
INSERT INTO session_values (tenant, session, key, version, created_at, updated_at, bytes, json)
VALUES (:tenant, :session, :key, :version, :createdAt, :updatedAt, :bytes, :json)
ON CONFLICT DO UPDATE SET version = :version, updated_at = :updatedAt, bytes = :bytes, json = :json;
