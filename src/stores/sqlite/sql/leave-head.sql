-- Gives the tip of a line to a turn whose line was the main one when the turn began and is not any more.
-- :tenant, :session, :number
-- :to
UPDATE lines SET tip = :to
WHERE tenant = :tenant AND session = :session AND number = :number
  AND EXISTS (SELECT 1 FROM sessions WHERE tenant = :tenant AND id = :session AND main <> :number);
