-- Releases a lease.
-- :tenant, :session, :token
DELETE FROM leases WHERE tenant = :tenant AND session = :session AND token = :token;
