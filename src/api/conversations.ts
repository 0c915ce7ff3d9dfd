import { Fault } from '../core/errors.ts';
import {
  conversationId,
  type ItemPosition,
  itemKey,
  newSessionId,
  parseItemId,
  type SessionId,
  sessionOf,
  type TurnId,
} from '../core/ids.ts';
import { type IdentifiedItem, type ItemAt, itemsOf } from '../core/item-positions.ts';
import type { Item } from '../core/items.ts';
import type { Caller, Once, RequestIdentity } from '../core/request.ts';
import type { Session, SessionRef } from '../core/turn.ts';
import { sessionNotFound } from '../session/session-names.ts';
import { hydratedTurn } from '../session/stored-turn.ts';
import type { TurnPath } from '../turn/path.ts';
import { append } from '../turn/start/append.ts';
import { expectMayKeep } from './keeping.ts';
import { resolveReferences } from './references.ts';
import { withThoughts } from './thoughts.ts';

/** What a conversation begins with. */
export interface NewConversation {
  items: Item[];
  metadata: Record<string, string>;
}

/** Which items of a conversation to read. */
export interface ItemPage {
  /** Exclusive; the id of the last item of the page before. */
  after?: string;
  limit: number;
  order: 'asc' | 'desc';
}

/** What may be done with conversations: sessions, by their id or name. */
export class Conversations {
  constructor(private readonly path: TurnPath) {}

  /** `session_not_found` where the caller's tenant has no such session. */
  get({ tenant }: Caller, ref: SessionRef): Promise<Session> {
    return this.path.sessions.find(tenant, ref);
  }

  async create(
    caller: Caller,
    { items, metadata }: NewConversation,
    identity: RequestIdentity | undefined,
  ): Promise<Once<Session>> {
    expectMayKeep(caller);
    const { tenant } = caller;
    const { log, clock, idempotency, emit } = this.path;
    return idempotency.runOnce(identity, tenant, {
      find: async (id) => {
        const found = await log.findSession(tenant, { id: id as SessionId });
        // A session without its first items was not created completely.
        return items.length > 0 && found?.head === null ? undefined : found;
      },
      run: async (claim) => {
        // Refuses unknown items before there is a session.
        const resolved = await this.resolved(caller, items);
        const createdAt = clock();
        const id = newSessionId(createdAt);
        await claim(id);
        const session = await log.createSession({ id, tenant, createdAt, metadata, head: null, edits: 0 });
        emit({ type: 'session-created', tenant });
        if (items.length > 0) await append({ session, items: resolved }, this.path);
        return session;
      },
    });
  }

  async update(
    caller: Caller,
    { id }: Session,
    metadata: Record<string, string>,
    identity: RequestIdentity | undefined,
  ): Promise<Once<Session>> {
    expectMayKeep(caller);
    const { tenant } = caller;
    const { log, idempotency } = this.path;
    return idempotency.runOnce(identity, tenant, {
      find: () => log.findSession(tenant, { id }),
      // The update can be repeated without harm. With the claim first, a crash between the two would lose it.
      run: async (claim) => {
        const updated = await log.updateSession(tenant, id, metadata);
        if (!updated) throw sessionNotFound({ id });
        await claim(id);
        return updated;
      },
    });
  }

  /** The session is no longer found; its turns stay reachable as responses, as in OpenAI's API. */
  async remove(session: Session): Promise<void> {
    const { tenant, id } = session;
    if (await this.path.log.deleteSession(tenant, id)) this.path.emit({ type: 'session-deleted', tenant });
    await this.path.indexer.forget(tenant, id);
    await this.path.sessions.forget(session);
  }

  /** Appends items without asking a model; resolves to them under their ids. */
  async addItems(
    caller: Caller,
    session: Session,
    { items, metadata }: { items: Item[]; metadata?: Record<string, string> },
    identity: RequestIdentity | undefined,
  ): Promise<Once<IdentifiedItem[]>> {
    expectMayKeep(caller);
    const resolved = () => this.resolved(caller, items);
    const { result, replayed } = await append({ session, items, metadata, identity, resolved }, this.path);
    return { result: itemsOf(result).map(({ item }) => item), replayed };
  }

  /** One page of the items on the session's active branch, and whether there are more. */
  async listItems(session: Session, page: ItemPage): Promise<{ items: IdentifiedItem[]; more: boolean }> {
    const { after, limit, order } = page;
    const from = after === undefined ? undefined : positionOf(after, session).turn;
    const found: IdentifiedItem[] = [];
    // Reads turns one after another until enough items are found, so that a short page is read fast.
    for (const id of await this.activeBranch(session, order, from)) {
      if (found.length > limit) break;
      const items = await this.visibleItems(session, id);
      if (!items) throw new Fault('context_lost', `Turn ${id} is missing from the store.`);
      if (order === 'desc') items.reverse();
      const start = id === from ? items.findIndex(({ item }) => isNamed(item, after!)) + 1 : 0;
      found.push(...items.slice(start).map(({ item }) => item));
    }
    return { items: found.slice(0, limit), more: found.length > limit };
  }

  /** `item_not_found` where the session has no such visible item. */
  async getItem(session: Session, id: string): Promise<IdentifiedItem> {
    return (await this.locate(session, id)).item;
  }

  /**
   * Hides the item from every view. The partner of a call or an output is left out with it when a prompt is
   * assembled.
   */
  async removeItem(session: Session, id: string): Promise<void> {
    const { side, index } = await this.locate(session, id);
    const { turn } = positionOf(id, session);
    await this.path.log.amendTurn(session.tenant, turn, { hide: [`${side}${index}`] });
    // After the item is hidden, so that its passages are not embedded again.
    await this.path.vectors.forgetTurn(session.tenant, session.id, turn);
  }

  private async resolved({ tenant }: Caller, items: Item[]): Promise<Item[]> {
    const resolved = await resolveReferences(items, tenant, this.path);
    return withThoughts(resolved, tenant, this.path);
  }

  /** The turns of the active branch in the asked order, beginning with `from` if it is given. */
  private async activeBranch(session: Session, order: 'asc' | 'desc', from?: TurnId): Promise<TurnId[]> {
    const tree = await this.path.log.readTree(session.tenant, session.id);
    const parents = new Map(tree.map((node) => [node.id, node.parent]));
    const branch: TurnId[] = [];
    for (let id = session.head; id !== null; id = parents.get(id) ?? null) branch.push(id);
    if (order === 'asc') branch.reverse();
    return from === undefined ? branch : branch.slice(Math.max(0, branch.indexOf(from)));
  }

  private async locate(session: Session, id: string): Promise<ItemAt> {
    const items = await this.visibleItems(session, positionOf(id, session).turn);
    const found = items?.find(({ item }) => isNamed(item, id));
    if (!found) throw itemNotFound(id, session);
    return found;
  }

  private async visibleItems({ tenant }: Session, turn: TurnId): Promise<ItemAt[] | undefined> {
    const row = await this.path.log.readTurn(tenant, turn);
    return row && itemsOf(await hydratedTurn(row, this.path.blobs), row.hidden);
  }
}

const isNamed = (item: IdentifiedItem, id: string): boolean => itemKey(item.id) === itemKey(id);

function positionOf(id: string, session: Session): ItemPosition {
  const position = parseItemId(id);
  if (!position || sessionOf(position.turn) !== session.id) throw itemNotFound(id, session);
  return position;
}

function itemNotFound(id: string, session: Session): Fault {
  const message = `Item with id '${id}' not found in conversation '${conversationId(session.id)}'.`;
  return new Fault('item_not_found', message);
}
