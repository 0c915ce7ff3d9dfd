import { Database, SQLiteError } from 'bun:sqlite';
import { accessSync, closeSync, constants, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Unusable } from '../unusable.ts';
import { checkBodies } from './body.ts';
import probeLogSql from './sql/probe-log.sql' with { type: 'text' };
import probeSessionsSql from './sql/probe-sessions.sql' with { type: 'text' };
import schema1 from './sql/schema-1.sql' with { type: 'text' };
import schema2 from './sql/schema-2.sql' with { type: 'text' };
import schema3 from './sql/schema-3.sql' with { type: 'text' };
import schema4 from './sql/schema-4.sql' with { type: 'text' };
import schema5 from './sql/schema-5.sql' with { type: 'text' };
import schema6 from './sql/schema-6.sql' with { type: 'text' };
import schema7 from './sql/schema-7.sql' with { type: 'text' };
import schema8 from './sql/schema-8.sql' with { type: 'text' };
import schema9 from './sql/schema-9.sql' with { type: 'text' };

/** Marks a database file as ours: "Claw" in ASCII. */
const APPLICATION_ID = 0x436c6177;

/** Element n brings a file from version n to n + 1. Append only: files of every version exist. */
const MIGRATIONS: readonly string[] = [
  schema1,
  schema2,
  schema3,
  schema4,
  schema5,
  schema6,
  schema7,
  schema8,
  schema9,
];

const HEADER_SIZE = 100;
const MAGIC = 'SQLite format 3\0';
const APPLICATION_ID_OFFSET = 68;

const SETTINGS = [
  'PRAGMA busy_timeout = 5000',
  // Rows of one or two kilobytes leave less of a page unused than with the default of 4096.
  'PRAGMA page_size = 8192',
  'PRAGMA cache_size = -16384',
  'PRAGMA temp_store = MEMORY',
  'PRAGMA cell_size_check = ON',
  'PRAGMA trusted_schema = OFF',
  // What is erased is overwritten, in the file and in the pages that the log gets from then on.
  'PRAGMA secure_delete = ON',
  'PRAGMA synchronous = FULL',
  // On macOS a plain sync leaves the data in the drive's cache; elsewhere this changes nothing.
  'PRAGMA fullfsync = ON',
  // Checkpoints are made between groups, so that no answer waits for them. SQLite's own are a safeguard.
  'PRAGMA wal_autocheckpoint = 4000',
  'PRAGMA journal_size_limit = 67108864',
];

/**
 * Opens a database file for writing, or makes it where there is none. Throws an `Error` for the operator
 * where the file cannot be used; such a file is left as it is.
 */
export function openDatabase(path: string): Database {
  try {
    checkBodies();
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    checkDatabase(path);
    // SQLite would let all users read the file. The files beside it get its mode.
    if (isNew(path)) closeSync(openSync(path, 'a', 0o600));
    return openWritable(path);
  } catch (error) {
    throw error instanceof Unusable ? error : explain(path, error);
  }
}

/**
 * Throws the error that `openDatabase` would throw for the file, and changes nothing. A missing file is not an
 * error.
 */
export function checkDatabase(path: string): void {
  try {
    if (isNew(path)) return;
    accessSync(path, constants.W_OK);
    checkHeader(path);
    checkContent(path);
  } catch (error) {
    throw error instanceof Unusable ? error : explain(path, error);
  }
}

/** Opens a file that `openDatabase` has found to be sound. */
export function openForReading(path: string): Database {
  const db = new Database(path, { readonly: true, strict: true });
  for (const setting of SETTINGS) db.run(setting);
  return db;
}

const unusable = (path: string, problem: string, remedy: string): Unusable =>
  new Unusable(`The database ${path} ${problem}`, remedy);

const RESTORE =
  'Restore it from a backup, or move it away (with its -wal and -shm files) to start with an empty one.';
const ELSEWHERE = 'Choose another path for the database, or move this file away.';

function isNew(path: string): boolean {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const logSize = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  // SQLite would delete the log, and with it what may be the only copy of the latest turns.
  if (size === 0 && logSize > 0)
    throw unusable(path, 'is missing or empty, but its -wal file is not', RESTORE);
  return size === 0;
}

/** Reads the header without SQLite, which would touch the files beside a database of another program. */
function checkHeader(path: string): void {
  const header = Buffer.alloc(HEADER_SIZE);
  const file = openSync(path, 'r');
  try {
    readSync(file, header, 0, HEADER_SIZE, 0);
  } finally {
    closeSync(file);
  }
  if (header.toString('latin1', 0, MAGIC.length) !== MAGIC) {
    throw unusable(path, 'is not an SQLite database, or its first bytes are damaged', RESTORE);
  }
  if (header.readUInt32BE(APPLICATION_ID_OFFSET) !== APPLICATION_ID) {
    throw unusable(path, 'belongs to another application', ELSEWHERE);
  }
}

/** Opened for reading only, because closing a database for writing changes its file. */
function checkContent(path: string): void {
  const db = new Database(path, { readonly: true });
  try {
    for (const setting of SETTINGS) db.run(setting);
    const version = schemaVersion(db);
    if (version > MIGRATIONS.length) {
      const versions = `has schema version ${version}; this program knows versions up to ${MIGRATIONS.length}`;
      throw unusable(path, versions, 'Start the newer program that wrote it, or restore an older backup.');
    }
    if (version < 1) throw unusable(path, 'has no schema version', RESTORE);
    const log = db.query(probeLogSql).get() as { rows: number; indexed: number };
    if (log.rows !== log.indexed) throw unusable(path, 'is damaged: an index lacks rows', RESTORE);
    db.query(probeSessionsSql).get();
  } finally {
    db.close();
  }
}

function openWritable(path: string): Database {
  const db = new Database(path, { create: true, strict: true });
  try {
    for (const setting of SETTINGS) db.run(setting);
    if (schemaVersion(db) < MIGRATIONS.length) migrate(db);
    // After the schema, so that a file's header bears our mark from its first byte on.
    db.run('PRAGMA journal_mode = WAL');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function migrate(db: Database): void {
  db.transaction(() => {
    // Another process may have been faster.
    for (const sql of MIGRATIONS.slice(schemaVersion(db))) db.run(sql);
    db.run(`PRAGMA application_id = ${APPLICATION_ID}`);
    db.run(`PRAGMA user_version = ${MIGRATIONS.length}`);
  }).exclusive();
}

function schemaVersion(db: Database): number {
  return (db.query('PRAGMA user_version').get() as { user_version: number }).user_version;
}

function explain(path: string, error: unknown): Unusable {
  const reason = error instanceof Error ? error.message : String(error);
  const code = error instanceof SQLiteError ? (error.code ?? '') : '';
  if (/^SQLITE_(CORRUPT|NOTADB|ERROR)/.test(code)) return unusable(path, `is damaged (${reason})`, RESTORE);
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) {
    return unusable(path, 'is locked by another process', 'Stop that process, then start again.');
  }
  const remedy = 'Check that the path is right and that this user may write to the file and its directory.';
  return unusable(path, `cannot be opened (${reason})`, remedy);
}
