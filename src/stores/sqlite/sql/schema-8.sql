-- Version 8 of the schema: tags of sessions, and what has changed beside appended turns, for the survey.

ALTER TABLE sessions ADD COLUMN tags TEXT;   -- JSON; NULL when empty

-- What the survey must look at again. Its own file says up to which row it has done so; those rows are deleted.
CREATE TABLE survey_changes (
  number  INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant  TEXT NOT NULL,
  session TEXT NOT NULL,
  place   INTEGER,                         -- of the turn that was changed or erased; NULL: the session's record
  last    INTEGER                          -- the last place in use after an erased turn: later ones are given again
) STRICT;

CREATE TRIGGER turns_amended AFTER UPDATE OF hidden, deleted ON turns
WHEN OLD.hidden IS NOT NEW.hidden OR OLD.deleted <> NEW.deleted
BEGIN
  INSERT INTO survey_changes (tenant, session, place) VALUES (OLD.tenant, OLD.session, OLD.place);
END;

CREATE TRIGGER turns_gone AFTER DELETE ON turns BEGIN
  INSERT INTO survey_changes (tenant, session, place, last)
  VALUES (OLD.tenant, OLD.session, OLD.place, (SELECT coalesce(max(place), 0) FROM turns));
END;

CREATE TRIGGER sessions_made AFTER INSERT ON sessions BEGIN
  INSERT INTO survey_changes (tenant, session) VALUES (NEW.tenant, NEW.id);
END;

CREATE TRIGGER sessions_labelled AFTER UPDATE OF tags ON sessions BEGIN
  INSERT INTO survey_changes (tenant, session) VALUES (NEW.tenant, NEW.id);
END;

CREATE TRIGGER sessions_deleted AFTER DELETE ON sessions BEGIN
  INSERT INTO survey_changes (tenant, session) VALUES (OLD.tenant, OLD.id);
END;
