-- :place
DELETE FROM words WHERE rowid = :place;
