-- Notes the fingerprint of the request that became a turn.
-- :place                   of the turn
-- :fingerprint             hex
-- :now
INSERT INTO fingerprints (place, created_at, fingerprint) VALUES (:place, :now, unhex(:fingerprint));
