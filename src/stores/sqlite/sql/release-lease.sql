-- Gives a lease back.
-- :tenant, :session, :token
DELETE FROM leases WHERE tenant = :tenant AND session = :session AND token = :token;
