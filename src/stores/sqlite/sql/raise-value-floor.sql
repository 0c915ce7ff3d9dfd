-- Notes the version of a deleted value.
-- :tenant, :session, :version
UPDATE sessions SET value_floor = max(value_floor, :version) WHERE tenant = :tenant AND id = :session;
