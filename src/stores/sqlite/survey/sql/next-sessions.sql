-- The next sessions of the log.
-- :tenant, :session, :limit
SELECT tenant, id FROM log.sessions WHERE (tenant, id) > (:tenant, :session) ORDER BY tenant, id LIMIT :limit;
