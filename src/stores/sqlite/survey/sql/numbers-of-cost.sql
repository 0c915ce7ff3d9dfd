-- The sessions that cost an amount or more, up to a limit.
-- :tenant, :least, :limit
SELECT number FROM summaries WHERE tenant = :tenant AND visible = 1 AND cost >= :least LIMIT :limit;
