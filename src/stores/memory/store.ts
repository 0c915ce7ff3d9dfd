import { type Clock, systemClock } from '../../core/clock.ts';
import type { SessionId, TurnId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';
import type { Session, SessionRef } from '../../core/turn.ts';
import type { SessionValue, ValueCondition } from '../../core/values.ts';
import type { Claim, ClaimStore, Replaceable } from '../../session/claim-store.ts';
import type { LeaseDenied, LeaseRequest, LeaseStore, TakenHead } from '../../session/lease-store.ts';
import type { Line, LineStore, SessionLines } from '../../session/line-store.ts';
import type { MemberId, MemberRegistry } from '../../session/members.ts';
import type {
  CommitOptions,
  KnownHead,
  ListQuery,
  SessionHead,
  TreeNode,
  TurnAmendment,
  TurnLog,
  TurnRow,
} from '../../session/turn-log.ts';
import {
  outcomeOf,
  type ValueChange,
  type ValueOutcome,
  type ValueStore,
} from '../../session/value-store.ts';
import {
  addLine,
  append,
  branchOf,
  changeLine,
  copyRow,
  copySession,
  emptyLog,
  eraseSession,
  headOf,
  isListed,
  leaveHead,
  moveHead,
  release,
  removeSession,
  removeTurn,
  removeValue,
  sessionAt,
  setValues,
  standsAlone,
  stateOf,
  type TenantLog,
  valuesOf,
} from './tenant-log.ts';

/**
 * Keeps everything for as long as the process lives: for tests and for trying things out. It has no outbox: the
 * events of a commit are ignored.
 */
export class MemoryStore implements TurnLog, LeaseStore, LineStore, ValueStore, ClaimStore, MemberRegistry {
  private readonly logs = new Map<Tenant, TenantLog>();
  private readonly lastSigns = new Map<MemberId, number>();
  private lastToken = 0;

  constructor(private readonly clock: Clock = systemClock) {}

  async createSession(session: Session): Promise<Session> {
    const log = this.logOf(session.tenant);
    const takenBy = session.name === undefined ? undefined : log.names.get(session.name);
    const existing = log.sessions.get(takenBy ?? session.id);
    if (existing) return copySession(existing);
    log.sessions.set(session.id, copySession(session));
    if (session.name !== undefined) log.names.set(session.name, session.id);
    return session;
  }

  async findSession(tenant: Tenant, ref: SessionRef): Promise<Session | undefined> {
    const session = sessionAt(this.logOf(tenant), ref);
    return session && copySession(session);
  }

  async updateSession(
    tenant: Tenant,
    id: SessionId,
    metadata: Record<string, string>,
  ): Promise<Session | undefined> {
    const session = this.logOf(tenant).sessions.get(id);
    if (!session) return undefined;
    session.metadata = { ...metadata };
    return copySession(session);
  }

  async labelSession(
    tenant: Tenant,
    id: SessionId,
    { name, tags }: Pick<Session, 'name' | 'tags'>,
  ): Promise<Session | 'taken' | undefined> {
    const { sessions, names } = this.logOf(tenant);
    const session = sessions.get(id);
    if (!session) return undefined;
    if (name !== undefined && (names.get(name) ?? id) !== id) return 'taken';
    if (session.name !== undefined) names.delete(session.name);
    const { name: _, tags: __, ...rest } = session;
    const labelled: Session = {
      ...rest,
      ...(name !== undefined && { name }),
      ...(tags && tags.length > 0 && { tags: [...tags] }),
    };
    sessions.set(id, labelled);
    if (name !== undefined) names.set(name, id);
    return copySession(labelled);
  }

  async rewind(tenant: Tenant, turn: TurnId): Promise<Session | 'busy' | undefined> {
    const { sessions, turns, leases } = this.logOf(tenant);
    const row = turns.get(turn);
    const session = row && sessions.get(row.session);
    if (!session || row.line === null) return undefined;
    const lease = leases.get(session.id);
    if (lease && lease.expiresAt > this.clock()) return 'busy';
    session.head = turn;
    if (row.line === 0) delete session.main;
    else session.main = row.line;
    return copySession(session);
  }

  async deleteSession(tenant: Tenant, id: SessionId): Promise<boolean> {
    return removeSession(this.logOf(tenant), id);
  }

  async takeHead(
    tenant: Tenant,
    ref: SessionRef,
    window: number,
    { holder, lastsMs }: LeaseRequest,
    known?: KnownHead,
  ): Promise<TakenHead | LeaseDenied | undefined> {
    const log = this.logOf(tenant);
    const session = sessionAt(log, ref);
    if (!session) return undefined;
    const now = this.clock();
    const held = log.leases.get(session.id);
    if (held && held.expiresAt > now) return { expiresInMs: held.expiresAt - now };
    const token = ++this.lastToken;
    log.leases.set(session.id, { token, holder, expiresAt: now + lastsMs });
    return { token, ...headOf(log, session, window, known) };
  }

  async renewLease(tenant: Tenant, session: SessionId, token: number, lastsMs: number): Promise<boolean> {
    const lease = this.logOf(tenant).leases.get(session);
    if (lease?.token !== token) return false;
    lease.expiresAt = this.clock() + lastsMs;
    return true;
  }

  async releaseLease(tenant: Tenant, session: SessionId, token: number): Promise<void> {
    release(this.logOf(tenant), session, token);
  }

  async leaseHolders(): Promise<MemberId[]> {
    const leases = [...this.logs.values()].flatMap((log) => [...log.leases.values()]);
    return [...new Set(leases.map(({ holder }) => holder))];
  }

  async releaseLeasesOf(holder: MemberId): Promise<void> {
    for (const { leases } of this.logs.values()) {
      for (const [session, lease] of leases) if (lease.holder === holder) leases.delete(session);
    }
  }

  async commitTurn(row: TurnRow, { move, line, token, values = [] }: CommitOptions = {}): Promise<boolean> {
    const log = this.logOf(row.tenant);
    const added = append(log, row, this.clock());
    const held = token === undefined || release(log, row.session, token);
    if (!added) return true;
    if (line) changeLine(log, row, line);
    const isPlaced = !move || (held && moveHead(log, row, move.from)) || leaveHead(log, row);
    if (isPlaced) setValues(log, row.session, values, this.clock());
    return isPlaced;
  }

  async claim(tenant: Tenant, claim: Claim, { over, olderThanMs }: Replaceable = {}): Promise<Claim> {
    const { claims } = this.logOf(tenant);
    const earlier = claims.get(claim.key);
    if (earlier) {
      const { holder, target } = earlier.claim;
      const isNamed = holder === over?.holder && target === over.target;
      const isOld = olderThanMs !== undefined && earlier.claimedAt < this.clock() - olderThanMs;
      if (!isNamed && !isOld) return { ...earlier.claim };
    }
    claims.set(claim.key, { claim: { ...claim }, claimedAt: this.clock() });
    return claim;
  }

  async findClaim(tenant: Tenant, key: string, maxAgeMs: number): Promise<Claim | undefined> {
    const found = this.logOf(tenant).claims.get(key);
    return found && found.claimedAt >= this.clock() - maxAgeMs ? { ...found.claim } : undefined;
  }

  async findByFingerprint(
    tenant: Tenant,
    fingerprint: string,
    maxAgeMs: number,
  ): Promise<TurnId | undefined> {
    const since = this.clock() - maxAgeMs;
    const found = [...this.logOf(tenant).fingerprints].filter(
      ([, dated]) => dated.fingerprint === fingerprint && dated.committedAt >= since,
    );
    return found.at(-1)?.[0];
  }

  async forgetRequests({ claimsMs, fingerprintsMs }: Parameters<ClaimStore['forgetRequests']>[0]) {
    const now = this.clock();
    for (const log of this.logs.values()) {
      const { claims, fingerprints, turns } = log;
      for (const [key, { claim, claimedAt }] of claims) {
        if (claimedAt >= now - claimsMs) continue;
        claims.delete(key);
        const turn = turns.get(claim.target as TurnId);
        if (turn?.deleted && standsAlone(turn, log)) removeTurn(log, turn.id);
      }
      for (const [id, { committedAt }] of fingerprints) {
        if (committedAt < now - fingerprintsMs) fingerprints.delete(id);
      }
    }
  }

  async readTurn(tenant: Tenant, id: TurnId): Promise<TurnRow | undefined> {
    const row = this.logOf(tenant).turns.get(id);
    return row && copyRow(row);
  }

  async readBranch(tenant: Tenant, tip: TurnId, window: number): Promise<TurnRow[]> {
    return branchOf(this.logOf(tenant), tip, window);
  }

  async readHead(
    tenant: Tenant,
    ref: SessionRef,
    window: number,
    known?: KnownHead,
  ): Promise<SessionHead | undefined> {
    const log = this.logOf(tenant);
    const session = sessionAt(log, ref);
    return session && headOf(log, session, window, known);
  }

  async readTree(tenant: Tenant, session: SessionId): Promise<TreeNode[]> {
    const rows = [...this.logOf(tenant).turns.values()].filter((row) => row.session === session);
    return rows.map(({ id, parent, digest, line }) => ({ id, parent, digest, line }));
  }

  async readLines(tenant: Tenant, session: SessionId): Promise<SessionLines> {
    const { lines, sessions, turns } = this.logOf(tenant);
    const digestOf = (tip: TurnId | null) => (tip && turns.get(tip)?.digest) ?? '';
    const found = lines.get(session) ?? [];
    return {
      main: sessions.get(session)?.main ?? 0,
      lines: found.map((line) => ({ ...line, digest: digestOf(line.tip) })),
    };
  }

  async addLine(
    tenant: Tenant,
    session: SessionId,
    line: Pick<Line, 'number' | 'agent' | 'opening'>,
  ): Promise<boolean> {
    return addLine(this.logOf(tenant), session, line);
  }

  async readValue(tenant: Tenant, session: SessionId, key: string): Promise<SessionValue | undefined> {
    return this.logOf(tenant).values.get(session)?.byKey.get(key);
  }

  async listValues(tenant: Tenant, session: SessionId): Promise<SessionValue[]> {
    const found = this.logOf(tenant).values.get(session)?.byKey.values() ?? [];
    return [...found].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  async changeValue(
    tenant: Tenant,
    session: SessionId,
    key: string,
    change: ValueChange,
    condition: ValueCondition,
  ): Promise<ValueOutcome> {
    const values = valuesOf(this.logOf(tenant), session);
    if (!values) return { kind: 'no-session' };
    const outcome = outcomeOf(stateOf(values, key), key, change, condition, this.clock());
    if (outcome.kind !== 'done') return outcome;
    if (change.kind === 'delete') removeValue(values, outcome.value);
    else values.byKey.set(key, outcome.value);
    return outcome;
  }

  async findByHistory(tenant: Tenant, digests: readonly string[]): Promise<SessionId | undefined> {
    const { turns, sessions, foundByHistory } = this.logOf(tenant);
    const rows = [...foundByHistory].map((id) => turns.get(id)!).reverse();
    for (const digest of digests) {
      const row = rows.find((one) => one.digest === digest && sessions.has(one.session));
      if (row) return row.session;
    }
    return undefined;
  }

  async amendTurn(tenant: Tenant, id: TurnId, change: TurnAmendment): Promise<TurnRow | undefined> {
    const row = this.logOf(tenant).turns.get(id);
    if (!row) return undefined;
    if (change.metadata) row.metadata = { ...change.metadata };
    const session = this.logOf(tenant).sessions.get(row.session);
    if (change.hide && session) session.edits++;
    if (change.hide) row.hidden = [...new Set([...row.hidden, ...change.hide])];
    if (change.deleted) row.deleted = true;
    return copyRow(row);
  }

  async listTurns(tenant: Tenant, query: ListQuery): Promise<TurnRow[]> {
    const { turns } = this.logOf(tenant);
    // The sort is stable: turns of one millisecond stay in the order in which they were appended.
    const rows = [...turns.values()].sort((a, b) => a.createdAt - b.createdAt);
    if (query.order === 'desc') rows.reverse();
    if (query.after !== undefined) {
      const last = rows.findIndex((row) => row.id === query.after);
      rows.splice(0, last === -1 ? rows.length : last + 1);
    }
    return rows
      .filter((row) => isListed(row, query))
      .slice(0, query.limit)
      .map(copyRow);
  }

  async erase(tenant: Tenant, session: SessionId): Promise<void> {
    eraseSession(this.logOf(tenant), session);
  }

  async beat(member: MemberId): Promise<void> {
    this.lastSigns.set(member, this.clock());
  }

  async silentFor(member: MemberId): Promise<number | undefined> {
    const lastSign = this.lastSigns.get(member);
    // The clock may have been set back.
    return lastSign === undefined ? undefined : Math.max(0, this.clock() - lastSign);
  }

  async remove(member: MemberId): Promise<void> {
    this.lastSigns.delete(member);
  }

  async close(): Promise<void> {}

  /** Everything of a tenant, for the survey. */
  logAt(tenant: Tenant): Readonly<TenantLog> {
    return this.logOf(tenant);
  }

  get tenants(): Tenant[] {
    return [...this.logs.keys()];
  }

  private logOf(tenant: Tenant): TenantLog {
    let log = this.logs.get(tenant);
    if (!log) {
      log = emptyLog();
      this.logs.set(tenant, log);
    }
    return log;
  }
}
