-- The last of the latest :window sessions of a tenant.
-- :tenant, :since, :at, :place, :window
SELECT updated_at AS at, number AS place FROM summaries
WHERE tenant = :tenant AND visible = 1 AND updated_at >= :since AND (updated_at, number) < (:at, :place)
ORDER BY updated_at DESC, number DESC
LIMIT 1 OFFSET :window - 1;
