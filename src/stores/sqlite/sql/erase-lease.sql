-- Erases the lease of a session.
-- :tenant, :session
DELETE FROM leases WHERE tenant = :tenant AND session = :session;
