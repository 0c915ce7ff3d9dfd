-- A session as the log has it now: when its record was made, its tags, whether it has turns.
-- :tenant, :session
SELECT
  (SELECT created_at FROM log.sessions WHERE tenant = :tenant AND id = :session) AS createdAt,
  (SELECT tags FROM log.sessions WHERE tenant = :tenant AND id = :session) AS tags,
  EXISTS (SELECT 1 FROM log.turns WHERE tenant = :tenant AND session = :session) AS hasTurns,
  EXISTS (SELECT 1 FROM log.turns WHERE tenant = :tenant AND session = :session AND deleted = 0) AS hasVisible;
