-- Notes the fingerprint of the request that became a turn.
-- :place, :createdAt       of the turn
-- :fingerprint             hex
INSERT INTO fingerprints (place, created_at, fingerprint) VALUES (:place, :createdAt, unhex(:fingerprint));
