-- Adds a line; changes nothing where its number is taken.
-- :tenant, :session, :number
-- :agent                   NULL for none
-- :opening
INSERT INTO lines (tenant, session, number, agent, opening)
VALUES (:tenant, :session, :number, :agent, :opening)
ON CONFLICT (tenant, session, number) DO NOTHING;
