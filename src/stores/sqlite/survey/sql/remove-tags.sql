-- Removes the tags of a session.
-- :number
DELETE FROM traits WHERE summary = :number AND term IN (
  SELECT t.term FROM traits t JOIN terms n ON n.id = t.term WHERE t.summary = :number AND n.kind = 'tag'
);
