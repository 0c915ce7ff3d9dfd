-- The number of a session.
-- :tenant, :session
SELECT number FROM summaries WHERE tenant = :tenant AND session = :session;
