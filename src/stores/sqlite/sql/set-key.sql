-- Stores the hash of one of the gateway's own keys, in place of the one before.
-- :name, :hash
INSERT INTO gateway_keys (name, hash) VALUES (:name, :hash)
ON CONFLICT (name) DO UPDATE SET hash = excluded.hash;
