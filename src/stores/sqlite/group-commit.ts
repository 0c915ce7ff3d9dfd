import { type Database, SQLiteError, type Statement } from 'bun:sqlite';
import { basename } from 'node:path';
import { type Clock, systemClock } from '../../core/clock.ts';
import { Fault } from '../../core/errors.ts';
import { type OperationName, Operations } from './operations.ts';
import { type Call, type GroupOutcome, type Result, UNSYNCED } from './thread-protocol.ts';

const READS: ReadonlySet<OperationName> = new Set<OperationName>([
  'findSession',
  'findSessionByName',
  'readTurn',
  'readBranch',
  'readHead',
  'readTree',
  'readLines',
  'readValue',
  'listValues',
  'listTurns',
  'findKey',
  'findClaim',
  'findByFingerprint',
  'silentFor',
  'leaseHolders',
]);

/** Writes between two checkpoints: a few megabytes of log, which a restart reads again in milliseconds. */
const CHECKPOINT_AFTER = 1000;

/**
 * Whether a commit syncs the write-ahead log. One that does makes those before it durable too, also where
 * they did not: the log is one file, synced as a whole, and what has left it for the database file was synced
 * on both sides by the checkpoint. So a turn that is on disk can never rest on something that is not.
 */
type Syncing = 'FULL' | 'NORMAL';

/** Runs groups of calls, each group in one transaction with at most one sync of the disk. */
export class GroupCommit {
  private readonly operations: Operations;
  private readonly begin: Statement;
  private readonly commit: Statement;
  private readonly rollback: Statement;
  private writesSinceCheckpoint = 0;
  private syncing: Syncing = 'FULL';

  constructor(
    private readonly db: Database,
    clock: Clock = systemClock,
  ) {
    this.operations = new Operations(db, clock);
    this.begin = db.prepare('BEGIN IMMEDIATE');
    this.commit = db.prepare('COMMIT');
    this.rollback = db.prepare('ROLLBACK');
  }

  /** What a result says is on disk, except for `UNSYNCED` calls: the operating system has what they wrote. */
  run(calls: readonly Call[]): GroupOutcome {
    const writes = calls.filter((call) => !READS.has(call.name)).length;
    if (writes === 0) return { results: calls.map((call) => this.read(call)), transactions: 0 };
    this.writesSinceCheckpoint += writes;
    return this.transact(calls);
  }

  /** Moves committed pages into the database file once enough have gathered. To be called between groups. */
  checkpoint(): void {
    if (this.writesSinceCheckpoint < CHECKPOINT_AFTER) return;
    this.writesSinceCheckpoint = 0;
    try {
      this.db.run('PRAGMA wal_checkpoint(PASSIVE)');
    } catch {
      // What was acknowledged stays safe in the write-ahead log, and SQLite tries again by itself.
    }
  }

  /** Closes the database. SQLite keeps one open, and its write-ahead log with it, as long as a statement is. */
  close(): void {
    for (const statement of [this.operations, this.begin, this.commit, this.rollback]) statement.finalize();
    this.db.close();
  }

  private transact(calls: readonly Call[]): GroupOutcome {
    let results: Result[];
    try {
      this.sync(calls.every((call) => UNSYNCED.has(call.name)) ? 'NORMAL' : 'FULL');
      this.begin.run();
    } catch (error) {
      return this.failed(calls, error);
    }
    try {
      results = calls.map((call) => this.perform(call));
    } catch (error) {
      this.undo();
      return calls.length === 1 ? this.failed(calls, error) : this.transactEach(calls);
    }
    try {
      this.commit.run();
    } catch (error) {
      this.undo();
      return this.failed(calls, error);
    }
    return { results, transactions: 1 };
  }

  /** Something is wrong with one of the calls: each runs in a transaction of its own, so that it fails alone. */
  private transactEach(calls: readonly Call[]): GroupOutcome {
    const outcomes = calls.map((call) => this.transact([call]));
    return {
      results: outcomes.flatMap((outcome) => outcome.results),
      transactions: outcomes.reduce((sum, outcome) => sum + outcome.transactions, 0),
    };
  }

  private sync(syncing: Syncing): void {
    if (syncing === this.syncing) return;
    // Takes effect when it is compiled, so that a prepared statement would do it only once.
    this.db.run(`PRAGMA synchronous = ${syncing}`);
    this.syncing = syncing;
  }

  private undo(): void {
    // SQLite has rolled back already after some failures, such as a full disk.
    if (this.db.inTransaction) this.rollback.run();
  }

  private read(call: Call): Result {
    try {
      return this.perform(call);
    } catch (error) {
      return this.failure(error);
    }
  }

  private perform({ name, args }: Call): Result {
    try {
      return { value: this.operations.perform(name, args) };
    } catch (error) {
      if (error instanceof Fault) return { code: error.code, message: error.message };
      throw error;
    }
  }

  private failed(calls: readonly Call[], error: unknown): GroupOutcome {
    return { results: calls.map(() => this.failure(error)), transactions: 0 };
  }

  private failure(error: unknown): Result {
    const reason = error instanceof Error ? error.message : String(error);
    // To try again does not help.
    if (error instanceof SQLiteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code ?? '')) {
      const file = basename(this.db.filename);
      return { code: 'context_lost', message: `The database ${file} is damaged (${reason}).` };
    }
    return { code: 'store_unavailable', message: `The session store failed: ${reason}.` };
  }
}
