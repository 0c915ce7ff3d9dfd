-- The histograms of the same rows.
-- :from, :until, :tenant, :key, :user, :model, :claw, :alias
SELECT t.usage AS id, t.kind, t.bucket, t.count
FROM usage u
JOIN times t ON t.usage = u.id
WHERE u.hour >= :from AND u.hour < :until
  AND (:tenant IS NULL OR tenant = :tenant) AND (:key IS NULL OR key = :key)
  AND (:user IS NULL OR user = :user) AND (:model IS NULL OR model = :model)
  AND (:claw IS NULL OR claw = :claw) AND (:alias IS NULL OR alias = :alias);
