CREATE TABLE vectors (
  tenant TEXT NOT NULL,
  session TEXT NOT NULL,
  turn TEXT NOT NULL,
  model TEXT NOT NULL,
  passage TEXT NOT NULL,
  vector BLOB NOT NULL,
  PRIMARY KEY (tenant, session, turn, model, passage)
) STRICT, WITHOUT ROWID;
