import { Database } from 'bun:sqlite';
import { rmSync } from 'node:fs';
import schema from './sql/schema.sql' with { type: 'text' };

/** Marks a file as a survey: "Surv" in ASCII. */
const APPLICATION_ID = 0x53757276;
/** Grows with every change of the schema, and of what the survey takes from a turn. */
const VERSION = 1;

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
    db.run('PRAGMA journal_mode = WAL');
    db.transaction(() => prepare(db)).immediate();
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function prepare(db: Database): void {
  const { user_version: version } = db.query('PRAGMA user_version').get() as { user_version: number };
  if (version === VERSION) return;
  if (version !== 0) throw new Error(`The survey has version ${version}.`);
  db.run(schema);
  db.run(`PRAGMA application_id = ${APPLICATION_ID}`);
  db.run(`PRAGMA user_version = ${VERSION}`);
}

/** The survey never writes to the log: its transactions begin as reads, and take only the lock of what they write. */
function attached(db: Database, logPath: string): Database {
  db.run('ATTACH ? AS log', [logPath]);
  return db;
}
