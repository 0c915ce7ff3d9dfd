import { Database, SQLiteError } from 'bun:sqlite';
import { existsSync, rmSync } from 'node:fs';

/**
 * A lock that says that a process is alive. The operating system releases it when the process ends,
 * however it ends, so neither a reused process id nor another container's can be mistaken for it. It is
 * SQLite's lock on an empty file, because that is the file lock that the runtime offers.
 */
export class InstanceLock {
  private constructor(
    private readonly database: Database,
    private readonly path: string,
  ) {}

  /** Takes the lock, or returns `undefined` while somebody holds it. */
  static take(path: string): InstanceLock | undefined {
    const database = new Database(path, { create: true });
    try {
      database.run('PRAGMA busy_timeout = 0');
      database.run('BEGIN EXCLUSIVE');
    } catch (error) {
      database.close();
      if (error instanceof SQLiteError && error.code === 'SQLITE_BUSY') return undefined;
      throw error;
    }
    // Whoever held it before may have removed the file between our opening and our locking it.
    if (existsSync(path)) return new InstanceLock(database, path);
    database.close();
    return undefined;
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
