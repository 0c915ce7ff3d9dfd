-- :place, :text
INSERT INTO temp.candidates (rowid, text) VALUES (:place, :text);
