-- :place
-- :text                    with the word of the tenant
INSERT INTO words (rowid, text) VALUES (:place, :text);
