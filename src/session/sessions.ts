import type { Clock } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import {
  conversationId,
  newSessionId,
  type Place,
  responseId,
  type SessionId,
  sessionOf,
  type TurnId,
} from '../core/ids.ts';
import type { Item } from '../core/items.ts';
import type { BranchTurn, Session, SessionRef, StateRef, Tenant } from '../core/turn.ts';
import { decodeTurn, placedItems } from './codec.ts';
import { type HistoryUse, isFullHistory, matchHistory, withoutRepeatedInstructions } from './history.ts';
import { HotBranches } from './hot-branches.ts';
import { mend } from './integrity.ts';
import { bringBack, mayRefer } from './large-content.ts';
import type { Lease, Leases } from './lease.ts';
import type { BlobStore, SessionStore, TurnRow } from './store.ts';

/** How many tokens back an added output finds its call. */
const APPEND_WINDOW = 32_000;

export interface ResumeRequest {
  tenant: Tenant;
  state: StateRef;
  items: Item[];
  /** How many tokens of history can be of use (`context/assemble.ts`). */
  window: number;
}

/** A session as a turn finds it, with the right to write to it. */
export interface Resumed {
  /** The new turn's session; it has a record only where somebody named or made one. */
  id: SessionId;
  session?: Session;
  parent: TurnId | null;
  /** The part of the parent's branch that the window reaches, and its root; empty where there is no parent. */
  branch: BranchTurn[];
  /** What the turn adds, mended. */
  input: Item[];
  use?: HistoryUse;
  /** Present when the session's head should follow the turn. */
  moveHead?: { from: TurnId | null };
  /** Held until the turn has ended. */
  lease?: Lease;
  /** How far back `branch` reaches, where it may be kept for the next turn. */
  window?: number;
}

interface HeadWanted {
  tenant: Tenant;
  ref: SessionRef;
  window: number;
  /** The items that may begin the session, where it may be made. */
  make?: Item[];
}

export interface SessionsParts {
  store: SessionStore;
  blobs: BlobStore;
  leases: Leases;
  clock: Clock;
}

/** Finds what a request builds on. Every path reads the branch whole within its window, or fails. */
export class Sessions {
  private readonly hot = new HotBranches();

  constructor(private readonly parts: SessionsParts) {}

  async resume(request: ResumeRequest): Promise<Resumed> {
    const { state, items } = request;
    switch (state.kind) {
      case 'none':
        return { id: newSessionId(this.parts.clock()), parent: null, branch: [], input: items };
      case 'session':
        return this.resumeSession(request, state);
      case 'response':
        return this.resumeResponse(request, state.id, state.within);
    }
  }

  /** By id or name; `session_not_found` where there is none. */
  async find(tenant: Tenant, ref: SessionRef): Promise<Session> {
    const found = await this.parts.store.findSession(tenant, ref);
    if (!found) throw sessionNotFound(ref);
    return found;
  }

  /** The end of a branch, decoded, as `SessionStore.readBranch` describes it. */
  private async branch(tenant: Tenant, tip: TurnId, window: number): Promise<BranchTurn[]> {
    const rows = await this.parts.store.readBranch(tenant, tip, window);
    if (rows.length === 0)
      throw new Fault('context_lost', `Turn ${responseId(tip)} is missing from the store.`);
    return this.decode(rows);
  }

  /** One stored item by its place; `item_not_found` where there is none that may be seen. */
  async item(tenant: Tenant, place: Place): Promise<Item> {
    const row = await this.parts.store.readTurn(tenant, place.turn);
    const [found] = row && !row.deleted ? await this.decode([row]) : [];
    const item = found?.turn[place.side === 'i' ? 'input' : 'output'][place.index];
    if (!item || row?.hidden.includes(`${place.side}${place.index}`)) {
      throw new Fault('item_not_found', 'The item is not stored here.');
    }
    return item;
  }

  private decode(rows: TurnRow[]): Promise<BranchTurn[]> {
    return Promise.all(
      rows.map(async (row) => {
        const turn = decodeTurn(row);
        if (mayRefer(row.body)) {
          turn.input = await bringBack(turn.input, row.tenant, this.parts.blobs);
          turn.output = await bringBack(turn.output, row.tenant, this.parts.blobs);
        }
        const { tokens, totalTokens, digest, hidden } = row;
        return { turn, tokens, totalTokens, digest, hidden };
      }),
    );
  }

  private resumeSession(request: ResumeRequest, state: StateRef & { kind: 'session' }): Promise<Resumed> {
    const { tenant, items, window } = request;
    const make = state.create ? items : undefined;
    return this.atHead({ tenant, ref: state.ref, window, make }, async (branch, session) => {
      if (branch.length === 0) return { branch, input: mend([], items, true), use: 'started' };
      if (state.history && isFullHistory(items)) return this.followHistory(request, session, branch);
      const news = withoutRepeatedInstructions(items, branch);
      return { branch, input: mend(itemsOf(branch), news, true), use: 'appended' };
    });
  }

  /** The right to add items to a session without asking a model; calls may stay open for a later output. */
  resumeForAppend(tenant: Tenant, ref: SessionRef, items: Item[]): Promise<Resumed> {
    return this.atHead({ tenant, ref, window: APPEND_WINDOW }, async (branch) => ({
      branch,
      input: mend(itemsOf(branch), items, false),
    }));
  }

  /** Takes the right to write at a session's head, for what `place` makes of the branch that ends there. */
  private async atHead(
    wanted: HeadWanted,
    place: (branch: BranchTurn[], session: Session) => Promise<Pick<Resumed, 'branch' | 'input' | 'use'>>,
  ): Promise<Resumed> {
    const { leases } = this.parts;
    const before = leases.moment;
    let head = await this.readHead(wanted);
    const { id } = head.session;
    const lease = await leases.acquire(id);
    try {
      // Somebody else has written since it was read, most likely while this turn waited.
      if (leases.releasedSince(id, before)) head = await this.readHead({ ...wanted, ref: { id } });
      const { session, branch } = head;
      const placed = await place(branch, session);
      const moveHead = { from: session.head };
      return { ...placed, id, session, parent: tipOf(placed.branch), moveHead, lease, window: wanted.window };
    } catch (error) {
      lease.release();
      throw error;
    }
  }

  private async readHead(wanted: HeadWanted): Promise<{ session: Session; branch: BranchTurn[] }> {
    const { store } = this.parts;
    const { tenant, ref, window, make } = wanted;
    const hot = this.hot.find(tenant, ref, window);
    const found = await store.readHead(tenant, ref, window, hot?.known);
    if (!found)
      return make && 'name' in ref ? this.make(wanted, ref.name, make) : Promise.reject(sessionNotFound(ref));
    const { session } = found;
    if (!found.branch) return { session, branch: hot!.branch };
    const branch = await this.decode(found.branch);
    this.hot.keep(session, { known: session, window, branch });
    return { session, branch };
  }

  private async make(wanted: HeadWanted, name: string, items: Item[]) {
    const { store, clock } = this.parts;
    const { tenant } = wanted;
    // Refuses what could not begin a session before there is one.
    mend([], items, true);
    const now = clock();
    const fresh = { id: newSessionId(now), tenant, name, createdAt: now, metadata: {}, head: null, edits: 0 };
    const session = await store.createSession(fresh);
    // Where another request was faster, the session is its, and may have turns by now.
    return session.id === fresh.id ? { session, branch: [] } : this.readHead({ ...wanted, make: undefined });
  }

  /** Takes over a turn that has become the head of its session, so that the next one need not read it. */
  advance({ session, branch, window }: Resumed, turn: BranchTurn): void {
    if (!session || window === undefined) return;
    const known = { head: turn.turn.id, edits: session.edits };
    this.hot.keep(session, { known, window, branch: [...branch, turn] });
  }

  /** A client's full history: continues the turn up to which it is the session's own. */
  private async followHistory(
    { tenant, items, window }: ResumeRequest,
    session: Session,
    headBranch: BranchTurn[],
  ) {
    const head = headBranch.at(-1)!;
    const node = { id: head.turn.id, parent: head.turn.parent, digest: head.digest };
    const atHead = matchHistory(items, [node]);
    const match = atHead.parent
      ? atHead
      : matchHistory(items, await this.parts.store.readTree(tenant, session.id));
    const matched = match.parent === node.id;
    const branch = matched
      ? headBranch
      : match.parent === null
        ? []
        : await this.branch(tenant, match.parent, window);
    const input = mend(itemsOf(branch), items.slice(match.shared), true);
    return { branch, input, use: matched ? ('matched' as const) : ('forked' as const) };
  }

  private async resumeResponse(request: ResumeRequest, id: TurnId, within?: SessionRef): Promise<Resumed> {
    const { store, leases } = this.parts;
    const [row, session] = await Promise.all([
      store.readTurn(request.tenant, id),
      store.findSession(request.tenant, { id: sessionOf(id) }),
    ]);
    if (!row || row.deleted) {
      throw new Fault(
        'previous_response_not_found',
        `Previous response with id '${responseId(id)}' not found.`,
        {
          param: 'previous_response_id',
        },
      );
    }
    if (within) await this.expectWithin(request.tenant, within, id);
    // Continuing the head of a session is writing to the session; continuing an older turn is a fork.
    const lease = session?.head === id ? await leases.acquire(session.id) : undefined;
    try {
      const branch = await this.branch(request.tenant, id, request.window);
      const input = mend(itemsOf(branch), request.items, true);
      return {
        id: sessionOf(id),
        session,
        parent: id,
        branch,
        input,
        moveHead: lease && { from: id },
        lease,
      };
    } catch (error) {
      lease?.release();
      throw error;
    }
  }

  private async expectWithin(tenant: Tenant, ref: SessionRef, id: TurnId): Promise<void> {
    const session = await this.find(tenant, ref);
    if (session.id === sessionOf(id)) return;
    throw new Fault('conflicting_state', `The response ${responseId(id)} is not part of the named session.`, {
      param: 'previous_response_id',
    });
  }
}

const tipOf = (branch: readonly BranchTurn[]): TurnId | null => branch.at(-1)?.turn.id ?? null;

/** What calls can still be open in: the last turn that asked a model, and what was added to it since. */
function itemsOf(branch: readonly BranchTurn[]): Item[] {
  const asked = branch.findLastIndex(({ turn }) => turn.model !== undefined);
  const since = branch.slice(Math.max(0, asked));
  return since.flatMap(({ turn, hidden }) => placedItems(turn, hidden).map(({ item }) => item));
}

export function sessionNotFound(ref: SessionRef): Fault {
  const name = 'id' in ref ? conversationId(ref.id) : ref.name;
  return new Fault('session_not_found', `Conversation with id '${name}' not found.`);
}
