import { type SessionId, sessionOf, type TurnId } from '../../core/ids.ts';
import type { Session, SessionRef, Tenant } from '../../core/turn.ts';
import type {
  AtHead,
  Claim,
  KeyStore,
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
import {
  metadataColumn,
  sessionColumns,
  sessionOfColumns,
  turnColumns,
  turnId,
  turnKey,
  turnRow,
  turnSuffix,
} from './columns.ts';
import type { HeadColumns, KnownColumns, Page, TurnChange } from './operations.ts';
import { type StartWorker, StoreThread, startWorker } from './store-thread.ts';

const ROOT_KEY = 'root';
/** Under load, a commit waits this long for others to share its sync; a lone one does not wait. */
const GATHER_MS = 1;

/**
 * Sessions in one SQLite file. Writes have a thread of their own, and those that are asked at the same
 * time share one transaction and one sync of the disk; reads have another, so that they never wait for
 * that sync. Several processes may open one file.
 */
export class SqliteSessionStore implements SessionStore, KeyStore {
  private constructor(
    private readonly writer: StoreThread,
    private readonly reader: StoreThread,
  ) {}

  /**
   * Opens the file, or makes it. Rejects with an `Error` that names the file, what is wrong with it and
   * the remedy; a file that cannot be used is left as it is.
   */
  static async open(path: string, start: StartWorker = startWorker): Promise<SqliteSessionStore> {
    const writer = new StoreThread({ path, use: 'write' }, start, GATHER_MS);
    await writer.open();
    const reader = new StoreThread({ path, use: 'read' }, start);
    try {
      await reader.open();
    } catch (error) {
      await writer.close();
      throw error;
    }
    return new SqliteSessionStore(writer, reader);
  }

  /** Writing calls answered and transactions committed since the store was opened. */
  get counts(): { readonly calls: number; readonly transactions: number } {
    return this.writer.counts;
  }

  async createSession(session: Session): Promise<Session> {
    return sessionOfColumns(await this.writer.call('createSession', sessionColumns(session)));
  }

  async findSession(tenant: Tenant, ref: SessionRef): Promise<Session | undefined> {
    const found =
      'id' in ref
        ? await this.reader.call('findSession', tenant, ref.id)
        : await this.reader.call('findSessionByName', tenant, ref.name);
    return found && sessionOfColumns(found);
  }

  async updateSession(
    tenant: Tenant,
    id: SessionId,
    metadata: Record<string, string>,
  ): Promise<Session | undefined> {
    const updated = await this.writer.call('updateSession', tenant, id, metadataColumn(metadata));
    return updated && sessionOfColumns(updated);
  }

  deleteSession(tenant: Tenant, id: SessionId): Promise<boolean> {
    return this.writer.call('deleteSession', tenant, id);
  }

  async takeHead(
    tenant: Tenant,
    ref: SessionRef,
    window: number,
    lease: LeaseRequest,
    known?: KnownHead,
  ): Promise<TakenHead | { heldUntil: number } | undefined> {
    const found = await this.writer.call('takeHead', tenant, ref, window, lease, knownColumns(known));
    if (!found || 'heldUntil' in found) return found;
    return { token: found.token, ...headOfColumns(found) };
  }

  renewLease(tenant: Tenant, session: SessionId, token: number, until: number): Promise<boolean> {
    return this.writer.call('renewLease', tenant, session, token, until);
  }

  async releaseLease(tenant: Tenant, session: SessionId, token: number): Promise<void> {
    await this.writer.call('releaseLease', tenant, session, token);
  }

  leaseHolders(): Promise<string[]> {
    return this.reader.call('leaseHolders');
  }

  releaseLeasesOf(holder: string): Promise<void> {
    return this.writer.call('releaseLeasesOf', holder);
  }

  async commitTurn(row: TurnRow, at: AtHead = {}): Promise<boolean> {
    const { move, token } = at;
    const from = move?.from ? turnSuffix(row.session, move.from) : null;
    const columns = { move: move && { from }, token };
    return this.writer.call('commitTurn', turnColumns(row), columns, row.fingerprint);
  }

  claim(tenant: Tenant, claim: Claim, over?: Pick<Claim, 'holder' | 'target'>): Promise<Claim> {
    return this.writer.call('claim', tenant, claim, over);
  }

  findClaim(tenant: Tenant, key: string): Promise<Claim | undefined> {
    return this.reader.call('findClaim', tenant, key);
  }

  async findRepeated(tenant: Tenant, fingerprint: string, since: number): Promise<TurnId | undefined> {
    const found = await this.reader.call('findRepeated', tenant, fingerprint, since);
    return found && turnId(found.session, found.id);
  }

  async forgetRequests(claimsBefore: number, fingerprintsBefore: number): Promise<void> {
    let more = true;
    while (more) more = await this.writer.call('forgetClaims', claimsBefore);
    more = true;
    while (more) more = await this.writer.call('forgetFingerprints', fingerprintsBefore);
  }

  async readTurn(tenant: Tenant, id: TurnId): Promise<TurnRow | undefined> {
    const turn = await this.reader.call('readTurn', turnKey(tenant, id));
    return turn && turnRow(turn);
  }

  async readBranch(tenant: Tenant, tip: TurnId, window: number): Promise<TurnRow[]> {
    return (await this.reader.call('readBranch', turnKey(tenant, tip), window)).map(turnRow);
  }

  async readHead(
    tenant: Tenant,
    ref: SessionRef,
    window: number,
    known?: KnownHead,
  ): Promise<SessionHead | undefined> {
    const found = await this.reader.call('readHead', tenant, ref, window, knownColumns(known));
    return found && headOfColumns(found);
  }

  async readTree(tenant: Tenant, session: SessionId): Promise<TreeNode[]> {
    const nodes = await this.reader.call('readTree', tenant, session);
    return nodes.map(({ id, parent, digest }) => ({
      id: turnId(session, id),
      parent: parent === null ? null : turnId(session, parent),
      digest,
    }));
  }

  async amendTurn(tenant: Tenant, id: TurnId, change: TurnAmendment): Promise<TurnRow | undefined> {
    const columns: TurnChange = { hide: change.hide, deleted: change.deleted };
    if (change.metadata) columns.metadata = metadataColumn(change.metadata);
    const turn = await this.writer.call('amendTurn', turnKey(tenant, id), columns);
    return turn && turnRow(turn);
  }

  async listTurns(tenant: Tenant, query: ListQuery): Promise<TurnRow[]> {
    const page: Page = {
      limit: query.limit,
      order: query.order,
      model: query.model ?? null,
      metadata: query.metadata ? metadataColumn(query.metadata) : null,
    };
    if (query.after !== undefined) page.after = turnKey(tenant, query.after);
    return (await this.reader.call('listTurns', tenant, page)).map(turnRow);
  }

  rootKeyHash(): Promise<string | undefined> {
    return this.reader.call('findKey', ROOT_KEY);
  }

  setRootKeyHash(hash: string): Promise<void> {
    return this.writer.call('setKey', ROOT_KEY, hash);
  }

  /** Leaves one whole file behind: the write-ahead log is moved into it, unless another process uses it. */
  async close(): Promise<void> {
    await this.reader.close();
    await this.writer.close();
  }
}

function knownColumns(known: KnownHead | undefined): KnownColumns | undefined {
  if (!known) return undefined;
  const { head, edits } = known;
  return { head: head && turnSuffix(sessionOf(head), head), edits };
}

const headOfColumns = ({ session, branch }: HeadColumns): SessionHead => ({
  session: sessionOfColumns(session),
  branch: branch?.map(turnRow),
});
