-- Adds a key that seals reasoning; one with a known id changes nothing.
-- :id, :secret, :createdAt
INSERT INTO seal_keys (id, secret, created_at) VALUES (:id, :secret, :createdAt)
ON CONFLICT (id) DO NOTHING;
