-- Forgets one of the gateway's own keys.
-- :name
DELETE FROM gateway_keys WHERE name = :name;
