-- The sums of some hours; a name that is NULL is not asked for.
-- :from, :until, :tenant, :key, :user, :model, :claw, :alias
SELECT id, hour, tenant, key, user, model, claw, alias, turns, failed, input, output,
  cache_read AS cacheRead, cache_write AS cacheWrite, reasoning, cost
FROM usage
WHERE hour >= :from AND hour < :until
  AND (:tenant IS NULL OR tenant = :tenant) AND (:key IS NULL OR key = :key)
  AND (:user IS NULL OR user = :user) AND (:model IS NULL OR model = :model)
  AND (:claw IS NULL OR claw = :claw) AND (:alias IS NULL OR alias = :alias);
