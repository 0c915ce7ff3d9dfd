-- The end of a branch, oldest first: the turns that reach into its last :window tokens, the one before them
-- (which proves that none is missing between), and the root.
-- :tenant, :session, :id   key of the branch's last turn
-- :window
WITH RECURSIVE
  tip AS (
    SELECT place, parent, root, total_tokens
    FROM turns
    WHERE tenant = :tenant AND session = :session AND id = :id
  ),
  branch (place, parent, total_tokens) AS (
    SELECT place, parent, total_tokens FROM tip
    UNION ALL
    SELECT t.place, t.parent, t.total_tokens
    FROM branch b
    JOIN turns t ON t.place = b.parent
    WHERE b.total_tokens > (SELECT total_tokens FROM tip) - :window AND t.tenant = :tenant AND t.session = :session
  )
SELECT *
FROM turn_rows
WHERE place IN (SELECT place FROM branch UNION SELECT coalesce(root, place) FROM tip)
ORDER BY place;
