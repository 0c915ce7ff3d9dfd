-- The turns that did not complete, the latest first.
-- :tenant, :at, :place, :limit
SELECT at, place FROM failures
WHERE tenant = :tenant AND (at, place) < (:at, :place)
ORDER BY at DESC, place DESC
LIMIT :limit;
