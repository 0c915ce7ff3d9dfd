-- :place, :tenant, :at
INSERT INTO failures (place, tenant, at) VALUES (:place, :tenant, :at) ON CONFLICT DO NOTHING;
