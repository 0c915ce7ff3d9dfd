-- What is known of the values of a session; no row where there is no such session.
-- :tenant, :session
SELECT s.value_floor AS floor, count(v.key) AS count, coalesce(sum(v.bytes), 0) AS bytes
FROM sessions s
LEFT JOIN session_values v ON v.tenant = s.tenant AND v.session = s.id
WHERE s.tenant = :tenant AND s.id = :session
GROUP BY s.tenant, s.id;
