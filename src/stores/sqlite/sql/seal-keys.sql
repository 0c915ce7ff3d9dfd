-- All keys that seal reasoning, the newest last.
SELECT id, secret, created_at AS createdAt FROM seal_keys ORDER BY created_at, id;
