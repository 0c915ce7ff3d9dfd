import { Fault } from '../../core/errors.ts';
import type { SessionId, TurnId } from '../../core/ids.ts';
import type { Session, SessionRef, Tenant } from '../../core/turn.ts';
import type {
  KnownHead,
  ListQuery,
  SessionHead,
  SessionStore,
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
}

/** Keeps sessions for as long as the process lives: for tests and for trying things out. */
export class MemorySessionStore implements SessionStore {
  private readonly logs = new Map<Tenant, TenantLog>();

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
    const log = this.logOf(tenant);
    const id = 'id' in ref ? ref.id : log.names.get(ref.name);
    const session = id === undefined ? undefined : log.sessions.get(id);
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

  async commitTurn(row: TurnRow, moveHead?: { from: TurnId | null }): Promise<boolean> {
    const log = this.logOf(row.tenant);
    if (log.turns.has(row.id)) return true;
    if (row.parent !== null && log.turns.get(row.parent)?.session !== row.session) {
      throw new Fault('context_lost', `The turn ${row.parent} that ${row.id} follows is not stored.`);
    }
    const stored = copyRow(row);
    log.turns.set(row.id, stored);
    log.roots.set(row.id, row.parent === null ? stored : log.roots.get(row.parent)!);
    if (!moveHead) return true;
    const session = log.sessions.get(row.session);
    if (session?.head !== moveHead.from) return false;
    session.head = row.id;
    return true;
  }

  async readTurn(tenant: Tenant, id: TurnId): Promise<TurnRow | undefined> {
    const row = this.logOf(tenant).turns.get(id);
    return row && copyRow(row);
  }

  async readBranch(tenant: Tenant, tip: TurnId, window: number): Promise<TurnRow[]> {
    const { turns, roots } = this.logOf(tenant);
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

  async readHead(
    tenant: Tenant,
    ref: SessionRef,
    window: number,
    known?: KnownHead,
  ): Promise<SessionHead | undefined> {
    const session = await this.findSession(tenant, ref);
    if (!session) return undefined;
    const { head, edits } = session;
    if (known && head === known.head && edits === known.edits) return { session };
    return { session, branch: head === null ? [] : await this.readBranch(tenant, head, window) };
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
      log = { sessions: new Map(), names: new Map(), turns: new Map(), roots: new Map() };
      this.logs.set(tenant, log);
    }
    return log;
  }
}

function isListed(row: TurnRow, query: ListQuery): boolean {
  if (!row.listed || row.deleted) return false;
  if (query.model !== undefined && query.model !== row.model) return false;
  return Object.entries(query.metadata ?? {}).every(([key, value]) => row.metadata[key] === value);
}

const copyRow = (row: TurnRow): TurnRow => ({
  ...row,
  metadata: { ...row.metadata },
  hidden: [...row.hidden],
});

const copySession = (session: Session): Session => ({ ...session, metadata: { ...session.metadata } });
