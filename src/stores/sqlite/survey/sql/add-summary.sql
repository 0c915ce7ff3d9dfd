-- Adds a session that has a record; changes its visibility where it is known.
-- :tenant, :session, :visible, :createdAt
INSERT INTO summaries (
  tenant, session, visible, created_at, updated_at, turns, failed, input, output, cost
) VALUES (:tenant, :session, :visible, :createdAt, :createdAt, 0, 0, 0, 0, 0)
ON CONFLICT (tenant, session) DO UPDATE
SET visible = :visible, created_at = min(created_at, :createdAt);
