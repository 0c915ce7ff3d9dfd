-- Forgets old claims.
-- :before
DELETE FROM claims WHERE created_at < :before;
