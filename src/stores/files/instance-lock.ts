import { Database, SQLiteError } from 'bun:sqlite';
import { existsSync, rmSync } from 'node:fs';

/** `free`: the process that made the file has ended. */
export type LockState = 'held' | 'free' | 'missing';

/**
 * A lock that says that a process is alive. The operating system releases it when the process ends, in every
 * way in which a process can end, so neither a reused process id nor another container's can be mistaken for
 * it. It is SQLite's lock on an empty file, because that is the file lock that the runtime offers.
 */
export class InstanceLock {
  private constructor(
    private readonly database: Database,
    private readonly path: string,
  ) {}

  /** Takes the lock. `undefined` while it is held, and where its file is missing and must not be made. */
  static take(path: string, { create }: { create: boolean }): InstanceLock | undefined {
    const database = open(path, { readwrite: true, create });
    if (!database) return undefined;
    try {
      // Nothing is ever written, so that a journal file would only be left behind.
      database.run('PRAGMA journal_mode = MEMORY');
      database.run('BEGIN EXCLUSIVE');
    } catch (error) {
      database.close();
      if (isBusy(error) || !existsSync(path)) return undefined;
      throw error;
    }
    // An earlier holder may have removed the file after we opened it and before we locked it.
    if (existsSync(path)) return new InstanceLock(database, path);
    database.close();
    return undefined;
  }

  /** Asking takes only a reader's share of the lock, so that many processes may ask at once. */
  static stateOf(path: string): LockState {
    const database = open(path, { readonly: true });
    if (!database) return 'missing';
    try {
      database.query('SELECT 1 FROM sqlite_schema').get();
      return 'free';
    } catch (error) {
      if (isBusy(error)) return 'held';
      if (!existsSync(path)) return 'missing';
      throw error;
    } finally {
      database.close();
    }
  }

  release(): void {
    this.database.close();
  }

  /** Releases the lock and removes its file. */
  remove(): void {
    rmSync(this.path, { force: true });
    this.release();
  }
}

interface Mode {
  readonly?: boolean;
  readwrite?: boolean;
  create?: boolean;
}

/** `undefined` where there is no such file and none is to be made. */
function open(path: string, mode: Mode): Database | undefined {
  try {
    const database = new Database(path, mode);
    database.run('PRAGMA busy_timeout = 0');
    return database;
  } catch (error) {
    if (mode.create || existsSync(path)) throw error;
    return undefined;
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof SQLiteError && error.code === 'SQLITE_BUSY';
}
