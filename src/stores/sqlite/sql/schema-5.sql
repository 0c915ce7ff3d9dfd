-- Version 5 of the schema: the keys that seal reasoning.

CREATE TABLE seal_keys (
  id         TEXT PRIMARY KEY,
  secret     BLOB NOT NULL,                -- 32 bytes
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
