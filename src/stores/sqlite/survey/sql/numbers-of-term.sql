-- The sessions with a trait, up to a limit.
-- :term, :limit
SELECT summary AS number FROM traits WHERE term = :term LIMIT :limit;
