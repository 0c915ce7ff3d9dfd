-- Notes that a process is alive.
-- :id, :now
INSERT INTO members (id, seen_at) VALUES (:id, :now)
ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at;
