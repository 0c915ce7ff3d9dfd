-- Version 3 of the schema: the processes that share the file, and dialects by name.
-- From this version on, fingerprints.created_at is the time of the commit.

CREATE TABLE members (
  id      TEXT PRIMARY KEY,
  seen_at INTEGER NOT NULL                 -- when the process gave its last sign of life
) STRICT, WITHOUT ROWID;

-- turns.dialect holds the number. A name is added with the first turn that has it.
CREATE TABLE dialects (
  number INTEGER PRIMARY KEY,
  name   TEXT NOT NULL UNIQUE
) STRICT;

INSERT INTO dialects (number, name) VALUES (0, 'chat'), (1, 'responses');

DROP VIEW turn_rows;

-- Turns as the store reads them.
CREATE VIEW turn_rows AS
SELECT
  t.place,
  t.parent       AS parentPlace,
  t.tenant,
  t.session,
  t.id,
  p.id           AS parent,
  t.created_at   AS createdAt,
  t.state,
  d.name         AS dialect,
  t.listed,
  t.deleted,
  t.model,
  t.tokens,
  t.total_tokens AS totalTokens,
  iif(typeof(t.digest) = 'blob', lower(hex(t.digest)), t.digest) AS digest,
  t.metadata,
  t.hidden,
  t.body
FROM turns t
LEFT JOIN turns p ON p.place = t.parent
LEFT JOIN dialects d ON d.number = t.dialect;
