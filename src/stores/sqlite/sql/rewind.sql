-- Makes another turn of a session its head, where nobody holds the session's lease.
-- :tenant, :session, :to, :line, :now
UPDATE sessions SET head = :to, main = :line
WHERE tenant = :tenant AND id = :session
  AND NOT EXISTS (SELECT 1 FROM leases WHERE tenant = :tenant AND session = :session AND until > :now);
