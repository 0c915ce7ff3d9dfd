-- The hash of one of the gateway's own keys.
-- :name
SELECT hash FROM gateway_keys WHERE name = :name;
