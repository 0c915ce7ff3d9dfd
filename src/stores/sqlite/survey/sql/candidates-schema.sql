-- Texts that may have a phrase, and the words of a text; for one question at a time, in memory.
CREATE VIRTUAL TABLE temp.candidates USING fts5 (
  text,
  content = '', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE temp.candidate_words USING fts5vocab (temp, candidates, instance);
