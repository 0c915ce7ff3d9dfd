-- Takes the lease of a session, where there is a session and no lease that has not expired. The token is
-- greater than any before: the session has the last one that was released, a lease that is taken over has its
-- own. The time keeps that true where a power cut has undone the last leases.
-- :tenant, :session
-- :holder, :now, :until
INSERT INTO leases (tenant, session, token, holder, until)
SELECT tenant, id, max(token + 1, :now), :holder, :until
FROM sessions
WHERE tenant = :tenant AND id = :session
ON CONFLICT (tenant, session) DO UPDATE
SET token = max(token + 1, excluded.token), holder = excluded.holder, until = excluded.until
WHERE until <= :now
RETURNING token;
