-- When the lease of a session expires.
-- :tenant, :session
SELECT until FROM leases WHERE tenant = :tenant AND session = :session;
