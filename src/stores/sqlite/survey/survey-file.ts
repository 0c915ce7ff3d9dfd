import { Database } from 'bun:sqlite';
import { rmSync } from 'node:fs';
import forgetEverythingSql from './sql/forget-everything.sql' with { type: 'text' };
import schema from './sql/schema.sql' with { type: 'text' };
import wordsSchema from './sql/words-schema.sql' with { type: 'text' };

/** Marks a file as a survey: "Surv" in ASCII. */
const APPLICATION_ID = 0x53757276;
/** Grows with every change of the schema, and of what the survey takes from a turn. */
const VERSION = 2;
/** It has the same tables but for the words. */
const VERSION_WITH_ORDER = 1;

const SETTINGS = [
  'PRAGMA busy_timeout = 5000',
  'PRAGMA cache_size = -32768',
  'PRAGMA temp_store = MEMORY',
  'PRAGMA trusted_schema = OFF',
  // What is erased is overwritten.
  'PRAGMA secure_delete = ON',
  // A power cut may undo the last transactions as a whole, with the progress that they note.
  'PRAGMA synchronous = NORMAL',
  'PRAGMA journal_size_limit = 67108864',
];

/**
 * Opens the survey, or makes it, with the log as the schema `log`. A survey that is damaged or of another version
 * is made anew: it holds nothing that is not in the log, except sums of turns that are not.
 */
export function openSurvey(path: string, logPath: string): Database {
  try {
    return attached(openFile(path), logPath);
  } catch {
    for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true });
    return attached(openFile(path), logPath);
  }
}

function openFile(path: string): Database {
  const db = new Database(path, { create: true, strict: true });
  try {
    for (const setting of SETTINGS) db.run(setting);
    // Of a new file; it lets `shrink` give pages back.
    db.run('PRAGMA auto_vacuum = INCREMENTAL');
    db.run('PRAGMA journal_mode = WAL');
    const hadOrder = db.transaction(() => prepare(db)).immediate();
    if (hadOrder) makeDense(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Most of the file is unused, and `shrink` cannot give it back before the file gets the setting of a new one. */
function makeDense(db: Database): void {
  try {
    db.run('VACUUM');
  } catch {
    // Another process was busy with the file, or the disk is full: new words will use these pages.
  }
}

/** True where the file had the order of words. Its words are taken from the log again; sums of usage stay. */
function prepare(db: Database): boolean {
  const { user_version: version } = db.query('PRAGMA user_version').get() as { user_version: number };
  if (version === VERSION) return false;
  const hadOrder = version === VERSION_WITH_ORDER;
  if (hadOrder) db.run('DROP TABLE words');
  else if (version === 0) db.run(schema);
  else throw new Error(`The survey has version ${version}.`);
  db.run(wordsSchema);
  if (hadOrder) db.run(forgetEverythingSql);
  db.run(`PRAGMA application_id = ${APPLICATION_ID}`);
  db.run(`PRAGMA user_version = ${VERSION}`);
  return hadOrder;
}

/** The survey never writes to the log: its transactions begin as reads, and take only the lock of what they write. */
function attached(db: Database, logPath: string): Database {
  db.run('ATTACH ? AS log', [logPath]);
  return db;
}

/** Unused pages are given back where they are more than this share of the file; new words need some. */
const UNUSED_SHARE = 1 / 8;
/** How many pages are given back at once: some milliseconds' worth. */
const PAGES_AT_ONCE = 256;

/** Gives some unused pages back: when the index joins its parts, the earlier ones become unused. */
export function shrink(db: Database): void {
  const { pages, unused } = db
    .query(
      'SELECT page_count AS pages, freelist_count AS unused FROM pragma_page_count, pragma_freelist_count',
    )
    .get() as { pages: number; unused: number };
  if (unused > pages * UNUSED_SHARE) db.run(`PRAGMA incremental_vacuum(${PAGES_AT_ONCE})`);
}
