-- :kind
SELECT id, value FROM terms WHERE tenant = 0 AND kind = :kind ORDER BY value;
