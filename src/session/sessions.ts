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
import type { BranchTurn, PlacedIntent, Session, SessionRef, StateRef } from '../core/turn.ts';
import type { HistoryUse } from '../core/turn-view.ts';
import type { Head, HeadRequest, Heads } from './heads.ts';
import { EMPTY_DIGEST, matchHistory, withoutRepeatedInstructions } from './history.ts';
import { busy, type Lease } from './leases.ts';
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
   * The session that a turn will belong to: the one that is named, created where that is asked for, or a new one.
   * Requests that ask for one name at the same time get their answers in the order of asking.
   */
  locate(tenant: Tenant, state: StateRef, items: Item[]): SessionId | Promise<SessionId> {
    if (state.kind === 'none' || state.kind === 'held') return newSessionId(this.parts.clock());
    if (state.kind === 'response') return sessionOf(state.id);
    const { ref, create } = state;
    if ('id' in ref) return ref.id;
    const key = `${tenant}\n${ref.name}`;
    let found = this.named.get(key);
    if (!found) {
      found = this.findOrCreate(tenant, ref.name, create ? items : undefined);
      if (this.named.size >= REMEMBERED) this.named.clear();
      this.named.set(key, found);
      found.catch(() => this.named.delete(key));
    }
    return found;
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
      case 'none': {
        const repaired = repairToolPairs([], input, true);
        return { kind: 'stateless', id, session: undefined, parent: null, branch: [], input: repaired };
      }
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
    await this.expectResponse(tenant, state.id);
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

  /** One stored item by its id; `item_not_found` where there is none that may be seen. */
  async item(tenant: Tenant, id: string): Promise<Item> {
    const place = parseItemId(id);
    const row = place && (await this.parts.log.readTurn(tenant, place.turn));
    const [found] = row && !row.deleted ? await this.parts.heads.decode([row]) : [];
    const at = found && itemsOf(found.turn, row!.hidden).find(({ item }) => item.id === id);
    if (!at) throw new Fault('item_not_found', `Item with id '${id}' not found.`, { param: 'input' });
    return found.turn[at.side === 'i' ? 'input' : 'output'][at.index]!;
  }

  /** The right to add items to a session without asking a model; calls may stay open for a later output. */
  resumeForAppend(tenant: Tenant, id: SessionId, items: Item[], waitMs: number): Promise<Resumed> {
    const request = { tenant, id, window: APPEND_WINDOW, whenBusy: 'wait', waitMs } as const;
    return this.atHead(request, { id }, async (branch) => ({
      branch,
      input: repairToolPairs(branch, items, false),
    }));
  }

  /**
   * The right to go on with a turn of a process that has died, where the session has not gone on without
   * it; otherwise the turn stays beside the branch.
   */
  async resumeTurn(intent: PlacedIntent, window: number): Promise<Resumed> {
    const { tenant, session: id, input } = intent;
    const { parent, moveHead } = intent.position;
    const { heads } = this.parts;
    const request = { tenant, id, window, whenBusy: 'wait', waitMs: Number.POSITIVE_INFINITY } as const;
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

  private resumeSession(request: ResumeRequest, state: StateRef & { kind: 'session' }): Promise<Resumed> {
    const { input, session: id } = request;
    return this.atHead({ ...request, id }, state.ref, async (branch, session) => {
      if (branch.length === 0) return { branch, input: repairToolPairs([], input, true), history: 'started' };
      if (state.history && isFullHistory(input)) return this.followHistory(request, session, branch);
      const news = withoutRepeatedInstructions(input, branch);
      return { branch, input: repairToolPairs(branch, news, true), history: 'appended' };
    });
  }

  /** Takes the head of a session, for what `follow` makes of the branch that ends there. */
  private async atHead(
    request: HeadRequest,
    ref: SessionRef,
    follow: (branch: BranchTurn[], session: Session) => Promise<Pick<Found, 'branch' | 'input' | 'history'>>,
  ): Promise<Resumed> {
    const head = await this.parts.heads.take(request);
    if (!head) throw this.gone(request.tenant, ref);
    try {
      const { session } = head;
      const followed = await follow(head.branch, session);
      const found = { ...followed, id: session.id, session, parent: tipOf(followed.branch) };
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
    const match = atHead.parent
      ? atHead
      : matchHistory(input, await this.parts.log.readTree(tenant, session.id));
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
      this.expectResponse(tenant, id),
    ]);
    if (within) await this.expectWithin(tenant, within, id);
    // Continuing the head of a session is writing to the session; continuing an older turn is a fork.
    if (session?.head === id) {
      const head = await heads.take({ ...request, id: session.id });
      if (head?.kind === 'leased' && head.session.head === id) return follow(head, input, window);
      release(head);
    }
    const branch = await heads.branch(tenant, id, window);
    const repaired = repairToolPairs(branch, input, true);
    return { kind: 'beside', id: sessionOf(id), session, parent: id, branch, input: repaired };
  }

  private async resumeHeld(
    { tenant, session: id, input, window, tokensOf }: ResumeRequest,
    { after, turns }: StateRef & { kind: 'held' },
  ): Promise<Resumed> {
    if (after !== null) await this.expectResponse(tenant, after);
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

  private async expectResponse(tenant: Tenant, id: TurnId): Promise<void> {
    const row = await this.parts.log.readTurn(tenant, id);
    if (row && !row.deleted) return;
    const message = `Previous response with id '${responseId(id)}' not found.`;
    throw new Fault('previous_response_not_found', message, { param: 'previous_response_id' });
  }

  private async expectWithin(tenant: Tenant, ref: SessionRef, id: TurnId): Promise<void> {
    const session = await this.parts.log.findSession(tenant, ref);
    if (session?.id === sessionOf(id)) return;
    throw new Fault('conflicting_state', `The response ${responseId(id)} is not part of the named session.`, {
      param: 'previous_response_id',
    });
  }
}

function follow(head: Head & { kind: 'leased' }, input: Item[], window: number): Resumed {
  const { session, branch, lease } = head;
  try {
    const repaired = repairToolPairs(branch, input, true);
    const from = session.head;
    return {
      kind: 'head',
      id: session.id,
      session,
      parent: from,
      branch,
      input: repaired,
      lease,
      from,
      window,
    };
  } catch (error) {
    lease.release();
    throw error;
  }
}

function release(head: Head | undefined): void {
  if (head?.kind === 'leased') head.lease.release();
}

const tipOf = (branch: readonly BranchTurn[]): TurnId | null => branch.at(-1)?.turn.id ?? null;

export function sessionNotFound(ref: SessionRef): Fault {
  const name = 'id' in ref ? conversationId(ref.id) : ref.name;
  return new Fault('session_not_found', `Conversation with id '${name}' not found.`);
}
