-- Lets a turn be found by its history.
-- :place                   of the turn
INSERT INTO histories (tenant, digest, place)
SELECT tenant, digest, place FROM turns WHERE place = :place;
