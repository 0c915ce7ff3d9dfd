SELECT DISTINCT tenant, session FROM vectors
WHERE (tenant, session) > ($tenant, $session)
ORDER BY tenant, session
LIMIT $limit
