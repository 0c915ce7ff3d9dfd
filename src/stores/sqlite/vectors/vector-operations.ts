import { Database } from 'bun:sqlite';
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { SessionId, TurnId } from '../../../core/ids.ts';
import type { Tenant } from '../../../core/request.ts';
import type { PassageVector, VectorScope } from '../../../session/vector-store.ts';
import eraseSql from '../sql/erase-vectors.sql' with { type: 'text' };
import forgetSql from '../sql/forget-vectors.sql' with { type: 'text' };
import putSql from '../sql/put-vector.sql' with { type: 'text' };
import readSql from '../sql/read-vectors.sql' with { type: 'text' };
import sessionsSql from '../sql/sessions-with-vectors.sql' with { type: 'text' };
import schemaSql from '../sql/vectors-schema.sql' with { type: 'text' };
import { Statements } from '../statements.ts';

/** Marks a file as one of derived data: "Clwd" in ASCII. */
const APPLICATION_ID = 0x436c7764;
const VERSION = 1;

const SETTINGS = [
  'PRAGMA busy_timeout = 5000',
  'PRAGMA page_size = 8192',
  'PRAGMA cache_size = -8192',
  // What is erased is overwritten.
  'PRAGMA secure_delete = ON',
  // A crash of the machine may lose the latest vectors, which are made again; it damages nothing.
  'PRAGMA synchronous = NORMAL',
  'PRAGMA journal_size_limit = 67108864',
];

/** What the thread of the vectors can be asked, in plain values that travel between threads. */
export class VectorOperations {
  private readonly statements: Statements;

  constructor(private readonly db: Database) {
    this.statements = new Statements(db);
  }

  putVectors({ tenant, session, model }: VectorScope, vectors: readonly PassageVector[]): void {
    this.db
      .transaction(() => {
        for (const { turn, passage, vector } of vectors) {
          const bytes = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
          this.statements.run(putSql, { tenant, session, turn, model, passage, vector: bytes });
        }
      })
      .immediate();
  }

  readVectors(
    { tenant, session, model }: VectorScope,
    after: Pick<PassageVector, 'turn' | 'passage'> | undefined,
    limit: number,
  ): PassageVector[] {
    const { turn, passage } = after ?? { turn: '', passage: '' };
    return this.statements
      .all<{ turn: TurnId; passage: string; vector: Uint8Array }>(readSql, {
        ...{ tenant, session, model, turn, passage, limit },
      })
      .map(({ vector, ...place }) => ({
        ...place,
        vector: new Int8Array(vector.buffer, vector.byteOffset, vector.byteLength),
      }));
  }

  forgetTurn(tenant: Tenant, session: SessionId, turn: TurnId): void {
    this.statements.run(forgetSql, { tenant, session, turn });
  }

  eraseVectors(tenant: Tenant, session: SessionId): void {
    this.statements.run(eraseSql, { tenant, session });
  }

  sessionsWithVectors(
    after: Pick<VectorScope, 'tenant' | 'session'> | undefined,
    limit: number,
  ): Pick<VectorScope, 'tenant' | 'session'>[] {
    const { tenant, session } = after ?? { tenant: '', session: '' };
    return this.statements.all(sessionsSql, { tenant, session, limit });
  }

  close(): void {
    this.statements.finalize();
    this.db.close();
  }
}

/** The name of an operation of the thread of vectors. */
export type VectorOperation = Exclude<keyof VectorOperations, 'close'>;

/**
 * Opens the file, or makes it. Everything in it can be made again, so a file that is damaged, or that another version
 * wrote, is replaced by an empty one.
 */
export function openVectors(path: string): VectorOperations {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    return new VectorOperations(opened(path));
  } catch (error) {
    if (!isDamaged(error)) throw error;
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
    return new VectorOperations(opened(path));
  }
}

class OtherVersion extends Error {}

/** What a new file helps with; not a full disk, or a file that may not be read. */
export function isDamaged(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return error instanceof OtherVersion || (typeof code === 'string' && /^SQLITE_(CORRUPT|NOTADB)/.test(code));
}

function opened(path: string): Database {
  closeSync(openSync(path, 'a', 0o600));
  const db = new Database(path, { create: true, strict: true });
  try {
    for (const setting of SETTINGS) db.run(setting);
    db.run('PRAGMA journal_mode = WAL');
    db.transaction(() => {
      const version = numberOf(db, 'user_version');
      const application = numberOf(db, 'application_id');
      if (version === 0 && application === 0) {
        db.run(schemaSql);
        db.run(`PRAGMA application_id = ${APPLICATION_ID}`);
        db.run(`PRAGMA user_version = ${VERSION}`);
      } else if (version !== VERSION || application !== APPLICATION_ID) throw new OtherVersion();
    }).immediate();
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

const numberOf = (db: Database, pragma: string): number =>
  (db.query(`PRAGMA ${pragma}`).get() as Record<string, number>)[pragma]!;
