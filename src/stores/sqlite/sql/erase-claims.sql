-- Erases the claims whose target is a session or one of its turns: a turn's id begins with its session's.
-- Reads all claims of the tenant, because an index would cost every turn more than it saves here.
-- :tenant, :session
DELETE FROM claims WHERE tenant = :tenant AND substr(target, 1, 20) = :session;
