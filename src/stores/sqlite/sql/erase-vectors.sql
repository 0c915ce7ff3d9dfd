DELETE FROM vectors
WHERE tenant = $tenant AND session = $session
