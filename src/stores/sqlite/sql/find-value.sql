-- A value of a session.
-- :tenant, :session, :key
SELECT key, json, version, created_at AS createdAt, updated_at AS updatedAt
FROM session_values
WHERE tenant = :tenant AND session = :session AND key = :key;
