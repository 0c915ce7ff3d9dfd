-- Erases all values of a session.
-- :tenant, :session
DELETE FROM session_values WHERE tenant = :tenant AND session = :session;
