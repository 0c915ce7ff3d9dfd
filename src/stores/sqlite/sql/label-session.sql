-- Replaces the name and the tags of a session.
-- :tenant, :id
-- :name                    NULL for none
-- :tags                    JSON, or NULL when empty
UPDATE sessions SET name = :name, tags = :tags WHERE tenant = :tenant AND id = :id;
