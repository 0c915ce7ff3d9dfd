-- Turns by their places, if they are visible parts of their sessions, the latest first.
-- :places                  a JSON array
-- :tenant, :tenantTerm
SELECT t.*
FROM json_each(:places) j
CROSS JOIN log.turn_rows t ON t.place = j.value
CROSS JOIN summaries s ON s.tenant = :tenantTerm AND s.session = t.session
WHERE t.tenant = :tenant AND s.visible = 1
ORDER BY j.value DESC;
