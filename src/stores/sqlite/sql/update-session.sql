-- Replaces a session's metadata.
-- :tenant, :id
-- :metadata                JSON, or NULL when empty
UPDATE sessions SET metadata = :metadata WHERE tenant = :tenant AND id = :id;
