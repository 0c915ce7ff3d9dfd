import { type SessionId, sessionOf, type TurnId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';
import type { Session, SessionRef } from '../../core/turn.ts';
import type { SessionValue, ValueCondition } from '../../core/values.ts';
import type { KeyStore } from '../../security/key-store.ts';
import type { SealKey, SealKeyStore } from '../../security/seal-key-store.ts';
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
import type { ValueChange, ValueOutcome, ValueStore } from '../../session/value-store.ts';
import {
  metadataColumn,
  sessionColumns,
  sessionOfColumns,
  tagsColumn,
  turnColumns,
  turnId,
  turnKey,
  turnRow,
  turnSuffix,
} from './columns.ts';
import { type StartWorker, StoreThread, startWorker } from './store-thread.ts';
import type { HeadColumns, KnownColumns, Page, TurnChange } from './turn-operations.ts';

const ROOT_KEY = 'root';
/** Under load, a commit waits this long for other commits to share its sync; a single one does not wait. */
const GATHER_MS = 1;

/**
 * Everything but large content, in one SQLite file. Writes have a thread of their own, and those that are
 * asked at the same time share one transaction and one sync of the disk; reads have another, so that they never
 * wait for that sync. Several processes may open one file. The file is on one machine: the store's clock is
 * that machine's. It has no outbox: the events of a commit are ignored.
 */
export class SqliteStore
  implements TurnLog, LeaseStore, LineStore, ValueStore, ClaimStore, MemberRegistry, KeyStore, SealKeyStore
{
  private constructor(
    private readonly writer: StoreThread,
    private readonly reader: StoreThread,
  ) {}

  /**
   * Opens the file, or makes it. Rejects with an `Error` that names the file, what is wrong with it and
   * the remedy; a file that cannot be used is left as it is.
   */
  static async open(path: string, start: StartWorker = startWorker): Promise<SqliteStore> {
    const writer = new StoreThread({ path, use: 'write' }, start, GATHER_MS);
    await writer.open();
    const reader = new StoreThread({ path, use: 'read' }, start);
    try {
      await reader.open();
    } catch (error) {
      await writer.close();
      throw error;
    }
    return new SqliteStore(writer, reader);
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

  async labelSession(
    tenant: Tenant,
    id: SessionId,
    { name, tags }: Pick<Session, 'name' | 'tags'>,
  ): Promise<Session | 'taken' | undefined> {
    const labels = { name: name ?? null, tags: tagsColumn(tags) };
    const labelled = await this.writer.call('labelSession', tenant, id, labels);
    return typeof labelled === 'object' ? sessionOfColumns(labelled) : labelled;
  }

  async rewind(tenant: Tenant, turn: TurnId): Promise<Session | 'busy' | undefined> {
    const session = await this.writer.call('rewind', turnKey(tenant, turn));
    return typeof session === 'object' ? sessionOfColumns(session) : session;
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
  ): Promise<TakenHead | LeaseDenied | undefined> {
    // JSON has no infinity.
    const most = Math.min(window, Number.MAX_SAFE_INTEGER);
    const found = await this.writer.call('takeHead', tenant, ref, most, lease, knownColumns(known));
    if (!found || 'expiresInMs' in found) return found;
    return { token: found.token, ...headOfColumns(found) };
  }

  renewLease(tenant: Tenant, session: SessionId, token: number, lastsMs: number): Promise<boolean> {
    return this.writer.call('renewLease', tenant, session, token, lastsMs);
  }

  releaseLease(tenant: Tenant, session: SessionId, token: number): Promise<void> {
    return this.writer.call('releaseLease', tenant, session, token);
  }

  leaseHolders(): Promise<MemberId[]> {
    return this.reader.call('leaseHolders');
  }

  releaseLeasesOf(holder: MemberId): Promise<void> {
    return this.writer.call('releaseLeasesOf', holder);
  }

  async commitTurn(row: TurnRow, { move, line, token, values }: CommitOptions = {}): Promise<boolean> {
    const suffix = (id: TurnId | null) => (id === null ? null : turnSuffix(row.session, id));
    const { opening, tip } = line ?? {};
    const commit = {
      move: move && { from: suffix(move.from) },
      line: line && { opening, tip: tip && { ...tip, from: suffix(tip.from) } },
      token,
      values,
      fingerprint: row.fingerprint,
      isFoundByHistory: row.isFoundByHistory,
    };
    return this.writer.call('commitTurn', turnColumns(row), commit);
  }

  claim(tenant: Tenant, claim: Claim, replaceable?: Replaceable): Promise<Claim> {
    return this.writer.call('claim', tenant, claim, replaceable);
  }

  findClaim(tenant: Tenant, key: string, maxAgeMs: number): Promise<Claim | undefined> {
    return this.reader.call('findClaim', tenant, key, maxAgeMs);
  }

  async findByFingerprint(
    tenant: Tenant,
    fingerprint: string,
    maxAgeMs: number,
  ): Promise<TurnId | undefined> {
    const found = await this.reader.call('findByFingerprint', tenant, fingerprint, maxAgeMs);
    return found && turnId(found.session, found.id);
  }

  async forgetRequests({ claimsMs, fingerprintsMs }: Parameters<ClaimStore['forgetRequests']>[0]) {
    let more = true;
    while (more) more = await this.writer.call('forgetClaims', claimsMs);
    more = true;
    while (more) more = await this.writer.call('forgetFingerprints', fingerprintsMs);
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
    return nodes.map(({ id, parent, ...node }) => ({
      id: turnId(session, id),
      parent: parent === null ? null : turnId(session, parent),
      ...node,
    }));
  }

  async readLines(tenant: Tenant, session: SessionId): Promise<SessionLines> {
    const { main, lines } = await this.reader.call('readLines', tenant, session);
    const lineOf = ({ agent, tip, digest, ...line }: (typeof lines)[number]): Line => ({
      ...line,
      ...(agent !== null && { agent }),
      tip: tip === null ? null : turnId(session, tip),
      digest: digest ?? '',
    });
    return { main, lines: lines.map(lineOf) };
  }

  addLine(
    tenant: Tenant,
    session: SessionId,
    { number, agent, opening }: Pick<Line, 'number' | 'agent' | 'opening'>,
  ): Promise<boolean> {
    return this.writer.call('addLine', tenant, session, { number, agent: agent ?? null, opening });
  }

  readValue(tenant: Tenant, session: SessionId, key: string): Promise<SessionValue | undefined> {
    return this.reader.call('readValue', tenant, session, key);
  }

  listValues(tenant: Tenant, session: SessionId): Promise<SessionValue[]> {
    return this.reader.call('listValues', tenant, session);
  }

  changeValue(
    tenant: Tenant,
    session: SessionId,
    key: string,
    change: ValueChange,
    condition: ValueCondition,
  ): Promise<ValueOutcome> {
    return this.writer.call('changeValue', tenant, session, key, change, condition);
  }

  findByHistory(tenant: Tenant, digests: readonly string[]): Promise<SessionId | undefined> {
    return this.reader.call('findByHistory', tenant, digests);
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

  erase(tenant: Tenant, session: SessionId): Promise<void> {
    return this.writer.call('erase', tenant, session);
  }

  beat(member: MemberId): Promise<void> {
    return this.writer.call('beat', member);
  }

  silentFor(member: MemberId): Promise<number | undefined> {
    return this.reader.call('silentFor', member);
  }

  remove(member: MemberId): Promise<void> {
    return this.writer.call('removeMember', member);
  }

  rootKeyHash(): Promise<string | undefined> {
    return this.reader.call('findKey', ROOT_KEY);
  }

  setRootKeyHash(hash: string): Promise<void> {
    return this.writer.call('setKey', ROOT_KEY, hash);
  }

  removeRootKeyHash(): Promise<void> {
    return this.writer.call('removeKey', ROOT_KEY);
  }

  sealKeys(): Promise<SealKey[]> {
    return this.reader.call('sealKeys');
  }

  addSealKey(key: SealKey): Promise<void> {
    return this.writer.call('addSealKey', key);
  }

  /** Deletes changes that the survey has seen, up to this one. */
  forgetChanges(until: number): Promise<void> {
    return this.writer.call('forgetChanges', until);
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
