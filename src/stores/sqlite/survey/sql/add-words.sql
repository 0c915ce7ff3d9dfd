-- :place, :tenant, :text
INSERT INTO words (rowid, tenant, text) VALUES (:place, :tenant, :text);
