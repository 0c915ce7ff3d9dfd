-- :match                   a query of FTS5
SELECT rowid AS place FROM temp.candidates WHERE candidates MATCH :match;
