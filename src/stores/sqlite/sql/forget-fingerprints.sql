-- Forgets some of the old fingerprints.
-- :before, :limit
DELETE FROM fingerprints
WHERE place IN (SELECT place FROM fingerprints WHERE created_at < :before ORDER BY place LIMIT :limit);
