-- The session of the latest turn that has the first of several digests.
-- :tenant
-- :digests                 JSON, a list of texts
SELECT t.session
FROM json_each(:digests) wanted
CROSS JOIN histories h ON h.tenant = :tenant AND h.digest = coalesce(unhex(wanted.value), wanted.value)
CROSS JOIN turns t ON t.place = h.place
CROSS JOIN sessions s ON s.tenant = t.tenant AND s.id = t.session
ORDER BY wanted.key, h.place DESC
LIMIT 1;
