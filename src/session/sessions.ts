import type { Clock } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { itemKey, newSessionId, parseItemId, type SessionId, sessionOf, type TurnId } from '../core/ids.ts';
import { asInput, itemsOf } from '../core/item-positions.ts';
import { type Item, isFullHistory, isInstruction } from '../core/items.ts';
import type { HistoryUse } from '../core/receipt.ts';
import type { Tenant } from '../core/request.ts';
import type { Ask, BranchTurn, LineWish, PlacedIntent, Session, SessionRef, StateRef } from '../core/turn.ts';
import { ContinuedResponses } from './continued-responses.ts';
import { type HeadRequest, type Heads, release } from './heads.ts';
import {
  type HistoryMatch,
  isHistoryAskedAgain,
  matchHistory,
  repeatedDigests,
  repeatedQuestion,
  sharedSinceQuestion,
  unsharedItems,
  withoutRepeatedInstructions,
} from './history.ts';
import { busy } from './leases.ts';
import type { LineStore } from './line-store.ts';
import { type ChosenLine, Lines, lineRequest } from './lines.ts';
import type { QueuedAsk } from './next-request.ts';
import { continued, type RequestOpening } from './openings.ts';
import type { Found, Resumed, ResumeRequest } from './resumed.ts';
import { newSession, SessionNames, sessionNotFound } from './session-names.ts';
import { isInSession } from './stored-turn.ts';
import { added, repairToolPairs } from './tool-pairs.ts';
import type { TurnLog } from './turn-log.ts';

/** How many tokens back an added output finds its call. */
const APPEND_WINDOW = 32_000;

/** What `Sessions` works with. */
export interface SessionsParts {
  log: TurnLog;
  lines: LineStore;
  heads: Heads;
  clock: Clock;
  emit: Emit;
  /** Lets the other workers of this gateway do the same (`forgetHere`). Never rejects. Absent: there are none. */
  forgetElsewhere?(session: NamedSession): Promise<unknown>;
}

/** A session by its id, and the name that it had. */
export type NamedSession = Pick<Session, 'tenant' | 'id' | 'name'>;

/** Finds the session and the branch that a request continues. */
export class Sessions {
  private readonly names: SessionNames;
  private readonly lines: Lines;
  private readonly responses: ContinuedResponses;

  constructor(private readonly parts: SessionsParts) {
    const { log, lines: store, heads } = parts;
    this.names = new SessionNames(parts);
    this.lines = new Lines({ log, store, heads });
    this.responses = new ContinuedResponses(log, heads);
  }

  /**
   * The session that a turn will belong to: the one that is named, created where that is asked for and the turn
   * `writes`, or a new one. Requests that ask for one name at the same time get their answers in the order of the
   * requests.
   */
  locate(
    tenant: Tenant,
    { state, input }: Pick<Ask, 'input'> & { state: StateRef },
    writes: boolean,
  ): SessionId | Promise<SessionId> {
    if (state.kind === 'none' || state.kind === 'held') return newSessionId(this.parts.clock());
    if (state.kind === 'response') return sessionOf(state.id);
    const { ref, create } = state;
    if ('id' in ref) return ref.id;
    if (!writes) return this.names.findForReading(tenant, ref.name);
    return this.names.find(tenant, ref.name, create ? input : undefined);
  }

  /**
   * The state that a request asks for. A session that is recognised by its history becomes a session with an id: it is
   * created where there is none and the turn `writes`.
   */
  stateOf(
    tenant: Tenant,
    { state, input }: Pick<Ask, 'state' | 'input'>,
    writes: boolean,
  ): StateRef | Promise<StateRef> {
    return state.kind === 'recognised' ? this.recognise(tenant, state.line, input, writes) : state;
  }

  private async recognise(tenant: Tenant, line: LineWish, input: Item[], writes: boolean): Promise<StateRef> {
    const { log } = this.parts;
    const digests = repeatedDigests(input);
    const found = digests.length > 0 ? await log.findByHistory(tenant, digests) : undefined;
    if (!found && !writes) return { kind: 'none' };
    const id = found ?? (await newSession(tenant, undefined, input, this.parts));
    return { kind: 'session', ref: { id }, create: false, history: true, line, recognised: true };
  }

  /**
   * The session as a turn finds it, with the right to write there where the turn gets it (`Resumed`): the caller must
   * release this right. Rejects with `session_not_found` or `previous_response_not_found` where the state does not
   * exist, with `conflicting_state` where the response is of another session, with `session_busy` after too long a
   * wait, with `tool_output_without_call` for an input that cannot be repaired, and with `context_lost` where a turn of
   * the branch is missing.
   */
  async resume(request: ResumeRequest): Promise<Resumed> {
    const { state, input, session: id } = request;
    switch (state.kind) {
      case 'none':
        return stateless(id, input);
      case 'session':
        return this.resumeSession(request, state);
      case 'response':
        return this.responses.resume(request, state);
      case 'held':
        return this.responses.resumeHeld(request, state);
    }
  }

  /**
   * The session that a request names, where it names one; rejects where the state that it continues does not exist.
   * With `located`, the id that `locate` gave, also where the name leads to another session by now.
   */
  async expect(tenant: Tenant, state: StateRef, located?: SessionId): Promise<Session | undefined> {
    if (state.kind === 'none' || state.kind === 'held') return undefined;
    if (state.kind === 'session') {
      if (located === undefined) return this.find(tenant, state.ref);
      const found = await this.parts.log.findSession(tenant, state.ref);
      if (found?.id !== located) throw this.gone(tenant, state.ref);
      return found;
    }
    await this.responses.expect(tenant, state);
    return this.parts.log.findSession(tenant, { id: sessionOf(state.id) });
  }

  /** By id or name; `session_not_found` where there is none. */
  async find(tenant: Tenant, ref: SessionRef): Promise<Session> {
    const found = await this.parts.log.findSession(tenant, ref);
    if (!found) throw sessionNotFound(ref);
    return found;
  }

  /** A session was deleted: nothing of it stays in memory, and another session may get its name. */
  async forget({ tenant, id, name }: NamedSession): Promise<void> {
    const session = { tenant, id, name };
    this.forgetHere(session);
    await this.parts.forgetElsewhere?.(session);
  }

  /**
   * Lets sessions that no turn has continued for so many milliseconds leave the memory. True where this was most of
   * what was there.
   */
  forgetUnused(forMs: number): boolean {
    return this.parts.heads.forgetUnused(forMs);
  }

  /** The same for the memory of this process alone. */
  forgetHere({ tenant, id, name }: NamedSession): void {
    this.parts.heads.forget(tenant, id);
    if (name !== undefined) this.names.forget(tenant, name);
  }

  /**
   * A copy of one stored item by its id. At its new position it gets another id; where other items may name it, the
   * copy holds the original's.
   * `item_not_found`, about the item that refers to it, where there is none that may be seen.
   */
  async item(tenant: Tenant, id: string, reference: Item): Promise<Item> {
    const place = parseItemId(id);
    const row = place && (await this.parts.log.readTurn(tenant, place.turn));
    const [found] = row && isInSession(row) ? await this.parts.heads.decode([row]) : [];
    const at = found && itemsOf(found.turn, row!.hidden).find(({ item }) => itemKey(item.id) === itemKey(id));
    const about = { content: reference, field: 'id' };
    if (!at) throw new Fault('item_not_found', `Item with id '${id}' not found.`, { about });
    const { side, index } = at;
    return asInput(found.turn[side === 'i' ? 'input' : 'output'][index]!, found.turn.id, side, index);
  }

  /** The right to add items to a session without asking a model; calls may stay open for a later output. */
  async resumeForAppend(tenant: Tenant, id: SessionId, items: Item[], waitMs: number): Promise<Resumed> {
    const request = { tenant, id, window: APPEND_WINDOW, writes: true, whenBusy: 'wait', waitMs } as const;
    const resumed = await this.atHead(request, async (branch) => added(branch, items, false));
    if (!resumed) throw sessionNotFound({ id });
    return resumed;
  }

  /**
   * The right to continue a turn of a process that has died, if the session's head has not moved since. Otherwise
   * the turn stays beside the branch.
   */
  async resumeTurn(intent: PlacedIntent, window: number, asks: QueuedAsk): Promise<Resumed> {
    const { tenant, session: id, input } = intent;
    const { parent, moveHead, line = 0, lineChange, opening, resent } = intent.position;
    const { heads } = this.parts;
    const waits = { whenBusy: 'wait', waitMs: Number.POSITIVE_INFINITY } as const;
    const request = { tenant, id, window, writes: true, ...waits, asks };
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
    // Another process has deleted or renamed the session since its name was looked up; a retry finds that out.
    this.names.forget(tenant, ref.name);
    return busy(`The session '${ref.name}' was deleted or renamed at this moment.`);
  }

  private async resumeSession(
    request: ResumeRequest,
    state: StateRef & { kind: 'session' },
  ): Promise<Resumed> {
    const { line: wish } = state;
    const asked = wish && mayLeaveMain(request, wish) ? lineRequest(request, wish) : undefined;
    for (;;) {
      const line: ChosenLine = asked ? await this.lines.choose(asked) : { kind: 'main' };
      const resumed =
        asked && line.kind === 'side'
          ? await this.lines.resume(asked, line)
          : await this.resumeMain(request, state, line as ChosenLine & { kind: 'main' }, asked?.opening);
      // Otherwise another line has become the main one since the choice.
      if (resumed) return this.underItsName(resumed, request, state.ref);
    }
  }

  /**
   * Another process may have renamed the session, and another session may have its name now. A queued turn was
   * accepted for the session that had the name then.
   */
  private underItsName(resumed: Resumed, { tenant, waitMs }: ResumeRequest, ref: SessionRef): Resumed {
    const { session } = resumed;
    if ('id' in ref || !session || session.name === ref.name || !Number.isFinite(waitMs)) return resumed;
    release(resumed);
    throw this.gone(tenant, ref);
  }

  private async resumeMain(
    request: ResumeRequest,
    state: StateRef & { kind: 'session' },
    { number, isNew }: ChosenLine & { kind: 'main' },
    opening: RequestOpening | undefined,
  ): Promise<Resumed | undefined> {
    const { session: id, input, turn } = request;
    const resumed = await this.atHead({ ...request, id }, async (branch, session) => {
      const join = (onto: BranchTurn[], newItems: Item[]) =>
        opening
          ? {
              branch: onto,
              ...continued({ turn, branch: onto, newItems, opening, startsLine: onto.length === 0 }),
            }
          : added(onto, newItems, true);
      const isChanged = opening && !isNew && opening.print !== branch.at(-1)?.turn.opening?.print;
      const lineChange = isChanged ? await this.lines.mainLineChange(request, opening) : undefined;
      const newItems = opening
        ? input.slice(opening.messages.length)
        : withoutRepeatedInstructions(input, branch);
      if (branch.length === 0) return { ...join([], newItems), lineChange, history: 'started' };
      const resent = (state.history && isFullHistory(input)) || keepsItself(state, branch);
      const before = resent ? undefined : await this.parts.heads.beforeBroken(request, newItems, branch);
      if (before) return { ...join(before, newItems), lineChange, history: 'forked' };
      if (!resent) {
        const rest = repeatedQuestion(newItems, branch)?.rest ?? newItems;
        return { ...join(branch, rest), lineChange, history: 'appended' };
      }
      const { onto, shared, rest, history } = await this.followHistory(request, session, branch);
      const unshared = rest ?? unsharedItems(input, Math.max(shared, opening?.messages.length ?? 0), onto);
      return { ...join(onto, unshared), lineChange, resent: true, history };
    });
    if (!resumed) {
      if (!request.writes && state.create && 'name' in state.ref) return stateless(id, input);
      throw this.gone(request.tenant, state.ref);
    }
    if (number === undefined || number === resumed.line) return resumed;
    release(resumed);
    return undefined;
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
    request: ResumeRequest,
    session: Session,
    headBranch: BranchTurn[],
  ): Promise<FollowedHistory> {
    const { tenant, input, window } = request;
    const head = headBranch.at(-1)!;
    const node = { id: head.turn.id, digest: head.digest, line: session.main ?? 0 };
    const atHead = matchHistory(input, [node]);
    const isAgain = atHead.shared === input.length && isHistoryAskedAgain(head.turn);
    const match: HistoryMatch =
      atHead.parent && !isAgain
        ? atHead
        : matchHistory(
            input,
            await (isAgain
              ? this.lines.treeWithout(request, head)
              : this.parts.log.readTree(tenant, session.id)),
          );
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
 * Whether a request may belong to another line than the main one: its caller asks for another line, or it
 * brings an opening or its full history.
 */
const mayLeaveMain = ({ input, instructions }: ResumeRequest, { agent, branch }: LineWish): boolean =>
  agent !== undefined ||
  branch === 'side' ||
  Boolean(instructions) ||
  (input[0] !== undefined && isInstruction(input[0])) ||
  isFullHistory(input);

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

const tipOf = (branch: readonly BranchTurn[]): TurnId | null => branch.at(-1)?.turn.id ?? null;
