-- The sessions whose names are in a range, up to a limit.
-- :tenant, :from, :to, :tenantTerm, :limit
SELECT s.number
FROM (
  SELECT id FROM log.sessions WHERE tenant = :tenant AND name >= :from AND name <= :to LIMIT :limit
) n
JOIN summaries s ON s.tenant = :tenantTerm AND s.session = n.id;
