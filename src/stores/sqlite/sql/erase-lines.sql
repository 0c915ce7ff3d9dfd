-- Erases all lines of a session.
-- :tenant, :session
DELETE FROM lines WHERE tenant = :tenant AND session = :session;
