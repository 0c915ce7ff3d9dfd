-- The words of turns, by their places; with them the word of the tenant. The text itself is in the log alone, and so is
-- the order of the words: phrases are looked for in the texts that have their words (see phrases.ts). With the
-- positions of words, the index would be three times as large.
CREATE VIRTUAL TABLE words USING fts5 (
  text,
  content = '', contentless_delete = 1, detail = none, tokenize = 'unicode61 remove_diacritics 2'
);
