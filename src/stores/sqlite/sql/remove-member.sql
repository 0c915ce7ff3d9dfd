-- Removes a process that has left or is dead.
-- :id
DELETE FROM members WHERE id = :id;
