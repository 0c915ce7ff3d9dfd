-- Version 4 of the schema: lines of sessions.

-- The number of the line that the head is on.
ALTER TABLE sessions ADD COLUMN main INTEGER NOT NULL DEFAULT 0;

CREATE TABLE lines (
  tenant  TEXT NOT NULL,
  session TEXT NOT NULL,
  number  INTEGER NOT NULL,
  agent   TEXT,
  opening TEXT NOT NULL,                   -- see session/likeness.ts
  tip     TEXT,                            -- what follows the session in the id of the line's latest turn
  PRIMARY KEY (tenant, session, number)
) STRICT, WITHOUT ROWID;

-- The lines of turns that are not on line 0. Most sessions have no other line, and their turns cost nothing here.
CREATE TABLE side_turns (
  place INTEGER PRIMARY KEY,               -- of the turn
  line  INTEGER                            -- NULL where the turn is beside every line
) STRICT;

-- The place of the last turn is given again when it is erased.
CREATE TRIGGER side_turns_erased AFTER DELETE ON turns BEGIN
  DELETE FROM side_turns WHERE place = OLD.place;
END;

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
  iif(s.place IS NULL, 0, s.line) AS line,
  t.metadata,
  t.hidden,
  t.body
FROM turns t
LEFT JOIN turns p ON p.place = t.parent
LEFT JOIN dialects d ON d.number = t.dialect
LEFT JOIN side_turns s ON s.place = t.place;
