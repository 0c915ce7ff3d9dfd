-- Deletes a session's record; its turns stay.
-- :tenant, :id
DELETE FROM sessions WHERE tenant = :tenant AND id = :id;
