-- Reads 33 turns spread over the log, its first and last among them, through the table and through the
-- index. A damaged page on the way is an error; an index that disagrees with its table shows in the counts.
WITH RECURSIVE
  edges (low, high) AS (SELECT (SELECT min(place) FROM turns), (SELECT max(place) FROM turns)),
  step (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM step WHERE n < 32),
  sample AS (
    SELECT t.place, t.tenant, t.session, t.id, length(t.body) AS size
    FROM step
    CROSS JOIN edges
    CROSS JOIN turns t ON t.place = low + (high - low) * n / 32
  )
SELECT
  count(s.size) AS rows,
  count(i.place) AS indexed
FROM sample s
LEFT JOIN turns i INDEXED BY turns_by_key
  ON i.tenant = s.tenant AND i.session = s.session AND i.id = s.id AND i.place = s.place;
