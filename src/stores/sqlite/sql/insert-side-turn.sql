-- Notes the line of a turn that is not on line 0.
-- :place                   of the turn
-- :line                    NULL where the turn is beside every line
INSERT INTO side_turns (place, line) VALUES (:place, :line);
