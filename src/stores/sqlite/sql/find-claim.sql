-- The claim on an idempotency key.
-- :tenant, :key
-- :since                   the earliest time of the claim
SELECT key, fingerprint, target, holder
FROM claims
WHERE tenant = :tenant AND key = :key AND created_at >= :since;
