-- Claims an idempotency key; changes nothing where it is taken, unless by a claim that is replaced.
-- :tenant, :key, :fingerprint, :target, :holder
-- :now
-- :overHolder, :overTarget of the claim to be replaced; NULL for none
-- :before                  claims that were made before this time are replaced; NULL for none
INSERT INTO claims (tenant, key, fingerprint, target, holder, created_at)
VALUES (:tenant, :key, :fingerprint, :target, :holder, :now)
ON CONFLICT (tenant, key) DO UPDATE
SET fingerprint = excluded.fingerprint, target = excluded.target,
    holder = excluded.holder, created_at = excluded.created_at
WHERE (holder = :overHolder AND target = :overTarget) OR created_at < :before;
