DELETE FROM vectors
WHERE tenant = $tenant AND session = $session AND turn = $turn
