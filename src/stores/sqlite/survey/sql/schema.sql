-- The survey: everything here is derived from the log, and made again where this file is missing or has another
-- version.

-- One row: how far the survey has come.
CREATE TABLE progress (
  place   INTEGER NOT NULL,                -- turns of the log up to here are in the survey
  counted INTEGER NOT NULL,                -- turns of the log up to here are in the sums of usage
  change  INTEGER NOT NULL,                -- rows of survey_changes up to here were looked at
  tenant  TEXT,                            -- sessions of the log up to here are in the survey; NULL: all
  session TEXT
) STRICT;
INSERT INTO progress VALUES (0, 0, 0, '', '');

-- Names of all kinds, as numbers.
CREATE TABLE terms (
  id     INTEGER PRIMARY KEY,
  tenant INTEGER NOT NULL,                 -- 0 for names of tenants, and for names that sums of all tenants share
  kind   TEXT NOT NULL,
  value  TEXT NOT NULL,
  UNIQUE (tenant, kind, value)
) STRICT;

CREATE TABLE summaries (
  number     INTEGER PRIMARY KEY,
  tenant     INTEGER NOT NULL,
  session    TEXT NOT NULL,
  visible    INTEGER NOT NULL,             -- it has a record, or a turn that is not deleted
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  turns      INTEGER NOT NULL,
  failed     INTEGER NOT NULL,
  input      INTEGER NOT NULL,
  output     INTEGER NOT NULL,
  cost       INTEGER NOT NULL,
  model      INTEGER,
  key        INTEGER,
  user       INTEGER,
  state      INTEGER,
  error      INTEGER,
  UNIQUE (tenant, session)
) STRICT;
CREATE INDEX summaries_recent ON summaries (tenant, updated_at, number) WHERE visible = 1;
CREATE INDEX summaries_cost ON summaries (tenant, cost) WHERE visible = 1;
CREATE INDEX summaries_tokens ON summaries (tenant, input + output) WHERE visible = 1;

CREATE TABLE traits (
  term    INTEGER NOT NULL,
  summary INTEGER NOT NULL,
  PRIMARY KEY (term, summary)
) STRICT, WITHOUT ROWID;
CREATE INDEX traits_of ON traits (summary, term);

-- Turns that did not complete.
CREATE TABLE failures (
  place  INTEGER PRIMARY KEY,
  tenant INTEGER NOT NULL,
  at     INTEGER NOT NULL
) STRICT;
CREATE INDEX failures_recent ON failures (tenant, at, place);

CREATE TABLE usage (
  id          INTEGER PRIMARY KEY,
  hour        INTEGER NOT NULL,
  tenant      INTEGER NOT NULL,
  key         INTEGER NOT NULL,
  user        INTEGER NOT NULL,
  model       INTEGER NOT NULL,
  claw        INTEGER NOT NULL,
  alias       INTEGER NOT NULL,
  turns       INTEGER NOT NULL,
  failed      INTEGER NOT NULL,
  input       INTEGER NOT NULL,
  output      INTEGER NOT NULL,
  cache_read  INTEGER NOT NULL,
  cache_write INTEGER NOT NULL,
  reasoning   INTEGER NOT NULL,
  cost        INTEGER NOT NULL,
  UNIQUE (hour, tenant, key, user, model, claw, alias)
) STRICT;

-- Histograms of the times of a row of usage.
CREATE TABLE times (
  usage  INTEGER NOT NULL,
  kind   INTEGER NOT NULL,                 -- 0: total, 1: first
  bucket INTEGER NOT NULL,
  count  INTEGER NOT NULL,
  PRIMARY KEY (usage, kind, bucket)
) STRICT, WITHOUT ROWID;
