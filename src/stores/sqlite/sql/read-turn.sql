-- One turn.
-- :tenant, :session, :id   its key
SELECT * FROM turn_rows WHERE tenant = :tenant AND session = :session AND id = :id;
