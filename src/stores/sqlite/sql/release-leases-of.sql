-- Releases all leases of a process.
-- :holder
DELETE FROM leases WHERE holder = :holder;
