-- The turns with these words, the latest first.
-- :match                   a query of FTS5
-- :place                   only before this place
-- :limit
SELECT rowid AS place FROM words WHERE words MATCH :match AND rowid < :place ORDER BY rowid DESC LIMIT :limit;
