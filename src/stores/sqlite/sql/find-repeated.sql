-- The latest turn of a tenant whose request had a fingerprint.
-- :tenant
-- :fingerprint             hex
-- :since                   the earliest time of the turn
SELECT t.session, t.id
FROM requests r
CROSS JOIN turns t ON t.place = r.place
WHERE r.fingerprint = unhex(:fingerprint) AND r.created_at >= :since AND t.tenant = :tenant
ORDER BY r.place DESC
LIMIT 1;
