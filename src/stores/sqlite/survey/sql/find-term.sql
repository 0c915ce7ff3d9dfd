-- The number of a name.
-- :tenant, :kind, :value
SELECT id FROM terms WHERE tenant = :tenant AND kind = :kind AND value = :value;
