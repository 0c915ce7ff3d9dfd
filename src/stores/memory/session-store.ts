import { Fault } from '../../core/errors.ts';
import type { SessionId, TurnId } from '../../core/ids.ts';
import type { Session, SessionRef, Tenant } from '../../core/turn.ts';
import type {
  AtHead,
  Claim,
  KnownHead,
  LeaseRequest,
  ListQuery,
  SessionHead,
  SessionStore,
  TakenHead,
  TreeNode,
  TurnAmendment,
  TurnRow,
} from '../../session/store.ts';

interface TenantLog {
  sessions: Map<SessionId, Session>;
  names: Map<string, SessionId>;
  /** In the order in which they were appended. */
  turns: Map<TurnId, TurnRow>;
  /** The root of the branch that a turn ends. */
  roots: Map<TurnId, TurnRow>;
  leases: Map<SessionId, Lease>;
  claims: Map<string, Claim>;
  /** In the order in which their turns were appended. */
  fingerprints: Map<TurnId, string>;
}

interface Lease {
  token: number;
  holder: string;
  until: number;
}

/** Keeps sessions for as long as the process lives: for tests and for trying things out. */
export class MemorySessionStore implements SessionStore {
  private readonly logs = new Map<Tenant, TenantLog>();
  private lastToken = 0;

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

  async deleteSession(tenant: Tenant, id: SessionId): Promise<boolean> {
    const log = this.logOf(tenant);
    const name = log.sessions.get(id)?.name;
    if (name !== undefined) log.names.delete(name);
    return log.sessions.delete(id);
  }

  async takeHead(
    tenant: Tenant,
    ref: SessionRef,
    window: number,
    { holder, now, until }: LeaseRequest,
    known?: KnownHead,
  ): Promise<TakenHead | { heldUntil: number } | undefined> {
    const log = this.logOf(tenant);
    const session = sessionAt(log, ref);
    if (!session) return undefined;
    const held = log.leases.get(session.id);
    if (held && held.until > now) return { heldUntil: held.until };
    const token = ++this.lastToken;
    log.leases.set(session.id, { token, holder, until });
    return { token, ...headOf(log, session, window, known) };
  }

  async renewLease(tenant: Tenant, session: SessionId, token: number, until: number): Promise<boolean> {
    const lease = this.logOf(tenant).leases.get(session);
    if (lease?.token !== token) return false;
    lease.until = until;
    return true;
  }

  async releaseLease(tenant: Tenant, session: SessionId, token: number): Promise<void> {
    giveBack(this.logOf(tenant), session, token);
  }

  async leaseHolders(): Promise<string[]> {
    const leases = [...this.logs.values()].flatMap((log) => [...log.leases.values()]);
    return [...new Set(leases.map(({ holder }) => holder))];
  }

  async releaseLeasesOf(holder: string): Promise<void> {
    for (const { leases } of this.logs.values()) {
      for (const [session, lease] of leases) if (lease.holder === holder) leases.delete(session);
    }
  }

  async commitTurn(row: TurnRow, { move, token }: AtHead = {}): Promise<boolean> {
    const log = this.logOf(row.tenant);
    const added = append(log, row);
    const held = token === undefined || giveBack(log, row.session, token);
    if (!added || !move) return true;
    const session = log.sessions.get(row.session);
    if (!held || session?.head !== move.from) return false;
    session.head = row.id;
    return true;
  }

  async claim(tenant: Tenant, claim: Claim, over?: Pick<Claim, 'holder' | 'target'>): Promise<Claim> {
    const { claims } = this.logOf(tenant);
    const standing = claims.get(claim.key);
    const isReplaced = standing && standing.holder === over?.holder && standing.target === over.target;
    if (standing && !isReplaced) return { ...standing };
    claims.set(claim.key, { ...claim });
    return claim;
  }

  async findClaim(tenant: Tenant, key: string): Promise<Claim | undefined> {
    const claim = this.logOf(tenant).claims.get(key);
    return claim && { ...claim };
  }

  async findRepeated(tenant: Tenant, fingerprint: string, since: number): Promise<TurnId | undefined> {
    const { fingerprints, turns } = this.logOf(tenant);
    const ids = [...fingerprints.keys()].filter(
      (id) => fingerprints.get(id) === fingerprint && turns.get(id)!.createdAt >= since,
    );
    return ids.at(-1);
  }

  async forgetRequests(claimsBefore: number, fingerprintsBefore: number): Promise<void> {
    for (const log of this.logs.values()) {
      const { claims, fingerprints, roots, turns } = log;
      for (const [key, { createdAt, target }] of claims) {
        if (createdAt >= claimsBefore) continue;
        claims.delete(key);
        const turn = turns.get(target as TurnId);
        if (!turn?.deleted || !standsAlone(turn, log)) continue;
        for (const kept of [turns, roots, fingerprints]) kept.delete(turn.id);
      }
      for (const id of fingerprints.keys()) {
        if (turns.get(id)!.createdAt < fingerprintsBefore) fingerprints.delete(id);
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
    return rows.map(({ id, parent, digest }) => ({ id, parent, digest }));
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

  async close(): Promise<void> {}

  private logOf(tenant: Tenant): TenantLog {
    let log = this.logs.get(tenant);
    if (!log) {
      log = emptyLog();
      this.logs.set(tenant, log);
    }
    return log;
  }
}

const emptyLog = (): TenantLog => ({
  sessions: new Map(),
  names: new Map(),
  turns: new Map(),
  roots: new Map(),
  leases: new Map(),
  claims: new Map(),
  fingerprints: new Map(),
});

function sessionAt({ sessions, names }: TenantLog, ref: SessionRef): Session | undefined {
  const id = 'id' in ref ? ref.id : names.get(ref.name);
  return id === undefined ? undefined : sessions.get(id);
}

function headOf(log: TenantLog, session: Session, window: number, known?: KnownHead): SessionHead {
  const { head, edits } = session;
  const copy = copySession(session);
  if (known && head === known.head && edits === known.edits) return { session: copy };
  return { session: copy, branch: head === null ? [] : branchOf(log, head, window) };
}

function branchOf({ turns, roots }: TenantLog, tip: TurnId, window: number): TurnRow[] {
  const branch: TurnRow[] = [];
  let row = turns.get(tip);
  const sinceTokens = (row?.totalTokens ?? 0) - window;
  while (row && row.totalTokens > sinceTokens) {
    branch.push(row);
    row = row.parent === null ? undefined : turns.get(row.parent);
  }
  if (row) branch.push(roots.get(tip)!);
  return branch.reverse().map(copyRow);
}

/** False where the turn is stored already. */
function append(log: TenantLog, { fingerprint, ...row }: TurnRow): boolean {
  if (log.turns.has(row.id)) return false;
  if (row.parent !== null && log.turns.get(row.parent)?.session !== row.session) {
    throw new Fault('context_lost', `The turn ${row.parent} that ${row.id} follows is not stored.`);
  }
  const stored = copyRow(row);
  log.turns.set(row.id, stored);
  log.roots.set(row.id, row.parent === null ? stored : log.roots.get(row.parent)!);
  if (fingerprint !== undefined) log.fingerprints.set(row.id, fingerprint);
  return true;
}

/** False where the lease is not held any more. */
function giveBack({ leases }: TenantLog, session: SessionId, token: number): boolean {
  return leases.get(session)?.token === token && leases.delete(session);
}

function isListed(row: TurnRow, query: ListQuery): boolean {
  if (!row.listed || row.deleted) return false;
  if (query.model !== undefined && query.model !== row.model) return false;
  return Object.entries(query.metadata ?? {}).every(([key, value]) => row.metadata[key] === value);
}

const standsAlone = ({ id, session }: TurnRow, { turns, sessions }: TenantLog): boolean =>
  !sessions.has(session) &&
  ![...turns.values()].some((other) => other.session === session && other.id !== id);

const copyRow = (row: TurnRow): TurnRow => ({
  ...row,
  metadata: { ...row.metadata },
  hidden: [...row.hidden],
});

const copySession = (session: Session): Session => ({ ...session, metadata: { ...session.metadata } });
