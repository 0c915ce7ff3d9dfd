-- Gives a name a number.
-- :tenant, :kind, :value
INSERT INTO terms (tenant, kind, value) VALUES (:tenant, :kind, :value);
