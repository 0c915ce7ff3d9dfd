-- Erases the turns of some old claims that are kept for their key alone: they cannot be fetched or continued,
-- and each is the only turn of a session without a record. Takes the same claims as forget-claims.sql.
-- :before, :limit
DELETE FROM turns
WHERE place IN (
  SELECT t.place
  FROM (SELECT tenant, target FROM claims WHERE created_at < :before ORDER BY created_at LIMIT :limit) c
  JOIN turns t ON t.tenant = c.tenant AND t.session = substr(c.target, 1, 20) AND t.id = substr(c.target, 21)
  WHERE t.deleted = 1 AND t.parent IS NULL
    AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.tenant = t.tenant AND s.id = t.session)
    AND NOT EXISTS (
      SELECT 1 FROM turns o WHERE o.tenant = t.tenant AND o.session = t.session AND o.place <> t.place
    )
);
