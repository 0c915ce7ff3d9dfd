-- All values of a session.
-- :tenant, :session
SELECT key, json, version, created_at AS createdAt, updated_at AS updatedAt
FROM session_values
WHERE tenant = :tenant AND session = :session
ORDER BY key;
