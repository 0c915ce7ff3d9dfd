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
import { itemsOf } from '../core/item-positions.ts';
import { type Item, isFullHistory } from '../core/items.ts';
import type { TurnPolicy } from '../core/policy.ts';
import type { Tenant } from '../core/request.ts';
import type { Ask, BranchTurn, PlacedIntent, Session, SessionRef, StateRef } from '../core/turn.ts';
import type { HistoryUse } from '../core/turn-view.ts';
import type { Head, HeadRequest, Heads } from './heads.ts';
import {
  EMPTY_DIGEST,
  isAskedAgain,
  isHistoryAskedAgain,
  matchHistory,
  withoutRepeatedInstructions,
} from './history.ts';
import { busy, type Lease } from './leases.ts';
import { isInSession } from './stored-turn.ts';
import { repairToolPairs } from './tool-pairs.ts';
import type { TurnLog } from './turn-log.ts';

/** How many tokens back an added output finds its call. */
const APPEND_WINDOW = 32_000;

/** What a turn that is about to run needs of its session. */
export interface ResumeRequest {
  tenant: Tenant;
  /** The session, as `locate` found it. */
  session: SessionId;
  state: StateRef;
  input: Item[];
  /** How many tokens of history can be of use (`context/assemble.ts`). */
  window: number;
  /** Whether the turn is kept. One that is not kept reads the session, makes none and takes no lease. */
  writes: boolean;
  whenBusy: TurnPolicy['whenBusy'];
  /** Milliseconds to wait for the session while others write to it; `Infinity` for a turn that nobody waits for. */
  waitMs: number;
  /** Estimates the tokens of a turn that is not stored. */
  tokensOf(items: readonly Item[]): number;
}

/** What a turn builds on, and what it adds. */
interface Found {
  /** The new turn's session. */
  id: SessionId;
  /** The session's record; absent for a chain of responses that no caller has named. */
  session: Session | undefined;
  parent: TurnId | null;
  /** The part of the parent's branch that the window reaches, and its root; empty where there is no parent. */
  branch: BranchTurn[];
  /** What the turn adds, with its tool pairs repaired. */
  input: Item[];
  history?: HistoryUse;
}

/** A session as a turn finds it. */
export type Resumed =
  /** No history, no record. */
  | ({ kind: 'stateless' } & Found)
  /** The turn follows an older turn, or a chain without a record, or could not wait: the head does not move. */
  | ({ kind: 'beside' } & Found)
  /** The turn follows the head, with the right to move it from `from`. `branch` reaches back `window` tokens. */
  | ({ kind: 'head'; lease: Lease; from: TurnId | null; window: number } & Found & { session: Session });

/** What `Sessions` works with. */
export interface SessionsParts {
  log: TurnLog;
  heads: Heads;
  clock: Clock;
}

/** Names of sessions whose ids are remembered. */
const REMEMBERED = 10_000;

/** Finds what a request builds on. */
export class Sessions {
  /** The ids of named sessions, being found or found lately. */
  private readonly named = new Map<string, Promise<SessionId>>();

  constructor(private readonly parts: SessionsParts) {}

  /**
   * The session that a turn will belong to: the one that is named, created where that is asked for and the turn
   * `writes`, or a new one. Requests that ask for one name at the same time get their answers in the order of asking.
   */
  locate(
    tenant: Tenant,
    { state, input }: Pick<Ask, 'state' | 'input'>,
    writes: boolean,
  ): SessionId | Promise<SessionId> {
    if (state.kind === 'none' || state.kind === 'held') return newSessionId(this.parts.clock());
    if (state.kind === 'response') return sessionOf(state.id);
    const { ref, create } = state;
    if ('id' in ref) return ref.id;
    if (!writes) return this.findForReading(tenant, ref);
    const key = `${tenant}\n${ref.name}`;
    let found = this.named.get(key);
    if (!found) {
      found = this.findOrCreate(tenant, ref.name, create ? input : undefined);
      if (this.named.size >= REMEMBERED) this.named.clear();
      this.named.set(key, found);
      found.catch(() => this.named.delete(key));
    }
    return found;
  }

  private async findForReading(tenant: Tenant, ref: SessionRef): Promise<SessionId> {
    const { log, clock } = this.parts;
    return (await log.findSession(tenant, ref))?.id ?? newSessionId(clock());
  }

  private async findOrCreate(tenant: Tenant, name: string, items?: Item[]): Promise<SessionId> {
    const { log, clock } = this.parts;
    const found = await log.findSession(tenant, { name });
    if (found) return found.id;
    if (!items) throw sessionNotFound({ name });
    // Refuses items that cannot begin a session before there is one.
    repairToolPairs([], items, true);
    const createdAt = clock();
    const id = newSessionId(createdAt);
    const fresh = { id, tenant, name, createdAt, metadata: {}, head: null, edits: 0 };
    return (await log.createSession(fresh)).id;
  }

  async resume(request: ResumeRequest): Promise<Resumed> {
    const { state, input, session: id } = request;
    switch (state.kind) {
      case 'none':
        return stateless(id, input);
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
    if (state.kind === 'none' || state.kind === 'held') return undefined;
    if (state.kind === 'session') return this.find(tenant, state.ref);
    await this.expectResponse(tenant, state.id, state.within);
    return this.parts.log.findSession(tenant, { id: sessionOf(state.id) });
  }

  /** By id or name; `session_not_found` where there is none. */
  async find(tenant: Tenant, ref: SessionRef): Promise<Session> {
    const found = await this.parts.log.findSession(tenant, ref);
    if (!found) throw sessionNotFound(ref);
    return found;
  }

  /** A session was deleted: nothing of it stays in memory, and its name may stand for another one. */
  forget({ tenant, id, name }: Session): void {
    this.parts.heads.forget(tenant, id);
    if (name !== undefined) this.forgetName(tenant, name);
  }

  /**
   * A copy of one stored item by its id, without an id of ours: at its new position it gets another one.
   * `item_not_found`, with the request field `param`, where there is none that may be seen.
   */
  async item(tenant: Tenant, id: string, param: string): Promise<Item> {
    const place = parseItemId(id);
    const row = place && (await this.parts.log.readTurn(tenant, place.turn));
    const [found] = row && isInSession(row) ? await this.parts.heads.decode([row]) : [];
    const at = found && itemsOf(found.turn, row!.hidden).find(({ item }) => item.id === id);
    if (!at) throw new Fault('item_not_found', `Item with id '${id}' not found.`, { param });
    const item = found.turn[at.side === 'i' ? 'input' : 'output'][at.index]!;
    const { id: own, ...copy } = item;
    return own !== undefined && parseItemId(own) ? (copy as Item) : item;
  }

  /** The right to add items to a session without asking a model; calls may stay open for a later output. */
  async resumeForAppend(tenant: Tenant, id: SessionId, items: Item[], waitMs: number): Promise<Resumed> {
    const request = { tenant, id, window: APPEND_WINDOW, writes: true, whenBusy: 'wait', waitMs } as const;
    const resumed = await this.atHead(request, async (branch) => ({
      branch,
      input: repairToolPairs(branch, items, false),
    }));
    if (!resumed) throw sessionNotFound({ id });
    return resumed;
  }

  /**
   * The right to go on with a turn of a process that has died, where the session has not gone on without
   * it; otherwise the turn stays beside the branch.
   */
  async resumeTurn(intent: PlacedIntent, window: number): Promise<Resumed> {
    const { tenant, session: id, input } = intent;
    const { parent, moveHead } = intent.position;
    const { heads } = this.parts;
    const waits = { whenBusy: 'wait', waitMs: Number.POSITIVE_INFINITY } as const;
    const request = { tenant, id, window, writes: true, ...waits };
    const head = moveHead && (await heads.take(request));
    try {
      const branch = parent === null ? [] : await heads.branch(tenant, parent, window);
      const found = { id, session: head?.session, parent, branch, input };
      if (head?.kind === 'leased' && head.session.head === moveHead!.from) {
        const { session, lease } = head;
        return { kind: 'head', ...found, session, lease, from: moveHead!.from, window };
      }
      release(head);
      return { kind: 'beside', ...found };
    } catch (error) {
      release(head);
      throw error;
    }
  }

  /** Remembers a turn that has become the head of its session, so that the next turn need not read it. */
  advance(resumed: Resumed, turn: BranchTurn): void {
    if (resumed.kind !== 'head') return;
    const { session, branch, window } = resumed;
    this.parts.heads.keep(session, turn.turn.id, [...branch, turn], window);
  }

  private forgetName(tenant: Tenant, name: string): void {
    this.named.delete(`${tenant}\n${name}`);
  }

  private gone(tenant: Tenant, ref: SessionRef): Fault {
    if ('id' in ref) return sessionNotFound(ref);
    // Another process has deleted the session since its name was looked up; a retry finds that out.
    this.forgetName(tenant, ref.name);
    return busy(`The session '${ref.name}' was deleted at this moment.`);
  }

  private async resumeSession(
    request: ResumeRequest,
    { ref, create, history }: StateRef & { kind: 'session' },
  ): Promise<Resumed> {
    const { input, session: id } = request;
    const resumed = await this.atHead({ ...request, id }, async (branch, session) => {
      if (branch.length === 0) return { branch, input: repairToolPairs([], input, true), history: 'started' };
      if (history && isFullHistory(input)) return this.followHistory(request, session, branch);
      const before = await this.beforeBroken(request, branch);
      const followed = before ?? branch;
      const news = withoutRepeatedInstructions(input, followed);
      const repaired = repairToolPairs(followed, news, true);
      return { branch: followed, input: repaired, history: before ? 'forked' : 'appended' };
    });
    if (resumed) return resumed;
    if (!request.writes && create && 'name' in ref) return stateless(id, input);
    throw this.gone(request.tenant, ref);
  }

  /** The branch without its last turn, where that turn broke off and is asked again. */
  private async beforeBroken(
    { tenant, input, window }: ResumeRequest,
    branch: readonly BranchTurn[],
  ): Promise<BranchTurn[] | undefined> {
    if (!isAskedAgain(input, branch)) return undefined;
    const { parent } = branch.at(-1)!.turn;
    return parent === null ? [] : this.parts.heads.branch(tenant, parent, window);
  }

  /**
   * Takes the head of a session, for what `follow` makes of the branch that ends there; `undefined` where there is
   * no such session.
   */
  private async atHead(
    request: HeadRequest,
    follow: (branch: BranchTurn[], session: Session) => Promise<Pick<Found, 'branch' | 'input' | 'history'>>,
  ): Promise<Resumed | undefined> {
    const head = await this.parts.heads.take(request);
    if (!head) return undefined;
    try {
      const { session } = head;
      const followed = await follow(head.branch, session);
      const found = { ...followed, id: session.id, session, parent: tipOf(followed.branch) };
      if (!request.writes) return { kind: 'beside', ...found };
      if (head.kind === 'seen') return { kind: 'beside', ...found, history: 'forked' };
      return { kind: 'head', ...found, lease: head.lease, from: session.head, window: request.window };
    } catch (error) {
      release(head);
      throw error;
    }
  }

  /** A client's full history: continues the turn up to which it equals the session's history. */
  private async followHistory(
    { tenant, input, window }: ResumeRequest,
    session: Session,
    headBranch: BranchTurn[],
  ) {
    const head = headBranch.at(-1)!;
    const node = { id: head.turn.id, parent: head.turn.parent, digest: head.digest };
    const atHead = matchHistory(input, [node]);
    const isAgain = atHead.shared === input.length && isHistoryAskedAgain(head.turn);
    const tree = atHead.parent && !isAgain ? [node] : await this.parts.log.readTree(tenant, session.id);
    const match = matchHistory(
      input,
      tree.filter(({ digest }) => !isAgain || digest !== node.digest),
    );
    const isMatched = match.parent === node.id;
    const branch = isMatched
      ? headBranch
      : match.parent === null
        ? []
        : await this.parts.heads.branch(tenant, match.parent, window);
    const history: HistoryUse = isMatched ? 'matched' : 'forked';
    return { branch, input: repairToolPairs(branch, input.slice(match.shared), true), history };
  }

  private async resumeResponse(request: ResumeRequest, id: TurnId, within?: SessionRef): Promise<Resumed> {
    const { tenant, input, window } = request;
    const { log, heads } = this.parts;
    const [session] = await Promise.all([
      log.findSession(tenant, { id: sessionOf(id) }),
      this.expectResponse(tenant, id, within),
    ]);
    if (within) await this.expectWithin(tenant, within, id);
    // Continuing the head of a session is writing to the session; continuing an older turn is a fork.
    if (request.writes && session && (session.head === id || (await this.brokeOffAfter(id, session)))) {
      const head = await heads.take({ ...request, id: session.id });
      const followed = await this.atResponse(head, request, id).catch((error) => {
        release(head);
        throw error;
      });
      if (followed) return followed;
      release(head);
    }
    const branch = await heads.branch(tenant, id, window);
    const repaired = repairToolPairs(branch, input, true);
    return { kind: 'beside', id: sessionOf(id), session, parent: id, branch, input: repaired };
  }

  /** Whether the session's head follows the response and broke off: a request may ask it again. */
  private async brokeOffAfter(id: TurnId, { tenant, head }: Session): Promise<boolean> {
    const row = head && (await this.parts.log.readTurn(tenant, head));
    return row ? row.parent === id && row.state !== 'completed' : false;
  }

  /** The response as the position of a turn that moves the head; `undefined` where the turn is a fork. */
  private async atResponse(
    head: Head | undefined,
    request: ResumeRequest,
    id: TurnId,
  ): Promise<Resumed | undefined> {
    if (head?.kind !== 'leased') return undefined;
    const { session, lease } = head;
    const branch = session.head === id ? head.branch : await this.beforeBroken(request, head.branch);
    if (!branch || tipOf(branch) !== id) return undefined;
    const { input, window } = request;
    const found = {
      id: session.id,
      session,
      parent: id,
      branch,
      input: repairToolPairs(branch, input, true),
    };
    return { kind: 'head', ...found, lease, from: session.head, window };
  }

  private async resumeHeld(
    { tenant, session: id, input, window, tokensOf }: ResumeRequest,
    { after, turns }: StateRef & { kind: 'held' },
  ): Promise<Resumed> {
    if (after !== null) await this.expectResponse(tenant, after, { id: sessionOf(after) });
    const branch = after === null ? [] : await this.parts.heads.branch(tenant, after, window);
    let totalTokens = branch.at(-1)?.totalTokens ?? 0;
    for (const turn of turns) {
      const tokens = tokensOf(turn.input) + tokensOf(turn.output);
      totalTokens += tokens;
      branch.push({ turn, tokens, totalTokens, digest: EMPTY_DIGEST, hidden: [] });
    }
    const repaired = repairToolPairs(branch, input, true);
    return { kind: 'beside', id, session: undefined, parent: after, branch, input: repaired };
  }

  /** A response that is kept in its session alone can be continued there alone: by a request that names it. */
  private async expectResponse(tenant: Tenant, id: TurnId, within?: SessionRef): Promise<void> {
    const row = await this.parts.log.readTurn(tenant, id);
    if (row && (within ? isInSession(row) : !row.deleted)) return;
    const message = `Previous response with id '${responseId(id)}' not found.`;
    throw new Fault('previous_response_not_found', message, { param: 'previous_response_id' });
  }

  private async expectWithin(tenant: Tenant, ref: SessionRef, id: TurnId): Promise<void> {
    const session = await this.find(tenant, ref);
    if (session.id === sessionOf(id)) return;
    throw new Fault('conflicting_state', `The response ${responseId(id)} is not part of the named session.`, {
      param: 'previous_response_id',
    });
  }
}

/** A turn without a history and without a session. */
function stateless(id: SessionId, input: Item[]): Resumed {
  const repaired = repairToolPairs([], input, true);
  return { kind: 'stateless', id, session: undefined, parent: null, branch: [], input: repaired };
}

function release(head: Head | undefined): void {
  if (head?.kind === 'leased') head.lease.release();
}

const tipOf = (branch: readonly BranchTurn[]): TurnId | null => branch.at(-1)?.turn.id ?? null;

export function sessionNotFound(ref: SessionRef): Fault {
  const name = 'id' in ref ? conversationId(ref.id) : ref.name;
  return new Fault('session_not_found', `Conversation with id '${name}' not found.`);
}
