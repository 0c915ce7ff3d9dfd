import type { Database, SQLQueryBindings, Statement } from 'bun:sqlite';
import { Fault } from '../../core/errors.ts';
import type { SessionId } from '../../core/ids.ts';
import type { Tenant } from '../../core/turn.ts';
import type { Claim, LeaseRequest } from '../../session/store.ts';
import { packBody, unpackBody } from './body.ts';
import type { SessionColumns, TurnColumns, TurnKey, TurnSuffix } from './columns.ts';
import claimSql from './sql/claim.sql' with { type: 'text' };
import countEditSql from './sql/count-edit.sql' with { type: 'text' };
import deleteSessionSql from './sql/delete-session.sql' with { type: 'text' };
import eraseUnshownSql from './sql/erase-unshown.sql' with { type: 'text' };
import findClaimSql from './sql/find-claim.sql' with { type: 'text' };
import findKeySql from './sql/find-key.sql' with { type: 'text' };
import findLeaseSql from './sql/find-lease.sql' with { type: 'text' };
import findPlaceSql from './sql/find-place.sql' with { type: 'text' };
import findRepeatedSql from './sql/find-repeated.sql' with { type: 'text' };
import findSessionSql from './sql/find-session.sql' with { type: 'text' };
import findSessionByNameSql from './sql/find-session-by-name.sql' with { type: 'text' };
import forgetClaimsSql from './sql/forget-claims.sql' with { type: 'text' };
import forgetFingerprintsSql from './sql/forget-fingerprints.sql' with { type: 'text' };
import insertFingerprintSql from './sql/insert-fingerprint.sql' with { type: 'text' };
import insertSessionSql from './sql/insert-session.sql' with { type: 'text' };
import insertTurnSql from './sql/insert-turn.sql' with { type: 'text' };
import leaseHoldersSql from './sql/lease-holders.sql' with { type: 'text' };
import listTurnsAscSql from './sql/list-turns-asc.sql' with { type: 'text' };
import listTurnsDescSql from './sql/list-turns-desc.sql' with { type: 'text' };
import moveHeadSql from './sql/move-head.sql' with { type: 'text' };
import readBranchSql from './sql/read-branch.sql' with { type: 'text' };
import readTreeSql from './sql/read-tree.sql' with { type: 'text' };
import readTurnSql from './sql/read-turn.sql' with { type: 'text' };
import releaseLeaseSql from './sql/release-lease.sql' with { type: 'text' };
import releaseLeasesOfSql from './sql/release-leases-of.sql' with { type: 'text' };
import renewLeaseSql from './sql/renew-lease.sql' with { type: 'text' };
import setKeySql from './sql/set-key.sql' with { type: 'text' };
import takeLeaseSql from './sql/take-lease.sql' with { type: 'text' };
import updateSessionSql from './sql/update-session.sql' with { type: 'text' };
import updateTurnSql from './sql/update-turn.sql' with { type: 'text' };

/** How much is forgotten in one transaction: a few milliseconds' worth, because turns wait meanwhile. */
const AT_ONCE = 200;

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

export interface TakenHeadColumns extends HeadColumns {
  token: number;
}

type Ref = { id: SessionId } | { name: string };

export interface KnownColumns {
  head: TurnSuffix | null;
  edits: number;
}

export interface AtHeadColumns {
  move?: { from: TurnSuffix | null };
  token?: number;
}

export interface TreeColumns {
  id: TurnSuffix;
  parent: TurnSuffix | null;
  digest: string;
}

/**
 * What the store's thread can be asked, in plain values that travel between threads. Each operation
 * runs inside the transaction of its group. One that throws a `Fault` has written nothing.
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

  takeHead(
    tenant: Tenant,
    ref: Ref,
    window: number,
    lease: LeaseRequest,
    known?: KnownColumns,
  ): TakenHeadColumns | { heldUntil: number } | undefined {
    const session = this.sessionOf(tenant, ref);
    if (!session) return undefined;
    const key = { tenant, session: session.id };
    const taken = this.first<{ token: number }>(takeLeaseSql, { ...key, ...lease });
    if (!taken) return { heldUntil: this.first<{ until: number }>(findLeaseSql, key)!.until };
    const { token } = taken;
    try {
      return { token, ...this.headOf(session, window, known) };
    } catch (error) {
      this.releaseLease(tenant, session.id, token);
      throw error;
    }
  }

  renewLease(tenant: Tenant, session: SessionId, token: number, until: number): boolean {
    return this.prepare(renewLeaseSql).run({ tenant, session, token, until }).changes === 1;
  }

  releaseLease(tenant: Tenant, session: SessionId, token: number): boolean {
    return this.prepare(releaseLeaseSql).run({ tenant, session, token }).changes > 0;
  }

  leaseHolders(): string[] {
    return this.all<{ holder: string }>(leaseHoldersSql, {}).map(({ holder }) => holder);
  }

  releaseLeasesOf(holder: string): void {
    this.prepare(releaseLeasesOfSql).run({ holder });
  }

  commitTurn(turn: TurnColumns, at: AtHeadColumns = {}, fingerprint?: string): boolean {
    const { move, token } = at;
    const { tenant, session } = turn;
    const place = this.appendTurn(turn);
    const held = token === undefined || this.releaseLease(tenant, session, token);
    if (place === undefined) return true;
    const { createdAt } = turn;
    if (fingerprint !== undefined) this.prepare(insertFingerprintSql).run({ place, createdAt, fingerprint });
    if (!move) return true;
    return (
      held && this.prepare(moveHeadSql).run({ tenant, session, from: move.from, to: turn.id }).changes === 1
    );
  }

  claim(tenant: Tenant, claim: Claim, over?: Pick<Claim, 'holder' | 'target'>): Claim {
    const replaced = { overHolder: over?.holder ?? null, overTarget: over?.target ?? null };
    this.prepare(claimSql).run({ tenant, ...claim, ...replaced });
    return this.findClaim(tenant, claim.key)!;
  }

  findClaim(tenant: Tenant, key: string): Claim | undefined {
    return this.first<Claim>(findClaimSql, { tenant, key });
  }

  findRepeated(tenant: Tenant, fingerprint: string, since: number): Omit<TurnKey, 'tenant'> | undefined {
    return this.first<Omit<TurnKey, 'tenant'>>(findRepeatedSql, { tenant, fingerprint, since });
  }

  /** Forgets some claims made before a time, and what was kept for them; true where there may be more. */
  forgetClaims(before: number): boolean {
    this.prepare(eraseUnshownSql).run({ before, limit: AT_ONCE });
    return this.prepare(forgetClaimsSql).run({ before, limit: AT_ONCE }).changes === AT_ONCE;
  }

  /** Forgets the fingerprints of some turns begun before a time; true where there may be more. */
  forgetFingerprints(before: number): boolean {
    return this.prepare(forgetFingerprintsSql).run({ before, limit: AT_ONCE }).changes === AT_ONCE;
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

  readHead(tenant: Tenant, ref: Ref, window: number, known?: KnownColumns): HeadColumns | undefined {
    const session = this.sessionOf(tenant, ref);
    return session && this.headOf(session, window, known);
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

  private sessionOf(tenant: Tenant, ref: Ref): SessionColumns | undefined {
    return 'id' in ref ? this.findSession(tenant, ref.id) : this.findSessionByName(tenant, ref.name);
  }

  private headOf(session: SessionColumns, window: number, known?: KnownColumns): HeadColumns {
    const { tenant, id, head, edits } = session;
    if (known && head === known.head && edits === known.edits) return { session };
    if (head === null) return { session, branch: [] };
    const branch = this.readBranch({ tenant, session: id, id: head }, window);
    if (branch.length === 0) throw lost({ session: id });
    return { session, branch };
  }

  /** The turn's place; `undefined` where it is stored already. */
  private appendTurn(turn: TurnColumns): number | undefined {
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
    const added = this.prepare(insertTurnSql).run({ tenant, session, ...columns, ...places, body });
    return added.changes === 0 ? undefined : Number(added.lastInsertRowid);
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
