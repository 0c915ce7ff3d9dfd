import type { Database, SQLQueryBindings, Statement } from 'bun:sqlite';
import { Fault } from '../../core/errors.ts';
import type { SessionId } from '../../core/ids.ts';
import type { Tenant } from '../../core/turn.ts';
import { packBody, unpackBody } from './body.ts';
import type { SessionColumns, TurnColumns, TurnKey, TurnSuffix } from './columns.ts';
import countEditSql from './sql/count-edit.sql' with { type: 'text' };
import deleteSessionSql from './sql/delete-session.sql' with { type: 'text' };
import findKeySql from './sql/find-key.sql' with { type: 'text' };
import findPlaceSql from './sql/find-place.sql' with { type: 'text' };
import findSessionSql from './sql/find-session.sql' with { type: 'text' };
import findSessionByNameSql from './sql/find-session-by-name.sql' with { type: 'text' };
import insertSessionSql from './sql/insert-session.sql' with { type: 'text' };
import insertTurnSql from './sql/insert-turn.sql' with { type: 'text' };
import listTurnsAscSql from './sql/list-turns-asc.sql' with { type: 'text' };
import listTurnsDescSql from './sql/list-turns-desc.sql' with { type: 'text' };
import moveHeadSql from './sql/move-head.sql' with { type: 'text' };
import readBranchSql from './sql/read-branch.sql' with { type: 'text' };
import readTreeSql from './sql/read-tree.sql' with { type: 'text' };
import readTurnSql from './sql/read-turn.sql' with { type: 'text' };
import setKeySql from './sql/set-key.sql' with { type: 'text' };
import updateSessionSql from './sql/update-session.sql' with { type: 'text' };
import updateTurnSql from './sql/update-turn.sql' with { type: 'text' };

interface StoredTurn extends TurnColumns {
  place: number;
  parentPlace: number | null;
}

interface StoredPlace {
  place: number;
  root: number;
  createdAt: number;
}

export interface TurnChange {
  /** JSON, or `null` when empty; absent to leave it. */
  metadata?: string | null;
  hide?: string[];
  deleted?: true;
}

export interface Page {
  after?: TurnKey;
  limit: number;
  order: 'asc' | 'desc';
  model: string | null;
  metadata: string | null;
}

export interface HeadColumns {
  session: SessionColumns;
  branch?: TurnColumns[];
}

export interface TreeColumns {
  id: TurnSuffix;
  parent: TurnSuffix | null;
  digest: string;
}

/**
 * What the store's thread can be asked, in plain values that travel between threads. Each operation
 * runs inside the transaction of its group. A `Fault` is thrown only before anything is written.
 */
export class Operations {
  private readonly statements = new Map<string, Statement>();

  constructor(private readonly db: Database) {}

  createSession(session: SessionColumns): SessionColumns {
    const { edits: _, ...columns } = session;
    const { changes } = this.prepare(insertSessionSql).run(columns);
    if (changes === 1) return session;
    const { tenant, id, name } = session;
    return (
      (name === null ? undefined : this.findSessionByName(tenant, name)) ?? this.findSession(tenant, id)!
    );
  }

  findSession(tenant: Tenant, id: SessionId): SessionColumns | undefined {
    return this.first<SessionColumns>(findSessionSql, { tenant, id });
  }

  findSessionByName(tenant: Tenant, name: string): SessionColumns | undefined {
    return this.first<SessionColumns>(findSessionByNameSql, { tenant, name });
  }

  updateSession(tenant: Tenant, id: SessionId, metadata: string | null): SessionColumns | undefined {
    this.prepare(updateSessionSql).run({ tenant, id, metadata });
    return this.findSession(tenant, id);
  }

  deleteSession(tenant: Tenant, id: SessionId): boolean {
    return this.prepare(deleteSessionSql).run({ tenant, id }).changes === 1;
  }

  commitTurn(turn: TurnColumns, moveHead?: { from: TurnSuffix | null }): boolean {
    const { tenant, session, parent, ...columns } = turn;
    const before = parent === null ? undefined : this.findPlace({ tenant, session, id: parent });
    if (parent !== null && !before) {
      throw new Fault(
        'context_lost',
        `The turn ${session}${parent} that ${session}${turn.id} follows is not stored.`,
      );
    }
    const places = { parentPlace: before?.place ?? null, root: before?.root ?? null };
    const body = packBody(columns.body);
    const { changes } = this.prepare(insertTurnSql).run({ tenant, session, ...columns, ...places, body });
    if (changes === 0 || !moveHead) return true;
    const move = { tenant, session, from: moveHead.from, to: turn.id };
    return this.prepare(moveHeadSql).run(move).changes === 1;
  }

  readTurn(key: TurnKey): TurnColumns | undefined {
    return this.storedTurn(key);
  }

  readBranch(tip: TurnKey, window: number): TurnColumns[] {
    const rows = this.turns(readBranchSql, { ...tip, window });
    if (rows.length === 0) return [];
    const sinceTokens = rows.at(-1)!.totalTokens - window;
    let start = rows.length;
    while (start > 0 && rows[start - 1]!.totalTokens > sinceTokens) {
      start--;
      if (rows[start]!.parentPlace !== (rows[start - 1]?.place ?? null)) throw lost(tip);
    }
    const root = rows[0]!;
    if (root.parentPlace !== null) throw lost(tip);
    return start === 0 ? rows : [root, ...rows.slice(start)];
  }

  readHead(
    tenant: Tenant,
    ref: { id: SessionId } | { name: string },
    window: number,
    known?: { head: TurnSuffix | null; edits: number },
  ): HeadColumns | undefined {
    const session = 'id' in ref ? this.findSession(tenant, ref.id) : this.findSessionByName(tenant, ref.name);
    if (!session) return undefined;
    if (known && session.head === known.head && session.edits === known.edits) return { session };
    if (session.head === null) return { session, branch: [] };
    const branch = this.readBranch({ tenant, session: session.id, id: session.head }, window);
    if (branch.length === 0) throw lost({ session: session.id });
    return { session, branch };
  }

  readTree(tenant: Tenant, session: SessionId): TreeColumns[] {
    return this.all<TreeColumns>(readTreeSql, { tenant, session });
  }

  amendTurn(key: TurnKey, change: TurnChange): TurnColumns | undefined {
    const turn = this.storedTurn(key);
    if (!turn) return undefined;
    if (change.metadata !== undefined) turn.metadata = change.metadata;
    if (change.deleted) turn.deleted = 1;
    if (change.hide?.length) {
      const hidden: string[] = turn.hidden === null ? [] : JSON.parse(turn.hidden);
      turn.hidden = JSON.stringify([...new Set([...hidden, ...change.hide])]);
      this.prepare(countEditSql).run({ tenant: key.tenant, session: key.session });
    }
    const { place, metadata, hidden, deleted } = turn;
    this.prepare(updateTurnSql).run({ place, metadata, hidden, deleted });
    return turn;
  }

  listTurns(tenant: Tenant, page: Page): TurnColumns[] {
    const { after, limit, order, model, metadata } = page;
    const ascending = order === 'asc';
    const edge = ascending ? -1 : Number.MAX_SAFE_INTEGER;
    const from = after ? this.findPlace(after) : { createdAt: edge, place: edge };
    if (!from) return [];
    const { createdAt, place } = from;
    const sql = ascending ? listTurnsAscSql : listTurnsDescSql;
    return this.turns(sql, { tenant, createdAt, place, model, metadata, limit });
  }

  findKey(name: string): string | undefined {
    return this.first<{ hash: string }>(findKeySql, { name })?.hash;
  }

  setKey(name: string, hash: string): void {
    this.prepare(setKeySql).run({ name, hash });
  }

  finalize(): void {
    for (const statement of this.statements.values()) statement.finalize();
    this.statements.clear();
  }

  private storedTurn(key: TurnKey): StoredTurn | undefined {
    return this.turns(readTurnSql, { ...key })[0];
  }

  private turns(sql: string, values: Record<string, SQLQueryBindings>): StoredTurn[] {
    const rows = this.all<StoredTurn>(sql, values);
    for (const row of rows) row.body = unpackBody(row.body);
    return rows;
  }

  private findPlace(key: TurnKey): StoredPlace | undefined {
    return this.first<StoredPlace>(findPlaceSql, { ...key });
  }

  private first<Row>(sql: string, values: Record<string, SQLQueryBindings>): Row | undefined {
    return (this.prepare(sql).get(values) as Row | null) ?? undefined;
  }

  private all<Row>(sql: string, values: Record<string, SQLQueryBindings>): Row[] {
    return this.prepare(sql).all(values) as Row[];
  }

  private prepare(sql: string): Statement {
    let statement = this.statements.get(sql);
    if (!statement) {
      statement = this.db.prepare(sql);
      this.statements.set(sql, statement);
    }
    return statement;
  }
}

function lost({ session }: { session: SessionId }): Fault {
  return new Fault('context_lost', `A branch of session ${session} has a gap; check the database file.`);
}
