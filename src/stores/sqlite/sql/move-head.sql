-- Moves a session's head, if it still is the turn that the mover saw and the turn's line is the main one.
-- :tenant, :session
-- :from                    the head it saw; NULL for none
-- :to
-- :line                    of the turn that becomes the head
UPDATE sessions SET head = :to
WHERE tenant = :tenant AND id = :session AND head IS :from AND main = :line;
