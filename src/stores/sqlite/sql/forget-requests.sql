-- Forgets the fingerprints of old turns.
-- :before
DELETE FROM requests WHERE created_at < :before;
