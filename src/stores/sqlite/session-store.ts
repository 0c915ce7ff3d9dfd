import type { SessionId, TurnId } from '../../core/ids.ts';
import type { Session, Tenant } from '../../core/turn.ts';
import type {
  KeyStore,
  ListQuery,
  SessionStore,
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
import type { Page, TurnChange } from './operations.ts';
import { type StartWorker, StoreThread, startWorker } from './store-thread.ts';

const ROOT_KEY = 'root';

/**
 * Sessions in one SQLite file, written by a thread of its own. Several processes may open one file.
 * Writes that are asked at the same time share one transaction and one sync of the disk.
 */
export class SqliteSessionStore implements SessionStore, KeyStore {
  private constructor(private readonly thread: StoreThread) {}

  /**
   * Opens the file, or makes it. Rejects with an `Error` that names the file, what is wrong with it and
   * the remedy; a file that cannot be used is left as it is.
   */
  static async open(path: string, start: StartWorker = startWorker): Promise<SqliteSessionStore> {
    const thread = new StoreThread(path, start);
    await thread.open();
    return new SqliteSessionStore(thread);
  }

  /** Calls answered and transactions committed since the store was opened. */
  get counts(): { readonly calls: number; readonly transactions: number } {
    return this.thread.counts;
  }

  async createSession(session: Session): Promise<Session> {
    return sessionOfColumns(await this.thread.call('createSession', sessionColumns(session)));
  }

  async findSession(tenant: Tenant, ref: { id: SessionId } | { name: string }): Promise<Session | undefined> {
    const found =
      'id' in ref
        ? await this.thread.call('findSession', tenant, ref.id)
        : await this.thread.call('findSessionByName', tenant, ref.name);
    return found && sessionOfColumns(found);
  }

  async updateSession(
    tenant: Tenant,
    id: SessionId,
    metadata: Record<string, string>,
  ): Promise<Session | undefined> {
    const updated = await this.thread.call('updateSession', tenant, id, metadataColumn(metadata));
    return updated && sessionOfColumns(updated);
  }

  deleteSession(tenant: Tenant, id: SessionId): Promise<boolean> {
    return this.thread.call('deleteSession', tenant, id);
  }

  async commitTurn(row: TurnRow, moveHead?: { from: TurnId | null }): Promise<boolean> {
    const turn = turnColumns(row);
    if (!moveHead) return this.thread.call('commitTurn', turn);
    const from = moveHead.from === null ? null : turnSuffix(row.session, moveHead.from);
    return this.thread.call('commitTurn', turn, { from });
  }

  async readTurn(tenant: Tenant, id: TurnId): Promise<TurnRow | undefined> {
    const turn = await this.thread.call('readTurn', turnKey(tenant, id));
    return turn && turnRow(turn);
  }

  async readBranch(tenant: Tenant, tip: TurnId, sinceTokens: number): Promise<TurnRow[]> {
    return (await this.thread.call('readBranch', turnKey(tenant, tip), sinceTokens)).map(turnRow);
  }

  async readTree(tenant: Tenant, session: SessionId): Promise<TreeNode[]> {
    const nodes = await this.thread.call('readTree', tenant, session);
    return nodes.map(({ id, parent, digest }) => ({
      id: turnId(session, id),
      parent: parent === null ? null : turnId(session, parent),
      digest,
    }));
  }

  async amendTurn(tenant: Tenant, id: TurnId, change: TurnAmendment): Promise<TurnRow | undefined> {
    const columns: TurnChange = { hide: change.hide, deleted: change.deleted };
    if (change.metadata) columns.metadata = metadataColumn(change.metadata);
    const turn = await this.thread.call('amendTurn', turnKey(tenant, id), columns);
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
    return (await this.thread.call('listTurns', tenant, page)).map(turnRow);
  }

  rootKeyHash(): Promise<string | undefined> {
    return this.thread.call('findKey', ROOT_KEY);
  }

  setRootKeyHash(hash: string): Promise<void> {
    return this.thread.call('setKey', ROOT_KEY, hash);
  }

  /** Leaves one whole file behind: the write-ahead log is moved into it, unless another process uses it. */
  close(): Promise<void> {
    return this.thread.close();
  }
}
