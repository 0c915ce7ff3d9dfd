-- When a process gave its last sign of life.
-- :id
SELECT seen_at AS seenAt FROM members WHERE id = :id;
