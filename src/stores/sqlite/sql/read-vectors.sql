SELECT turn, passage, vector FROM vectors
WHERE tenant = $tenant AND session = $session AND (turn, passage) > ($turn, $passage) AND turn >= $turn
  AND model = $model
ORDER BY turn, passage
LIMIT $limit
