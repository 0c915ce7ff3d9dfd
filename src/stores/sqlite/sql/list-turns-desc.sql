-- A page of the tenant's listed turns, newest first.
-- :tenant
-- :createdAt, :place       of the last turn of the page before
-- :model                   or NULL for any
-- :metadata                JSON object that the turn's metadata must hold, or NULL
-- :limit
SELECT *
FROM turn_rows AS r
WHERE tenant = :tenant AND listed = 1 AND deleted = 0
  AND (createdAt, place) < (:createdAt, :place)
  AND (:model IS NULL OR model = :model)
  AND NOT EXISTS (
    SELECT 1 FROM json_each(:metadata) AS wanted
    WHERE NOT EXISTS (
      SELECT 1 FROM json_each(r.metadata) AS held WHERE held.key = wanted.key AND held.value = wanted.value
    )
  )
ORDER BY createdAt DESC, place DESC
LIMIT :limit;
