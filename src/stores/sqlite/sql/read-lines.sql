-- The lines of a session, by number, with the digests of their latest turns.
-- :tenant, :session
SELECT l.number, l.agent, l.opening, l.tip,
  iif(typeof(t.digest) = 'blob', lower(hex(t.digest)), t.digest) AS digest
FROM lines l
LEFT JOIN turns t ON t.tenant = l.tenant AND t.session = l.session AND t.id = l.tip
WHERE l.tenant = :tenant AND l.session = :session
ORDER BY l.number;
