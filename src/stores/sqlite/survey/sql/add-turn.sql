-- Adds a turn to the summary of its session.
-- :tenant, :session, :visible, :createdAt, :endedAt, :failed, :input, :output, :cost
-- :model, :key, :user, :state, :error    numbers of names; NULL for none
INSERT INTO summaries (
  tenant, session, visible, created_at, updated_at, turns, failed, input, output, cost,
  model, key, user, state, error
) VALUES (
  :tenant, :session, :visible, :createdAt, :endedAt, 1, :failed, :input, :output, :cost,
  :model, :key, :user, :state, :error
)
ON CONFLICT (tenant, session) DO UPDATE SET
  visible = max(visible, :visible),
  created_at = min(created_at, :createdAt),
  updated_at = max(updated_at, :endedAt),
  turns = turns + 1,
  failed = failed + :failed,
  input = input + :input,
  output = output + :output,
  cost = cost + :cost,
  model = coalesce(:model, model),
  key = coalesce(:key, key),
  user = coalesce(:user, user),
  state = :state,
  error = :error;
