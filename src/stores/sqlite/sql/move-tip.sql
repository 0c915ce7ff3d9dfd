-- Moves the tip of a line, if it still is the turn that the mover saw.
-- :tenant, :session, :number
-- :from                    the tip it saw; NULL for none
-- :to
UPDATE lines SET tip = :to
WHERE tenant = :tenant AND session = :session AND number = :number AND tip IS :from;
