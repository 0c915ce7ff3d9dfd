-- Version 6 of the schema: values of sessions.

-- The highest version of a deleted value, so that a version never comes back.
ALTER TABLE sessions ADD COLUMN value_floor INTEGER NOT NULL DEFAULT 0;

-- Not named "values", which is a word of SQL.
CREATE TABLE session_values (
  tenant     TEXT NOT NULL,
  session    TEXT NOT NULL,
  key        TEXT NOT NULL,
  version    INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  bytes      INTEGER NOT NULL,             -- of json; before it, so that sums skip its pages
  json       TEXT NOT NULL,
  PRIMARY KEY (tenant, session, key)
) STRICT, WITHOUT ROWID;
