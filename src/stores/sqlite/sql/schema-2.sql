-- Version 2 of the schema: leases, idempotency keys, fingerprints of requests.

-- The last token that was given back, so that the next one is greater.
ALTER TABLE sessions ADD COLUMN token INTEGER NOT NULL DEFAULT 0;

-- Leases that are held, and those that expired and were not taken over yet.
CREATE TABLE leases (
  tenant  TEXT NOT NULL,
  session TEXT NOT NULL,
  token   INTEGER NOT NULL,
  holder  TEXT NOT NULL,
  until   INTEGER NOT NULL,
  PRIMARY KEY (tenant, session)
) STRICT, WITHOUT ROWID;

-- In the row that a commit is about to write anyway, so that it costs next to nothing.
CREATE TRIGGER leases_given_back AFTER DELETE ON leases BEGIN
  UPDATE sessions SET token = OLD.token WHERE tenant = OLD.tenant AND id = OLD.session;
END;

CREATE TABLE claims (
  tenant      TEXT NOT NULL,
  key         TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  target      TEXT NOT NULL,
  holder      TEXT NOT NULL,
  created_at  INTEGER NOT NULL,
  PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX claims_by_time ON claims (created_at);

-- Fingerprints of requests that may come again. Written with every turn and hardly ever read: it is
-- appended to and scanned, and an index would cost more than it saves.
CREATE TABLE fingerprints (
  place       INTEGER PRIMARY KEY,         -- of the turn
  created_at  INTEGER NOT NULL,            -- of the turn
  fingerprint BLOB NOT NULL
) STRICT;

-- The place of the last turn is given again when it is erased.
CREATE TRIGGER turns_erased AFTER DELETE ON turns BEGIN
  DELETE FROM fingerprints WHERE place = OLD.place;
END;
