-- The sessions with a number of tokens or more, up to a limit.
-- :tenant, :least, :limit
SELECT number FROM summaries WHERE tenant = :tenant AND visible = 1 AND input + output >= :least LIMIT :limit;
