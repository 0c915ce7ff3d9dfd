-- The turn at a place of the log, if it is of this session.
-- :place, :tenant, :session
SELECT * FROM log.turn_rows WHERE place = :place AND tenant = :tenant AND session = :session;
