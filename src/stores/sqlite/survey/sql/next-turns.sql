-- The next turns of the log.
-- :place, :limit
SELECT * FROM log.turn_rows WHERE place > :place ORDER BY place LIMIT :limit;
