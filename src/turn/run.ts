import { faultOf } from '../core/errors.ts';
import { newSessionId, newTurnId, type SessionId, type TurnId } from '../core/ids.ts';
import type { Item } from '../core/items.ts';
import type { Caller, Once, RequestIdentity } from '../core/request.ts';
import { Timeline } from '../core/timeline.ts';
import {
  type Ask,
  type Asked,
  isBackground,
  isKept,
  outlivesClient,
  turnOf,
  userOf,
  type WaitingIntent,
} from '../core/turn.ts';
import type { Hold } from '../limits/hold.ts';
import { type Chosen, choose } from '../routing/choose.ts';
import { answer } from './answer/answer.ts';
import { findAnswer } from './live/find-turn.ts';
import { LiveTurn } from './live/live-turn.ts';
import type { RunningTurn, TurnPath } from './path.ts';
import { commit, commitLater } from './record/commit.ts';
import { indexAhead } from './record/index-ahead.ts';
import { learnTokens } from './record/learn-tokens.ts';
import { settleTurn } from './record/settle.ts';
import { close } from './start/close.ts';
import { limitTurn } from './start/limit.ts';
import { enqueue } from './start/queue.ts';
import {
  assembleTurn,
  enterSlot,
  holdingsOf,
  holdOf,
  isLeftToSuccessor,
  journalIntent,
  reachOf,
  recallFor,
  resume,
  type Start,
  waitToContinue,
} from './start/start.ts';

/** A request for a turn, in any dialect. */
export interface TurnRequest {
  ask: Ask;
  caller: Caller;
  /** Absent where a retry cannot be distinguished from a new request. */
  identity?: RequestIdentity;
  /** The input with the content of stored items. Not called for a retry. */
  resolved?(): Promise<Item[]>;
  /** Aborted when the client disconnects. */
  gone: AbortSignal;
}

/**
 * Starts a turn, or finds the turn that an earlier request with the same identity started. Resolves when the
 * turn's intent is journaled; from there the turn runs to its one outcome, with or without readers.
 * Rejects with the failure that kept it from starting; nothing is recorded then.
 */
export async function createTurn(request: TurnRequest, path: TurnPath): Promise<Once<LiveTurn>> {
  const { identity, caller } = request;
  const { tenant } = caller;
  if (!identity) return withQuota({ result: await startTurn(request, path), replayed: false });
  const once = await path.idempotency.runOnce(identity, tenant, {
    find: (target, elsewhere) => findAnswer(tenant, target as TurnId, path, elsewhere),
    run: (claim) => startTurn(request, path, claim),
  });
  return withQuota(once);
}

/** A replay takes nothing of the caller's limits, and so says nothing about them. */
function withQuota(once: Once<LiveTurn>): Once<LiveTurn> {
  const { quota } = once.result;
  return once.replayed || !quota ? once : { ...once, quota };
}

/** Starts a turn. `claim` records its id for the request's identity before the turn is journaled. */
async function startTurn(
  asked: TurnRequest,
  path: TurnPath,
  claim?: (turn: TurnId) => Promise<void>,
): Promise<LiveTurn> {
  const request = asked.resolved ? await withResolvedInput(asked, asked.resolved) : asked;
  // Before a session is created for the turn: a model that cannot be called is refused, and a caller over its limits.
  const chosen = choose(request.ask, request.caller, path);
  const limiting = limitTurn(request, path);
  const hold = limiting && (await limiting);
  let start: Start;
  try {
    start = await acceptedStart(request, chosen, hold, path, claim);
  } catch (error) {
    await hold?.cancel();
    throw error;
  }
  start.live.connect(asked.gone);
  void runTurn(start, path);
  await start.live.accepted;
  return start.live;
}

async function acceptedStart(
  request: TurnRequest,
  chosen: Chosen,
  hold: Hold | undefined,
  path: TurnPath,
  claim?: (turn: TurnId) => Promise<void>,
): Promise<Start> {
  const intent = await accept(request, path);
  await claim?.(intent.id);
  if (isBackground(intent.delivery)) return enqueue(intent, hold, path);
  const live = new LiveTurn(intent, undefined, [], new Timeline(request.caller.receivedAt));
  live.timeline.end('receive');
  if (hold) live.noteQuota(hold.quota);
  return { by: 'caller', intent, chosen, live, hold };
}

/**
 * The path of every turn that asks a model: of a caller's turn, of a queued one, and of one that a dead process
 * left. Never rejects: a failure becomes the turn's outcome, or the failure of its start.
 */
export async function runTurn(start: Start, path: TurnPath): Promise<void> {
  const { live } = start;
  let turn: RunningTurn | undefined;
  // Owns the session's lease, the turn's slot and its hold: they are released when the turn has ended, however it ends.
  await using held = holdingsOf(start);
  try {
    const reach = reachOf(start, path);
    const session = await resume(start, reach.window, held, path);
    if (start.by !== 'caller') await waitToContinue(start);
    if (isBackground(start.intent.delivery)) await enterSlot(start, held, path);
    const recalled = await recallFor(start, session, reach, path);
    const assembled = await assembleTurn(start, { session, reach, recalled }, path);
    turn = await journalIntent(start, assembled, path);
    const failure = await answer(turn, path);
    if (isLeftToSuccessor(turn.intent, failure)) return live.fail(faultOf(failure));
    const outcome = settleTurn(turn, failure, path);
    learnTokens(turn, outcome, path);
    holdOf(start)?.report(outcome);
    await commit(turn, outcome, failure, path);
    indexAhead(turn, reach, path);
    live.end(turnOf(turn.intent, outcome), turn.folded.by ? undefined : failure);
  } catch (error) {
    if (turn) commitLater(turn, error, path);
    else await close(start, error, path);
  }
}

const withResolvedInput = async (
  request: TurnRequest,
  resolved: () => Promise<Item[]>,
): Promise<TurnRequest> => ({
  ...request,
  ask: { ...request.ask, input: await resolved() },
});

/** Gives the turn its id, and with it its session. */
async function accept(
  { ask, caller, identity }: Pick<TurnRequest, 'ask' | 'caller' | 'identity'>,
  path: TurnPath,
): Promise<WaitingIntent> {
  const writes = isKept(ask.retention);
  const known = path.sessions.stateOf(caller.tenant, ask, writes);
  const state = known instanceof Promise ? await known : known;
  const located = path.sessions.locate(caller.tenant, { state, input: ask.input }, writes);
  const session = typeof located === 'string' ? located : await located;
  const createdAt = path.clock();
  const isDeferrable = outlivesClient(ask.retention) && ask.policy.whenDown === 'defer';
  const deferredUntil = isDeferrable ? createdAt + path.settings.deferMs : undefined;
  return waitingIntent({ ask, state, caller, identity }, session, createdAt, deferredUntil);
}

/** The turn as it would begin; it does not run. Rejects where `createTurn` would reject. */
export async function checkTurn(ask: Ask, caller: Caller, path: TurnPath): Promise<Asked> {
  choose(ask, caller, path);
  const { tenant } = caller;
  const state = await path.sessions.stateOf(tenant, ask, false);
  if (state.kind === 'response') await path.sessions.expect(tenant, state);
  const now = path.clock();
  return waitingIntent({ ask, state, caller }, newSessionId(now), now);
}

function waitingIntent(
  {
    ask,
    state,
    caller,
    identity,
  }: Pick<TurnRequest, 'ask' | 'caller' | 'identity'> & Pick<WaitingIntent, 'state'>,
  session: SessionId,
  createdAt: number,
  deferredUntil?: number,
): WaitingIntent {
  const { tenant, key, rules, requestId, trace } = caller;
  const id = newTurnId(session, createdAt);
  const fingerprint = identity?.fingerprint;
  const user = ask.settings.safety_identifier ? undefined : userOf(ask);
  return {
    ...ask,
    kind: 'waiting',
    state,
    id,
    tenant,
    session,
    createdAt,
    requestId,
    trace,
    fingerprint,
    key,
    rules,
    user,
    deferredUntil,
  };
}
