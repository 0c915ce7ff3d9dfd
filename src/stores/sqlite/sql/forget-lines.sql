-- Forgets lines of a session but for the first and the main one.
-- :tenant, :session
-- :before                  the smallest number that is kept
DELETE FROM lines
WHERE tenant = :tenant AND session = :session AND number > 0 AND number < :before
  AND number IS NOT (SELECT main FROM sessions WHERE tenant = :tenant AND id = :session);
