-- The claim on an idempotency key.
-- :tenant, :key
SELECT key, fingerprint, target, holder, created_at AS createdAt
FROM claims
WHERE tenant = :tenant AND key = :key;
