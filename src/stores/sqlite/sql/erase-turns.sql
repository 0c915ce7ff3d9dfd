-- Erases all turns of a session; their fingerprints go with them.
-- :tenant, :session
DELETE FROM turns WHERE tenant = :tenant AND session = :session;
