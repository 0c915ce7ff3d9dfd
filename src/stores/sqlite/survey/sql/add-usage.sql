-- Adds to the sums of an hour.
-- :hour, :tenant, :key, :user, :model, :claw, :alias
-- :turns, :failed, :input, :output, :cacheRead, :cacheWrite, :reasoning, :cost
INSERT INTO usage (
  hour, tenant, key, user, model, claw, alias,
  turns, failed, input, output, cache_read, cache_write, reasoning, cost
) VALUES (
  :hour, :tenant, :key, :user, :model, :claw, :alias,
  :turns, :failed, :input, :output, :cacheRead, :cacheWrite, :reasoning, :cost
)
ON CONFLICT (hour, tenant, key, user, model, claw, alias) DO UPDATE SET
  turns = turns + :turns,
  failed = failed + :failed,
  input = input + :input,
  output = output + :output,
  cache_read = cache_read + :cacheRead,
  cache_write = cache_write + :cacheWrite,
  reasoning = reasoning + :reasoning,
  cost = cost + :cost;
