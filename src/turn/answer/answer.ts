import type { Capabilities } from '../../claws/claw.ts';
import { promptTokensIn } from '../../claws/reported-errors.ts';
import type { Assembled } from '../../context/assemble.ts';
import type { Candidate } from '../../core/candidate.ts';
import type { Delta } from '../../core/delta.ts';
import { callFailureOf, type FailedCall, type Fault, faultOf } from '../../core/errors.ts';
import { type Called as CalledBy, type Folded, fold, isWhole } from '../../core/fold.ts';
import { pause } from '../../core/pause.ts';
import type { Receipt } from '../../core/receipt.ts';
import { type Ask, isKept, type PlacedIntent } from '../../core/turn.ts';
import type { Count } from '../../routing/call-chain.ts';
import type { Route } from '../../routing/order.ts';
import type { LiveTurn } from '../live/live-turn.ts';
import type { RunningTurn, TurnPath } from '../path.ts';
import { expectedCacheReadOf, routeAgain } from '../start/route.ts';
import { type Called, type CallRequest, callFirst, mayCall } from './call.ts';
import { CallIds } from './call-ids.ts';
import { leftOutReasoning, promptFor } from './prompt.ts';
import { type Rescue, rescueOf } from './rescue.ts';
import { Splice } from './splice.ts';

/** Milliseconds between two tries of a deferred turn; the pause doubles. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Gets the answer of a turn with as many calls as needed: candidates are called in order until one begins, and
 * again where an answer broke off. Every delta is journaled before readers see it. Never rejects: resolves to
 * the failure that left the answer incomplete, or to `undefined`.
 */
export async function answer(turn: RunningTurn, path: TurnPath): Promise<unknown> {
  const { intent, folded, live } = turn;
  const bounds = boundsOf(turn, path);
  let failure: unknown = turn.brokenBy;
  for (;;) {
    try {
      const { route } = turn;
      if (isWhole(folded, intent.settings.n ?? 1)) return await closeOpenItems(turn, path);
      const rescue = failure === undefined ? undefined : rescueOf(folded, failure, intent, route.candidates);
      if (failure !== undefined && (!rescue || !mayCall(route, bounds))) return failure;
      const pauseMs = rescue ? rescuePauseMs(folded, path) : 0;
      if (pauseMs > 0) await paused(pauseMs, live);
      const called = await call(turn, rescue, bounds, path);
      if (rescue) emitRescue(turn, called, failure, path);
      failure = await follow(turn, called, rescue, bounds, path);
      if (failure === undefined) return undefined;
    } catch (error) {
      // The failure that broke the answer off says more than the failure of its rescue, unless the turn was stopped.
      return folded.by && !live.signal.aborted ? failure : error;
    }
  }
}

async function paused(ms: number, { timeline, signal }: LiveTurn): Promise<void> {
  const from = performance.now();
  await pause(ms, signal);
  timeline.pauses.push({ from, to: performance.now() });
}

function emitRescue(
  { intent }: RunningTurn,
  { candidate }: Called,
  failure: unknown,
  { emit }: TurnPath,
): void {
  emit({ type: 'answer-rescued', trace: intent, candidate, code: faultOf(failure).code });
}

/** The call that answers, and what of the request it left out. */
type AnsweringCall = Called & Dropped;

/** The first rescue comes at once. The longest pause before the others doubles. */
const RESCUE_PAUSE_MS = 250;

function rescuePauseMs({ brokenOff }: Folded, { routing }: TurnPath): number {
  if (brokenOff.length === 0) return 0;
  return routing.random() * RESCUE_PAUSE_MS * 2 ** (brokenOff.length - 1);
}

/** What all calls of a turn share. */
interface Bounds {
  /** When the turn must have ended, on the clock of `performance.now()`. */
  endsAt: number;
  count: Count;
}

/** The calls of a turn, from now on. A deferred turn begins anew each time that it has waited. */
function boundsOf({ route, live }: RunningTurn, { settings }: TurnPath): Bounds {
  const turnMs = Math.min(settings.turnMs, ...route.limits.map((limits) => limits.turnMs ?? Infinity));
  return { endsAt: performance.now() + turnMs, count: { calls: 0, failed: [], timeline: live.timeline } };
}

/** Calls candidates until one answers. A turn that may be deferred tries again until its time is up. */
async function call(
  turn: RunningTurn,
  rescue: Rescue | undefined,
  bounds: Bounds,
  path: TurnPath,
): Promise<AnsweringCall> {
  const { intent, live } = turn;
  // Filled before the call: a new configuration may remove the claw during the answer.
  const dropped = new Map<Candidate, Dropped>();
  const prompt = (candidate: Candidate) => {
    const able = path.capabilities(candidate);
    const context = turn.contexts.for(candidate);
    dropped.set(candidate, droppedFor(candidate, able, intent, context));
    const made = promptFor(candidate, able, intent, context, rescue?.text);
    return { ...made, cacheLife: turn.contexts.cacheLife(candidate) };
  };
  const shorten = (candidate: Candidate, { message }: Fault) =>
    turn.contexts.shorten(candidate, promptTokensIn(message));
  let route: CallRequest['route'] = rescue ? rescued(turn.route, rescue) : turn.route;
  for (let shortest = FIRST_PAUSE_MS; ; shortest = Math.min(2 * shortest, LONGEST_PAUSE_MS)) {
    const hedgeAfterMs = hedgeOf(route, path);
    const request = {
      route,
      prompt,
      shorten,
      signal: live.signal,
      trace: intent,
      key: intent.key,
      hedgeAfterMs,
    };
    try {
      const called = await callFirst({ ...request, ...bounds }, path.dispatch, path.emit);
      return { ...called, ...dropped.get(called.candidate)! };
    } catch (error) {
      if (!callFailureOf(error)?.unavailable) throw error;
      const { code, retryAfter = 0 } = error as Fault;
      const pauseMs = Math.max(shortest, retryAfter * 1_000);
      if (path.clock() + pauseMs > (intent.deferredUntil ?? 0)) throw error;
      live.defer();
      path.emit({ type: 'turn-deferred', trace: intent, code, pauseMs });
      await paused(pauseMs, live);
      // Other claws may be available now.
      if (!rescue) {
        turn.route = routeAgain(turn, path);
        route = turn.route;
      }
      Object.assign(bounds, boundsOf(turn, path));
    }
  }
}

/** The rest of an answer that broke off: it is not hedged, because it begins with text that is there already. */
const rescued = (route: Route, { candidates }: Rescue): Route => ({ ...route, candidates, hedge: undefined });

/** When another candidate is called too; absent where the route has no hedge, or the gateway is busy. */
function hedgeOf({ hedge }: Pick<Route, 'hedge'>, { routing }: TurnPath): CallRequest['hedgeAfterMs'] {
  if (!hedge || routing.isBusy()) return undefined;
  return (candidate) => hedge.afterMs ?? routing.healthOf(candidate).firstTokenP95Ms;
}

function droppedFor(
  candidate: Candidate,
  able: Capabilities,
  intent: PlacedIntent,
  context: Assembled,
): Dropped {
  return {
    droppedTools: lackedTypes(able, intent),
    droppedReasoning: leftOutReasoning(candidate, intent, context),
    droppedSettings: [...able.lackedSettings(intent.settings), ...foreignFields(candidate, intent)],
  };
}

/** The fields of the request that only providers of its own vocabulary know. */
const foreignFields = ({ protocol }: Candidate, { vocabulary, extra }: Ask): string[] =>
  protocol === vocabulary ? [] : Object.keys(extra);

/** The types of the tools that a candidate lacks. */
function lackedTypes(able: Capabilities, { settings: { tools }, vocabulary }: Ask): string[] {
  if (!tools?.length) return [];
  return able.lackedTools(tools, vocabulary).map((index) => tools[index]!.type);
}

/** The parts of the request that the candidate does not get. */
interface Dropped {
  /** The types of the tools that were left out of the request. */
  droppedTools: readonly string[];
  /** The ids of the caller's reasoning items that were left out of the request. */
  droppedReasoning: readonly string[];
  /** The settings that the call leaves out, because the provider's API has none like them. */
  droppedSettings: readonly string[];
}

/** Journals and publishes one call's answer as it comes. Resolves to the failure that broke it off. */
async function follow(
  turn: RunningTurn,
  called: AnsweringCall,
  rescue: Rescue | undefined,
  bounds: Bounds,
  path: TurnPath,
): Promise<unknown> {
  const by = calledBy(called.candidate);
  const splice = rescue && new Splice(rescue, turn.folded.items.length, called.exact);
  let hasEnded = false;
  let ids: CallIds | undefined;
  turn.live.start(receiptOf(turn, called, bounds.count.failed, path));
  try {
    const opening: Delta[] = splice?.opening(by) ?? attemptsOf(called, by);
    // The attempt of a rescue is journaled even if the claw only repeats text.
    if (splice) await record(turn, opening, path);
    let burst: readonly Delta[] = splice ? splice.join(called.first) : [...opening, ...called.first];
    for (;;) {
      // Made at the first call: most answers have no calls.
      if (burst.some(startsCall)) ids ??= callIdsOf(turn);
      await record(turn, ids ? ids.push(burst) : burst, path);
      const next = await called.rest.next();
      if (next.done) {
        hasEnded = true;
        return undefined;
      }
      burst = splice ? splice.join(next.value) : next.value;
    }
  } catch (failure) {
    return failure;
  } finally {
    if (!hasEnded) await called.rest.return?.();
  }
}

function calledBy({ provider, protocol, model, instance }: Candidate): CalledBy {
  return instance === undefined ? { provider, protocol, model } : { provider, protocol, model, instance };
}

/** Slower calls come first: their providers bill them, too. */
function attemptsOf({ slower }: Called, by: CalledBy): Delta[] {
  if (slower.length === 0) return [{ type: 'attempt', ...by }];
  const [first, ...others] = [...slower.map(calledBy), by];
  const after = others.map((next): Delta => ({ type: 'attempt', ...next, cause: 'hedge_lost' }));
  return [{ type: 'attempt', ...first! }, ...after];
}

/** Whether the delta may start a call or the output of a call. */
const startsCall = (delta: Delta): boolean =>
  delta.type === 'item-start' && delta.item.type !== 'message' && delta.item.type !== 'reasoning';

const callIdsOf = ({ session, intent, folded }: RunningTurn): CallIds =>
  new CallIds({ branch: session.branch, input: intent.input, folded });

/** Appends a burst to the journal, then publishes it. Waits only for a journal that does not write at once. */
function record(
  { intent, live, folded }: RunningTurn,
  burst: readonly Delta[],
  { journal }: TurnPath,
): void | Promise<void> {
  if (burst.length === 0) return;
  const publish = () => {
    for (const delta of burst) fold(folded, delta);
    live.publish(burst);
  };
  const written = isKept(intent.retention) ? journal.append(intent.id, burst) : undefined;
  return written ? written.then(publish) : publish();
}

/** The provider has ended the answer, even if its stream broke: items that are still open are complete. */
async function closeOpenItems(turn: RunningTurn, path: TurnPath): Promise<undefined> {
  const open = turn.folded.items.flatMap(({ done }, index) =>
    done ? [] : [{ type: 'item-end' as const, index }],
  );
  await record(turn, open, path);
}

function receiptOf(
  turn: RunningTurn,
  called: AnsweringCall,
  failed: readonly FailedCall[],
  path: TurnPath,
): Receipt {
  const { candidate, retries, droppedTools, droppedReasoning, droppedSettings, isDegraded } = called;
  const { alias, strategy, reason, candidates } = turn.route;
  const context = turn.contexts.receipt(candidate);
  const { keptTurns, droppedTokens } = context;
  if (droppedTokens > 0) {
    path.emit({ type: 'context-truncated', trace: turn.intent, candidate, keptTurns, droppedTokens });
  }
  const expectedCacheRead = expectedCacheReadOf(candidate, turn, path);
  return {
    candidate,
    retries,
    history: turn.session.history,
    context,
    firstDeltaMs: path.clock() - turn.intent.createdAt,
    ...(expectedCacheRead > 0 && { expectedCacheRead }),
    ...(failed.length > 0 && { failed: [...failed] }),
    ...(droppedTools.length > 0 && { droppedTools }),
    ...(droppedReasoning.length > 0 && { droppedReasoning }),
    ...(droppedSettings.length > 0 && { droppedSettings }),
    ...(isDegraded && { isDegraded }),
    route: { alias, strategy, reason: candidate === candidates[0] ? reason : 'fallback' },
  };
}
