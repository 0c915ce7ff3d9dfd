-- Version 7 of the schema: turns that are found by their history.

CREATE TABLE histories (
  tenant TEXT NOT NULL,
  digest ANY NOT NULL,                     -- as in turns
  place  INTEGER NOT NULL,                 -- of the turn
  PRIMARY KEY (tenant, digest, place)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER histories_erased AFTER DELETE ON turns BEGIN
  DELETE FROM histories WHERE tenant = OLD.tenant AND digest = OLD.digest AND place = OLD.place;
END;
