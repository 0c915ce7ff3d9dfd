-- Version 1 of the schema.

-- The log. Append-ordered, because appending groups of rows is about three times faster than inserting
-- them in key order. A turn is addressed inside the file by its place, from outside by its key.
CREATE TABLE turns (
  place        INTEGER PRIMARY KEY,
  tenant       TEXT NOT NULL,
  session      TEXT NOT NULL,
  id           TEXT NOT NULL,              -- what follows the session in the turn's id
  parent       INTEGER,                    -- place of the turn before; NULL at the root
  root         INTEGER,                    -- place of the branch's root; NULL at the root
  created_at   INTEGER NOT NULL,
  state        INTEGER NOT NULL,           -- see columns.ts
  dialect      INTEGER NOT NULL,           -- see columns.ts
  listed       INTEGER NOT NULL,
  deleted      INTEGER NOT NULL,
  model        TEXT NOT NULL,
  tokens       INTEGER NOT NULL,
  total_tokens INTEGER NOT NULL,
  digest       ANY NOT NULL,               -- a BLOB where it is lower-case hex, which halves it
  metadata     TEXT,                       -- JSON; NULL when empty
  hidden       TEXT,                       -- JSON; NULL when empty
  body         ANY NOT NULL                -- see body.ts; last, so that reading the rest skips its pages
) STRICT;

CREATE UNIQUE INDEX turns_by_key ON turns (tenant, session, id);

CREATE INDEX turns_listed ON turns (tenant, created_at) WHERE listed = 1 AND deleted = 0;

CREATE TABLE sessions (
  tenant     TEXT NOT NULL,
  id         TEXT NOT NULL,
  name       TEXT,
  created_at INTEGER NOT NULL,
  head       TEXT,                         -- what follows the session in the head's id
  edits      INTEGER NOT NULL DEFAULT 0,   -- how often items of its turns were hidden
  metadata   TEXT,                         -- JSON; NULL when empty
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX sessions_by_name ON sessions (tenant, name) WHERE name IS NOT NULL;

-- Hashed keys of the gateway itself.
CREATE TABLE gateway_keys (
  name TEXT PRIMARY KEY,
  hash TEXT NOT NULL
) STRICT, WITHOUT ROWID;

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
  t.dialect,
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
LEFT JOIN turns p ON p.place = t.parent;
