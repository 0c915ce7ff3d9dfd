-- :place
DELETE FROM failures WHERE place = :place;
