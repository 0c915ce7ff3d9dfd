-- Counts one more time that items of a session's turns were hidden.
-- :tenant, :session
UPDATE sessions SET edits = edits + 1 WHERE tenant = :tenant AND id = :session;
