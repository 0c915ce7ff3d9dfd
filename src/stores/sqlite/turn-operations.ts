import type { SQLQueryBindings } from 'bun:sqlite';
import type { Clock } from '../../core/clock.ts';
import { Fault } from '../../core/errors.ts';
import type { SessionId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';
import type { SessionRef } from '../../core/turn.ts';
import type { NamedValue } from '../../core/values.ts';
import { packBody, unpackBody } from './body.ts';
import type { SessionColumns, TurnColumns, TurnKey, TurnSuffix } from './columns.ts';
import type { LineColumnsChange, LineOperations } from './line-operations.ts';
import addDialectSql from './sql/add-dialect.sql' with { type: 'text' };
import countEditSql from './sql/count-edit.sql' with { type: 'text' };
import deleteSessionSql from './sql/delete-session.sql' with { type: 'text' };
import eraseClaimsSql from './sql/erase-claims.sql' with { type: 'text' };
import eraseLeaseSql from './sql/erase-lease.sql' with { type: 'text' };
import eraseLinesSql from './sql/erase-lines.sql' with { type: 'text' };
import eraseTurnsSql from './sql/erase-turns.sql' with { type: 'text' };
import findByHistorySql from './sql/find-by-history.sql' with { type: 'text' };
import findPlaceSql from './sql/find-place.sql' with { type: 'text' };
import findSessionSql from './sql/find-session.sql' with { type: 'text' };
import findSessionByNameSql from './sql/find-session-by-name.sql' with { type: 'text' };
import insertFingerprintSql from './sql/insert-fingerprint.sql' with { type: 'text' };
import insertHistorySql from './sql/insert-history.sql' with { type: 'text' };
import insertSessionSql from './sql/insert-session.sql' with { type: 'text' };
import insertSideTurnSql from './sql/insert-side-turn.sql' with { type: 'text' };
import insertTurnSql from './sql/insert-turn.sql' with { type: 'text' };
import labelSessionSql from './sql/label-session.sql' with { type: 'text' };
import listTurnsAscSql from './sql/list-turns-asc.sql' with { type: 'text' };
import listTurnsDescSql from './sql/list-turns-desc.sql' with { type: 'text' };
import moveHeadSql from './sql/move-head.sql' with { type: 'text' };
import readBranchSql from './sql/read-branch.sql' with { type: 'text' };
import readTreeSql from './sql/read-tree.sql' with { type: 'text' };
import readTurnSql from './sql/read-turn.sql' with { type: 'text' };
import releaseLeaseSql from './sql/release-lease.sql' with { type: 'text' };
import rewindSql from './sql/rewind.sql' with { type: 'text' };
import updateSessionSql from './sql/update-session.sql' with { type: 'text' };
import updateTurnSql from './sql/update-turn.sql' with { type: 'text' };
import type { Statements } from './statements.ts';
import type { ValueOperations } from './value-operations.ts';

interface StoredTurn extends TurnColumns {
  place: number;
  parentPlace: number | null;
}

interface StoredPlace {
  place: number;
  root: number;
  createdAt: number;
}

/** `TurnAmendment`, with columns. */
export interface TurnChange {
  /** JSON, or `null` when empty; absent to leave it. */
  metadata?: string | null;
  hide?: string[];
  deleted?: true;
}

/** `ListQuery`, with columns; `null` where a filter is absent. */
export interface Page {
  after?: TurnKey;
  limit: number;
  order: 'asc' | 'desc';
  model: string | null;
  metadata: string | null;
}

/** `SessionHead`, with columns. */
export interface HeadColumns {
  session: SessionColumns;
  branch?: TurnColumns[];
}

/** `KnownHead`, with columns. */
export interface KnownColumns {
  head: TurnSuffix | null;
  edits: number;
}

/** `CommitOptions` with columns, and the fields of a turn that are written and never read. */
export interface CommitColumns {
  move?: { from: TurnSuffix | null };
  line?: LineColumnsChange;
  token?: number;
  values?: readonly NamedValue[];
  fingerprint?: string;
  isFoundByHistory?: true;
}

/** `TreeNode`, with columns. */
export interface TreeColumns {
  id: TurnSuffix;
  parent: TurnSuffix | null;
  digest: string;
  line: number | null;
}

/** The operations of `TurnLog`, with columns. */
export class TurnOperations {
  constructor(
    private readonly statements: Statements,
    private readonly clock: Clock,
    private readonly lines: LineOperations,
    private readonly values: ValueOperations,
  ) {}

  createSession(session: SessionColumns): SessionColumns {
    const { edits: _, main: __, ...columns } = session;
    if (this.statements.change(insertSessionSql, columns) === 1) return session;
    const { tenant, id, name } = session;
    return (
      (name === null ? undefined : this.findSessionByName(tenant, name)) ?? this.findSession(tenant, id)!
    );
  }

  findSession(tenant: Tenant, id: SessionId): SessionColumns | undefined {
    return this.statements.first<SessionColumns>(findSessionSql, { tenant, id });
  }

  findSessionByName(tenant: Tenant, name: string): SessionColumns | undefined {
    return this.statements.first<SessionColumns>(findSessionByNameSql, { tenant, name });
  }

  sessionAt(tenant: Tenant, ref: SessionRef): SessionColumns | undefined {
    return 'id' in ref ? this.findSession(tenant, ref.id) : this.findSessionByName(tenant, ref.name);
  }

  updateSession(tenant: Tenant, id: SessionId, metadata: string | null): SessionColumns | undefined {
    this.statements.run(updateSessionSql, { tenant, id, metadata });
    return this.findSession(tenant, id);
  }

  labelSession(
    tenant: Tenant,
    id: SessionId,
    { name, tags }: Pick<SessionColumns, 'name' | 'tags'>,
  ): SessionColumns | 'taken' | undefined {
    const namesake = name === null ? undefined : this.findSessionByName(tenant, name);
    const session = this.findSession(tenant, id);
    if (!session) return undefined;
    if (namesake && namesake.id !== id) return 'taken';
    this.statements.run(labelSessionSql, { tenant, id, name, tags });
    return { ...session, name, tags };
  }

  rewind(key: TurnKey): SessionColumns | 'busy' | undefined {
    const { tenant, session } = key;
    const turn = this.storedTurn(key);
    if (!turn || turn.line === null || !this.findSession(tenant, session)) return undefined;
    const moved = { tenant, session, to: key.id, line: turn.line, now: this.clock() };
    return this.statements.change(rewindSql, moved) === 1 ? this.findSession(tenant, session) : 'busy';
  }

  deleteSession(tenant: Tenant, id: SessionId): boolean {
    this.values.eraseAll(tenant, id);
    return this.statements.change(deleteSessionSql, { tenant, id }) === 1;
  }

  commitTurn(turn: TurnColumns, commit: CommitColumns = {}): boolean {
    const { move, line, token, values = [], fingerprint, isFoundByHistory } = commit;
    const { tenant, session } = turn;
    const place = this.appendTurn(turn);
    const held =
      token === undefined || this.statements.change(releaseLeaseSql, { tenant, session, token }) > 0;
    if (place === undefined) return true;
    if (fingerprint !== undefined)
      this.statements.run(insertFingerprintSql, { place, fingerprint, now: this.clock() });
    if (isFoundByHistory) this.statements.run(insertHistorySql, { place });
    if (line) this.lines.change(turn, line);
    const isPlaced = !move || (held && this.moveHead(turn, move.from)) || this.lines.leaveHead(turn);
    if (isPlaced) this.values.setAll(tenant, session, values);
    return isPlaced;
  }

  private moveHead({ tenant, session, id, line }: TurnColumns, from: TurnSuffix | null): boolean {
    return this.statements.change(moveHeadSql, { tenant, session, from, to: id, line }) === 1;
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
      if (rows[start]!.parentPlace !== (rows[start - 1]?.place ?? null)) throw lost(tip.session);
    }
    const root = rows[0]!;
    if (root.parentPlace !== null) throw lost(tip.session);
    return start === 0 ? rows : [root, ...rows.slice(start)];
  }

  readHead(tenant: Tenant, ref: SessionRef, window: number, known?: KnownColumns): HeadColumns | undefined {
    const session = this.sessionAt(tenant, ref);
    return session && this.headOf(session, window, known);
  }

  headOf(session: SessionColumns, window: number, known?: KnownColumns): HeadColumns {
    const { tenant, id, head, edits } = session;
    if (known && head === known.head && edits === known.edits) return { session };
    if (head === null) return { session, branch: [] };
    const branch = this.readBranch({ tenant, session: id, id: head }, window);
    if (branch.length === 0) throw lost(id);
    return { session, branch };
  }

  readTree(tenant: Tenant, session: SessionId): TreeColumns[] {
    return this.statements.all<TreeColumns>(readTreeSql, { tenant, session });
  }

  findByHistory(tenant: Tenant, digests: readonly string[]): SessionId | undefined {
    const values = { tenant, digests: JSON.stringify(digests) };
    return this.statements.first<{ session: SessionId }>(findByHistorySql, values)?.session;
  }

  amendTurn(key: TurnKey, change: TurnChange): TurnColumns | undefined {
    const turn = this.storedTurn(key);
    if (!turn) return undefined;
    if (change.metadata !== undefined) turn.metadata = change.metadata;
    if (change.deleted) turn.deleted = 1;
    if (change.hide?.length) {
      const hidden: string[] = turn.hidden === null ? [] : JSON.parse(turn.hidden);
      turn.hidden = JSON.stringify([...new Set([...hidden, ...change.hide])]);
      this.statements.run(countEditSql, { tenant: key.tenant, session: key.session });
    }
    const { place, metadata, hidden, deleted } = turn;
    this.statements.run(updateTurnSql, { place, metadata, hidden, deleted });
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

  /** Erases everything that the file holds of a session, lines, leases, claims and fingerprints included. */
  erase(tenant: Tenant, session: SessionId): void {
    for (const sql of [eraseTurnsSql, eraseLinesSql, eraseLeaseSql, eraseClaimsSql])
      this.statements.run(sql, { tenant, session });
    this.deleteSession(tenant, session);
  }

  /** The turn's place; `undefined` where it is stored already. */
  private appendTurn(turn: TurnColumns): number | undefined {
    const { tenant, session, parent, line, ...columns } = turn;
    const before = parent === null ? undefined : this.findPlace({ tenant, session, id: parent });
    if (parent !== null && !before) {
      const missing = `The turn ${session}${parent} that ${session}${turn.id} follows is not stored.`;
      throw new Fault('context_lost', missing);
    }
    const places = { parentPlace: before?.place ?? null, root: before?.root ?? null };
    const values = { tenant, session, ...columns, ...places, body: packBody(columns.body) };
    let added = this.statements.run(insertTurnSql, values);
    // Nothing was added: the turn is stored already, or it is the first one of its dialect.
    if (added.changes === 0 && this.statements.change(addDialectSql, { name: columns.dialect }) === 1)
      added = this.statements.run(insertTurnSql, values);
    if (added.changes === 0) return undefined;
    const place = Number(added.lastInsertRowid);
    if (line !== 0) this.statements.run(insertSideTurnSql, { place, line });
    return place;
  }

  private storedTurn(key: TurnKey): StoredTurn | undefined {
    return this.turns(readTurnSql, { ...key })[0];
  }

  private turns(sql: string, values: Record<string, SQLQueryBindings>): StoredTurn[] {
    const rows = this.statements.all<StoredTurn>(sql, values);
    for (const row of rows) row.body = unpackBody(row.body);
    return rows;
  }

  private findPlace(key: TurnKey): StoredPlace | undefined {
    return this.statements.first<StoredPlace>(findPlaceSql, { ...key });
  }
}

function lost(session: SessionId): Fault {
  return new Fault('context_lost', `A branch of session ${session} has a gap; check the database file.`);
}
