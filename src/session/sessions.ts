import type { Clock } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import {
  conversationId,
  newSessionId,
  parseItemId,
  responseId,
  type SessionId,
  sessionOf,
  type TurnId,
} from '../core/ids.ts';
import type { Item } from '../core/items.ts';
import type { BranchTurn, Intent, Session, SessionRef, StateRef, Tenant, TurnPolicy } from '../core/turn.ts';
import { decodeTurn, placedItems } from './codec.ts';
import { type HistoryUse, isFullHistory, matchHistory, withoutRepeatedInstructions } from './history.ts';
import { type HotBranch, HotBranches } from './hot-branches.ts';
import { mend } from './integrity.ts';
import { bringBack, mayRefer } from './large-content.ts';
import { busy, type Lease, type Leases } from './lease.ts';
import type { BlobStore, SessionHead, SessionStore, TurnRow } from './store.ts';

/** How many tokens back an added output finds its call. */
const APPEND_WINDOW = 32_000;

export interface ResumeRequest {
  tenant: Tenant;
  /** The session, as `locate` found it. */
  session: SessionId;
  state: StateRef;
  items: Item[];
  /** How many tokens of history can be of use (`context/assemble.ts`). */
  window: number;
  whenBusy: TurnPolicy['whenBusy'];
  /** Milliseconds to wait for the session while others write to it; `Infinity` for a turn that nobody waits for. */
  waitMs: number;
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
  id: SessionId;
  window: number;
  whenBusy: TurnPolicy['whenBusy'];
  waitMs: number;
}

/** The head of a session, decoded; under a lease, or only seen. */
interface Head {
  session: Session;
  branch: BranchTurn[];
  lease?: Lease;
}

export interface SessionsParts {
  store: SessionStore;
  blobs: BlobStore;
  leases: Leases;
  clock: Clock;
}

/** How often to ask for a session that another process writes to, in milliseconds; the pause doubles. */
const FIRST_PAUSE = 10;
const LONGEST_PAUSE = 250;
/** Names of sessions whose ids are remembered. */
const REMEMBERED = 10_000;

/** Finds what a request builds on. Every path reads the branch whole within its window, or fails. */
export class Sessions {
  private readonly hot = new HotBranches();
  /** The ids of named sessions, being found or found lately. */
  private readonly named = new Map<string, Promise<SessionId>>();

  constructor(private readonly parts: SessionsParts) {}

  /**
   * The session that a turn will belong to: the one that is named, made where that is asked for, or a new one.
   * Those who ask for one name at the same time get their answers in the order of asking.
   */
  locate(tenant: Tenant, state: StateRef, items: Item[]): SessionId | Promise<SessionId> {
    if (state.kind === 'none' || state.kind === 'held') return newSessionId(this.parts.clock());
    if (state.kind === 'response') return sessionOf(state.id);
    const { ref, create } = state;
    if ('id' in ref) return ref.id;
    const key = `${tenant}\n${ref.name}`;
    let found = this.named.get(key);
    if (!found) {
      found = this.findOrMake(tenant, ref.name, create ? items : undefined);
      if (this.named.size >= REMEMBERED) this.named.clear();
      this.named.set(key, found);
      found.catch(() => this.named.delete(key));
    }
    return found;
  }

  private async findOrMake(tenant: Tenant, name: string, make?: Item[]): Promise<SessionId> {
    const { store, clock } = this.parts;
    const found = await store.findSession(tenant, { name });
    if (found) return found.id;
    if (!make) throw sessionNotFound({ name });
    // Refuses what could not begin a session before there is one.
    mend([], make, true);
    const createdAt = clock();
    const fresh = {
      id: newSessionId(createdAt),
      tenant,
      name,
      createdAt,
      metadata: {},
      head: null,
      edits: 0,
    };
    return (await store.createSession(fresh)).id;
  }

  async resume(request: ResumeRequest): Promise<Resumed> {
    const { state, items } = request;
    switch (state.kind) {
      case 'none':
        return { id: request.session, parent: null, branch: [], input: mend([], items, true) };
      case 'session':
        return this.resumeSession(request, state);
      case 'response':
        return this.resumeResponse(request, state.id, state.within);
      case 'held':
        return this.resumeHeld(request, state);
    }
  }

  /** The session that a request names, where it names one; rejects where what it builds on does not exist. */
  async expect(tenant: Tenant, state: StateRef): Promise<Session | undefined> {
    const { store } = this.parts;
    if (state.kind === 'none' || state.kind === 'held') return undefined;
    if (state.kind === 'session') return this.find(tenant, state.ref);
    const row = await store.readTurn(tenant, state.id);
    if (!row || row.deleted) throw previousNotFound(state.id);
    return store.findSession(tenant, { id: sessionOf(state.id) });
  }

  /** By id or name; `session_not_found` where there is none. */
  async find(tenant: Tenant, ref: SessionRef): Promise<Session> {
    const found = await this.parts.store.findSession(tenant, ref);
    if (!found) throw sessionNotFound(ref);
    return found;
  }

  /** A session was deleted: nothing of it stays in memory, and its name may stand for another one. */
  forget({ tenant, id, name }: Session): void {
    this.hot.forget(tenant, id);
    if (name !== undefined) this.forgetName(tenant, name);
  }

  private forgetName(tenant: Tenant, name: string): void {
    this.named.delete(`${tenant}\n${name}`);
  }

  private gone(tenant: Tenant, ref: SessionRef): Fault {
    if ('id' in ref) return sessionNotFound(ref);
    // Another process has deleted it since its name was looked up; sent again, the request finds that out.
    this.forgetName(tenant, ref.name);
    return busy(`The session '${ref.name}' was deleted at this moment.`);
  }

  /** The end of a branch, decoded, as `SessionStore.readBranch` describes it. */
  private async branch(tenant: Tenant, tip: TurnId, window: number): Promise<BranchTurn[]> {
    const rows = await this.parts.store.readBranch(tenant, tip, window);
    if (rows.length === 0)
      throw new Fault('context_lost', `Turn ${responseId(tip)} is missing from the store.`);
    return this.decode(rows);
  }

  /** One stored item by its id; `item_not_found` where there is none that may be seen. */
  async item(tenant: Tenant, id: string): Promise<Item> {
    const place = parseItemId(id);
    const row = place && (await this.parts.store.readTurn(tenant, place.turn));
    const [found] = row && !row.deleted ? await this.decode([row]) : [];
    const placed = found && placedItems(found.turn, row!.hidden).find(({ item }) => item.id === id);
    if (!placed) throw new Fault('item_not_found', `Item with id '${id}' not found.`, { param: 'input' });
    const { side, index } = placed;
    return found.turn[side === 'i' ? 'input' : 'output'][index]!;
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
    const { items, session: id } = request;
    return this.atHead({ ...request, id }, state, async (branch, session) => {
      if (branch.length === 0) return { branch, input: mend([], items, true), use: 'started' };
      if (state.history && isFullHistory(items)) return this.followHistory(request, session, branch);
      const news = withoutRepeatedInstructions(items, branch);
      return { branch, input: mend(branch, news, true), use: 'appended' };
    });
  }

  /** The right to add items to a session without asking a model; calls may stay open for a later output. */
  resumeForAppend(tenant: Tenant, id: SessionId, items: Item[], waitMs: number): Promise<Resumed> {
    const wanted = { tenant, id, window: APPEND_WINDOW, whenBusy: 'wait', waitMs } as const;
    return this.atHead(wanted, { ref: { id } }, async (branch) => ({
      branch,
      input: mend(branch, items, false),
    }));
  }

  /**
   * The right to go on with a turn of a process that has died, where the session has not gone on without
   * it; otherwise the turn will stand beside the branch.
   */
  async resumeTurn(intent: Intent, window: number): Promise<Resumed> {
    const { tenant, session: id, parent, input, standing } = intent;
    const { moveHead } = standing;
    const waitMs = Number.POSITIVE_INFINITY;
    const head = moveHead && (await this.head({ tenant, id, window, whenBusy: 'wait', waitMs }));
    try {
      const branch = parent === null ? [] : await this.branch(tenant, parent, window);
      const beside = { id, session: head?.session, parent, branch, input };
      if (head && head.session.head === moveHead!.from) return { ...beside, lease: head.lease, moveHead };
      head?.lease?.release(false);
      return beside;
    } catch (error) {
      head?.lease?.release(false);
      throw error;
    }
  }

  /** Takes the right to write at a session's head, for what `place` makes of the branch that ends there. */
  private async atHead(
    wanted: HeadWanted,
    { ref }: { ref: SessionRef },
    place: (branch: BranchTurn[], session: Session) => Promise<Pick<Resumed, 'branch' | 'input' | 'use'>>,
  ): Promise<Resumed> {
    const head = await this.head(wanted);
    if (!head) throw this.gone(wanted.tenant, ref);
    const { session, branch, lease } = head;
    try {
      const placed = await place(branch, session);
      const found = { ...placed, id: session.id, session, parent: tipOf(placed.branch) };
      if (!lease) return { ...found, use: 'forked' };
      return { ...found, moveHead: { from: session.head }, lease, window: wanted.window };
    } catch (error) {
      lease?.release(false);
      throw error;
    }
  }

  /** The head of a session, with its lease unless the session is busy and the turn would rather branch off. */
  private async head(wanted: HeadWanted): Promise<Head | undefined> {
    const { tenant, id, window, whenBusy, waitMs } = wanted;
    const { leases, store } = this.parts;
    if (whenBusy === 'fork' && leases.isBusy(id)) return this.look(tenant, id, window);
    const until = performance.now() + waitMs;
    const leave = await leases.enter(id, waitMs);
    try {
      for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
        const hot = this.hot.find(tenant, id, window);
        const found = await store.takeHead(tenant, { id }, window, leases.request(), hot?.known);
        if (found && 'token' in found) {
          const lease = leases.hold(tenant, id, found.token, leave);
          return { session: found.session, branch: await this.branchOf(found, window, hot, lease), lease };
        }
        if (!found || whenBusy === 'fork') {
          leave();
          return found && this.look(tenant, id, window);
        }
        // Another process writes to it. It does not tell when it has done, so it is asked again and again.
        if (performance.now() + pause > until) throw busy('Another process writes to this session.');
        await Bun.sleep(pause);
      }
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** The head as it is, without the right to write there. */
  private async look(tenant: Tenant, id: SessionId, window: number): Promise<Head | undefined> {
    const found = await this.parts.store.readHead(tenant, { id }, window);
    return found && { session: found.session, branch: await this.decode(found.branch ?? []) };
  }

  private async branchOf(
    { session, branch: rows }: SessionHead,
    window: number,
    hot: HotBranch | undefined,
    lease: Lease,
  ): Promise<BranchTurn[]> {
    if (!rows) return hot!.branch;
    try {
      const branch = await this.decode(rows);
      this.hot.keep(session, { known: session, window, branch });
      return branch;
    } catch (error) {
      lease.release(false);
      throw error;
    }
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
    const input = mend(branch, items.slice(match.shared), true);
    return { branch, input, use: matched ? ('matched' as const) : ('forked' as const) };
  }

  private async resumeResponse(request: ResumeRequest, id: TurnId, within?: SessionRef): Promise<Resumed> {
    const { tenant, items, window } = request;
    const { store } = this.parts;
    const [row, session] = await Promise.all([
      store.readTurn(tenant, id),
      store.findSession(tenant, { id: sessionOf(id) }),
    ]);
    if (!row || row.deleted) throw previousNotFound(id);
    if (within) await this.expectWithin(tenant, within, id);
    // Continuing the head of a session is writing to the session; continuing an older turn is a fork.
    if (session?.head === id) {
      const head = await this.head({ ...request, id: session.id });
      if (head?.lease && head.session.head === id) return this.follow(head, head.lease, items);
      head?.lease?.release(false);
    }
    const branch = await this.branch(tenant, id, window);
    return { id: sessionOf(id), session, parent: id, branch, input: mend(branch, items, true) };
  }

  private async resumeHeld(
    { tenant, session, items, window }: ResumeRequest,
    { after, turns }: StateRef & { kind: 'held' },
  ): Promise<Resumed> {
    if (after !== null) await this.expect(tenant, { kind: 'response', id: after });
    const branch = after === null ? [] : await this.branch(tenant, after, window);
    let totalTokens = branch.at(-1)?.totalTokens ?? 0;
    for (const turn of turns) {
      totalTokens += turn.tokens;
      branch.push({ ...turn, totalTokens });
    }
    return { id: session, parent: after, branch, input: mend(branch, items, true) };
  }

  private follow({ session, branch }: Head, lease: Lease, items: Item[]): Resumed {
    try {
      const input = mend(branch, items, true);
      const moveHead = { from: session.head };
      return { id: session.id, session, parent: session.head, branch, input, moveHead, lease };
    } catch (error) {
      lease.release(false);
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

function previousNotFound(id: TurnId): Fault {
  const message = `Previous response with id '${responseId(id)}' not found.`;
  return new Fault('previous_response_not_found', message, { param: 'previous_response_id' });
}

export function sessionNotFound(ref: SessionRef): Fault {
  const name = 'id' in ref ? conversationId(ref.id) : ref.name;
  return new Fault('session_not_found', `Conversation with id '${name}' not found.`);
}
