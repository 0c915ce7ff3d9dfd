import type { Clock } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import {
  newSessionId,
  parseItemId,
  responseId,
  type SessionId,
  sessionOf,
  type TurnId,
} from '../core/ids.ts';
import { itemsOf } from '../core/item-positions.ts';
import { type Item, isFullHistory } from '../core/items.ts';
import type { Tenant } from '../core/request.ts';
import type { Ask, BranchTurn, PlacedIntent, Session, SessionRef, StateRef } from '../core/turn.ts';
import type { HistoryUse } from '../core/turn-view.ts';
import type { Head, HeadRequest, Heads } from './heads.ts';
import {
  EMPTY_DIGEST,
  type HistoryMatch,
  isAskedAgain,
  isHistoryAskedAgain,
  matchHistory,
  repeatedQuestion,
  sharedSinceQuestion,
  withoutRepeatedInstructions,
} from './history.ts';
import { busy } from './leases.ts';
import type { LineStore } from './line-store.ts';
import { type ChosenLine, Lines } from './lines.ts';
import { continued, openingOf } from './openings.ts';
import type { Found, Resumed, ResumeRequest } from './resumed.ts';
import { SessionNames, sessionNotFound } from './session-names.ts';
import { isInSession } from './stored-turn.ts';
import { repairToolPairs } from './tool-pairs.ts';
import type { TreeNode, TurnLog, TurnRow } from './turn-log.ts';

/** How many tokens back an added output finds its call. */
const APPEND_WINDOW = 32_000;

/** What `Sessions` works with. */
export interface SessionsParts {
  log: TurnLog;
  lines: LineStore;
  heads: Heads;
  clock: Clock;
}

/** Finds the session and the branch that a request continues. */
export class Sessions {
  private readonly names: SessionNames;
  private readonly lines: Lines;

  constructor(private readonly parts: SessionsParts) {
    const { log, lines: store, heads, clock } = parts;
    this.names = new SessionNames(log, clock);
    this.lines = new Lines({ log, store, heads });
  }

  /**
   * The session that a turn will belong to: the one that is named, created where that is asked for and the turn
   * `writes`, or a new one. Requests that ask for one name at the same time get their answers in the order of the
   * requests.
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
    if (!writes) return this.names.findForReading(tenant, ref.name);
    return this.names.find(tenant, ref.name, create ? input : undefined);
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

  /** The session that a request names, where it names one; rejects where the state that it continues does not exist. */
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

  /** A session was deleted: nothing of it stays in memory, and another session may get its name. */
  forget({ tenant, id, name }: Session): void {
    this.parts.heads.forget(tenant, id);
    if (name !== undefined) this.names.forget(tenant, name);
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
      opening: branch.at(-1)?.turn.opening,
    }));
    if (!resumed) throw sessionNotFound({ id });
    return resumed;
  }

  /**
   * The right to continue a turn of a process that has died, if the session's head has not moved since. Otherwise
   * the turn stays beside the branch.
   */
  async resumeTurn(intent: PlacedIntent, window: number): Promise<Resumed> {
    const { tenant, session: id, input } = intent;
    const { parent, moveHead, line = 0, lineChange, opening, resent } = intent.position;
    const { heads } = this.parts;
    const waits = { whenBusy: 'wait', waitMs: Number.POSITIVE_INFINITY } as const;
    const request = { tenant, id, window, writes: true, ...waits };
    const head = moveHead && (await heads.take(request));
    try {
      const branch = parent === null ? [] : await heads.branch(tenant, parent, window);
      const notes = { line, lineChange, opening, resent };
      const found = { id, session: head?.session, parent, branch, input, ...notes };
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

  private gone(tenant: Tenant, ref: SessionRef): Fault {
    if ('id' in ref) return sessionNotFound(ref);
    // Another process has deleted the session since its name was looked up; a retry finds that out.
    this.names.forget(tenant, ref.name);
    return busy(`The session '${ref.name}' was deleted at this moment.`);
  }

  private async resumeSession(
    request: ResumeRequest,
    state: StateRef & { kind: 'session' },
  ): Promise<Resumed> {
    const wish = state.line;
    for (;;) {
      const line: ChosenLine = wish ? await this.lines.choose(request, wish) : { kind: 'main' };
      const resumed =
        line.kind === 'side' && wish
          ? await this.lines.resume(request, wish, line)
          : await this.resumeMain(request, state, line as ChosenLine & { kind: 'main' });
      // Otherwise another line has become the main one since the choice.
      if (resumed) return resumed;
    }
  }

  private async resumeMain(
    request: ResumeRequest,
    state: StateRef & { kind: 'session' },
    { number, isNew }: ChosenLine & { kind: 'main' },
  ): Promise<Resumed | undefined> {
    const { session: id, input, turn } = request;
    const opening = state.line && openingOf(request);
    const resumed = await this.atHead({ ...request, id }, async (branch, session) => {
      const join = (onto: BranchTurn[], news: Item[]) => ({
        branch: onto,
        ...continued({ turn, branch: onto, news, opening, startsLine: onto.length === 0 }),
      });
      const lineChange = isNew ? undefined : await this.lines.mainLineChange(request, opening, branch);
      const news = opening
        ? input.slice(opening.messages.length)
        : withoutRepeatedInstructions(input, branch);
      if (branch.length === 0) return { ...join([], news), lineChange, history: 'started' };
      const resent = (state.history && isFullHistory(input)) || keepsItself(state, branch);
      const before = resent ? undefined : await this.beforeBroken(request, news, branch);
      if (before) return { ...join(before, news), lineChange, history: 'forked' };
      if (!resent) {
        const added = repeatedQuestion(news, branch)?.rest ?? news;
        return { ...join(branch, added), lineChange, history: 'appended' };
      }
      const { onto, shared, rest, history } = await this.followHistory(request, session, branch);
      const added = rest ?? input.slice(Math.max(shared, opening?.messages.length ?? 0));
      return { ...join(onto, added), lineChange, resent: true, history };
    });
    if (!resumed) {
      if (!request.writes && state.create && 'name' in state.ref) return stateless(id, input);
      throw this.gone(request.tenant, state.ref);
    }
    if (number === undefined || number === resumed.line) return resumed;
    release(resumed);
    return undefined;
  }

  /** The branch without its last turn, where that turn broke off and is asked again. */
  private async beforeBroken(
    { tenant, input, window }: ResumeRequest,
    news: Item[],
    branch: readonly BranchTurn[],
  ): Promise<BranchTurn[] | undefined> {
    if (!isAskedAgain(input, news, branch)) return undefined;
    const { parent } = branch.at(-1)!.turn;
    return parent === null ? [] : this.parts.heads.branch(tenant, parent, window);
  }

  /**
   * Takes the head of a session. `follow` decides from its branch what the turn continues and adds. `undefined`
   * where there is no such session.
   */
  private async atHead(
    request: HeadRequest,
    follow: (branch: BranchTurn[], session: Session) => Promise<Followed>,
  ): Promise<Resumed | undefined> {
    const head = await this.parts.heads.take(request);
    if (!head) return undefined;
    try {
      const { session } = head;
      const followed = await follow(head.branch, session);
      const line = session.main ?? 0;
      const found = { ...followed, id: session.id, session, line, parent: tipOf(followed.branch) };
      if (!request.writes) return { kind: 'beside', ...found, lineChange: undefined };
      if (head.kind === 'seen') return { kind: 'beside', ...found, lineChange: undefined, history: 'forked' };
      return { kind: 'head', ...found, lease: head.lease, from: session.head, window: request.window };
    } catch (error) {
      release(head);
      throw error;
    }
  }

  /**
   * A client's full history: continues the turn up to which it equals the session's history. `rest` is what the
   * turn adds where this is not simply the part that is not shared.
   */
  private async followHistory(
    { tenant, input, window }: ResumeRequest,
    session: Session,
    headBranch: BranchTurn[],
  ): Promise<FollowedHistory> {
    const head = headBranch.at(-1)!;
    const node = { id: head.turn.id, digest: head.digest, line: session.main ?? 0 };
    const atHead = matchHistory(input, [node]);
    const isAgain = atHead.shared === input.length && isHistoryAskedAgain(head.turn);
    const match: HistoryMatch =
      atHead.parent && !isAgain
        ? atHead
        : matchHistory(input, await this.treeWithout(isAgain ? head : undefined, session));
    const { parent, shared } = match;
    const repeated = parent && repeatedQuestion(input.slice(shared), headBranch);
    if (parent === node.id || (repeated && parent === repeated.asked.turn.parent)) {
      const rest = repeated ? repeated.rest : undefined;
      return { onto: headBranch, shared, rest, history: 'matched' };
    }
    const since = parent === null ? sharedSinceQuestion(input, headBranch) : 0;
    if (since > 0) return { onto: headBranch, shared: since, history: 'matched' };
    const onto = parent === null ? [] : await this.parts.heads.branch(tenant, parent, window);
    return { onto, shared, history: 'forked' };
  }

  /** The turns of a session; without the broken turn `again`, which the client asks again. */
  private async treeWithout(again: BranchTurn | undefined, { tenant, id }: Session): Promise<TreeNode[]> {
    const tree = await this.parts.log.readTree(tenant, id);
    return again ? tree.filter(({ digest }) => digest !== again.digest) : tree;
  }

  private async resumeResponse(request: ResumeRequest, id: TurnId, within?: SessionRef): Promise<Resumed> {
    const { tenant, input, window } = request;
    const { log, heads } = this.parts;
    const [session, row] = await Promise.all([
      log.findSession(tenant, { id: sessionOf(id) }),
      this.expectResponse(tenant, id, within),
    ]);
    if (within) await this.expectWithin(tenant, within, id);
    // A turn that continues the head writes to the session; a turn that continues an older turn is a fork.
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
    const opening = branch.at(-1)?.turn.opening;
    const line = row.line ?? session?.main ?? 0;
    return {
      ...{ kind: 'beside', id: sessionOf(id), session, parent: id, branch, line, opening },
      input: repaired,
    };
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
    const { input, window } = request;
    const branch = session.head === id ? head.branch : await this.beforeBroken(request, input, head.branch);
    if (!branch || tipOf(branch) !== id) return undefined;
    const found = {
      id: session.id,
      session,
      parent: id,
      branch,
      input: repairToolPairs(branch, input, true),
      line: session.main ?? 0,
      opening: branch.at(-1)?.turn.opening,
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
    return {
      ...{ kind: 'beside', id, session: undefined, parent: after, branch, line: 0 },
      input: repaired,
      opening: branch.at(-1)?.turn.opening,
    };
  }

  /** A response that is kept in its session alone can be continued there alone: by a request that names it. */
  private async expectResponse(tenant: Tenant, id: TurnId, within?: SessionRef): Promise<TurnRow> {
    const row = await this.parts.log.readTurn(tenant, id);
    if (row && (within ? isInSession(row) : !row.deleted)) return row;
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

/** What a turn at the head makes of the branch that it found there. */
type Followed = Pick<Found, 'branch' | 'input' | 'opening' | 'resent' | 'lineChange' | 'history'>;

interface FollowedHistory {
  onto: BranchTurn[];
  shared: number;
  rest?: Item[];
  history: HistoryUse;
}

/**
 * Whether the client keeps the conversation itself, so that messages alone are its whole history too: an agent
 * that has sent its full history before, and has compacted it since.
 */
function keepsItself({ line }: StateRef & { kind: 'session' }, branch: readonly BranchTurn[]): boolean {
  return line?.isAgent === true && branch.at(-1)?.turn.resent === true;
}

/** A turn without a history and without a session. */
function stateless(id: SessionId, input: Item[]): Resumed {
  const repaired = repairToolPairs([], input, true);
  return { kind: 'stateless', id, session: undefined, parent: null, branch: [], line: 0, input: repaired };
}

function release(head: Head | Resumed | undefined): void {
  if (head && 'lease' in head) head.lease.release();
}

const tipOf = (branch: readonly BranchTurn[]): TurnId | null => branch.at(-1)?.turn.id ?? null;
