-- The latest turn of a tenant whose request had a fingerprint.
-- :tenant
-- :fingerprint             hex
-- :since                   the earliest time of the commit
SELECT t.session, t.id
FROM fingerprints f
CROSS JOIN turns t ON t.place = f.place
WHERE f.fingerprint = unhex(:fingerprint) AND f.created_at >= :since AND t.tenant = :tenant
ORDER BY f.place DESC
LIMIT 1;
