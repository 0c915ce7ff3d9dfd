-- Deletes a value of a session.
-- :tenant, :session, :key
DELETE FROM session_values WHERE tenant = :tenant AND session = :session AND key = :key;
