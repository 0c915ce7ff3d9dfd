-- Extends a lease.
-- :tenant, :session, :token
-- :until
UPDATE leases SET until = :until WHERE tenant = :tenant AND session = :session AND token = :token;
