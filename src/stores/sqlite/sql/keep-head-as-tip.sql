-- Remembers a session's head as the tip of its first line, before another line becomes the main one. Changes
-- nothing where the first line has been continued: then it stays the main one.
-- :tenant, :session
UPDATE lines SET tip = (SELECT head FROM sessions WHERE tenant = :tenant AND id = :session)
WHERE tenant = :tenant AND session = :session AND number = 0
  AND EXISTS (SELECT 1 FROM sessions WHERE tenant = :tenant AND id = :session AND main = 0)
  AND NOT EXISTS (
    SELECT 1
    FROM turns t
    LEFT JOIN side_turns s ON s.place = t.place
    WHERE t.tenant = :tenant AND t.session = :session AND t.parent IS NOT NULL AND s.place IS NULL
  );
