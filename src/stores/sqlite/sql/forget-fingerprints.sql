-- Forgets the fingerprints of some of the old turns.
-- :before, :limit
DELETE FROM fingerprints
WHERE place IN (SELECT place FROM fingerprints WHERE created_at < :before ORDER BY place LIMIT :limit);
