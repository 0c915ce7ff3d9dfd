-- Of some sessions, those that fit, the latest first.
-- :numbers, :terms         JSON arrays
-- :tenantName
-- :since, :until, :minCost, :maxCost, :minTokens, :maxTokens, :nameFrom, :nameTo
-- :at, :place              the last entry of the page before
-- :limit
SELECT
  s.number, s.session, s.updated_at AS updatedAt, s.created_at AS createdAt,
  s.turns, s.failed, s.input, s.output, s.cost,
  (SELECT value FROM terms WHERE id = s.model) AS model,
  (SELECT value FROM terms WHERE id = s.key) AS key,
  (SELECT value FROM terms WHERE id = s.user) AS user,
  (SELECT value FROM terms WHERE id = s.state) AS state,
  (SELECT value FROM terms WHERE id = s.error) AS error,
  r.id IS NOT NULL AS hasRecord, r.name, r.head, r.tags, r.metadata
FROM json_each(:numbers) n
JOIN summaries s ON s.number = n.value
LEFT JOIN log.sessions r ON r.tenant = :tenantName AND r.id = s.session
WHERE s.visible = 1
  AND (s.updated_at, s.number) < (:at, :place)
  AND s.updated_at >= :since AND s.updated_at < :until
  AND s.cost >= :minCost AND s.cost <= :maxCost
  AND s.input + s.output >= :minTokens AND s.input + s.output <= :maxTokens
  AND (:nameFrom IS NULL OR (r.name >= :nameFrom AND r.name <= :nameTo))
  AND NOT EXISTS (
    SELECT 1 FROM json_each(:terms) j
    WHERE NOT EXISTS (SELECT 1 FROM traits t WHERE t.term = j.value AND t.summary = s.number)
  )
ORDER BY s.updated_at DESC, s.number DESC
LIMIT :limit;
