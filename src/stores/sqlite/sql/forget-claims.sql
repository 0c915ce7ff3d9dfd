-- Forgets some of the old claims.
-- :before, :limit
DELETE FROM claims
WHERE (tenant, key) IN (SELECT tenant, key FROM claims WHERE created_at < :before ORDER BY created_at LIMIT :limit);
