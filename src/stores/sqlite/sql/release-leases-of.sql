-- Gives back all that a process holds.
-- :holder
DELETE FROM leases WHERE holder = :holder;
