-- Moves a session's head, if it still is the turn that the mover saw.
-- :tenant, :session
-- :from                    the head it saw; NULL for none
-- :to
UPDATE sessions SET head = :to WHERE tenant = :tenant AND id = :session AND head IS :from;
