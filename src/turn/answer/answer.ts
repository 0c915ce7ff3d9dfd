import type { Capabilities, Claw } from '../../claws/claw.ts';
import type { Candidate } from '../../core/candidate.ts';
import type { Delta } from '../../core/delta.ts';
import { callFailureOf, Fault } from '../../core/errors.ts';
import type { Emit, TurnTrace } from '../../core/events.ts';
import { fold, isWhole } from '../../core/fold.ts';
import type { Prompt } from '../../core/prompt.ts';
import { type Ask, isKept } from '../../core/turn.ts';
import type { Receipt } from '../../core/turn-view.ts';
import { callFailed } from '../../routing/attempts.ts';
import type { Answer, Call, Dispatch } from '../../routing/call-chain.ts';
import { choose } from '../../routing/choose.ts';
import type { RunningTurn, TurnPath } from '../path.ts';
import { CallIds } from './call-ids.ts';
import { isExceeded, leftOutReasoning, promptFor } from './prompt.ts';
import { type Rescue, rescueOf } from './rescue.ts';
import { Splice } from './splice.ts';

/** Milliseconds between two tries of a deferred turn; the pause doubles. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/** The most calls for one answer, over all candidates. */
const MOST_CALLS = 20;

/** How long the same candidate is waited for, in milliseconds. */
const PATIENCE_MS = 2_000;

/**
 * Gets the answer of a turn with as many calls as needed: candidates are called in order until one begins, and
 * again where an answer broke off. Every delta is journaled before readers see it. Never rejects: resolves to
 * the failure that left the answer incomplete, or to `undefined`.
 */
export async function answer(turn: RunningTurn, path: TurnPath): Promise<unknown> {
  const { intent, folded, live } = turn;
  let failure: unknown = turn.brokenBy;
  for (;;) {
    try {
      if (isWhole(folded, intent.settings.n ?? 1)) return await closeOpenItems(turn, path);
      const rescue = failure === undefined ? undefined : rescueOf(folded, failure, intent, turn.candidates);
      if (failure !== undefined && !rescue) return failure;
      const called = await call(turn, rescue, path);
      failure = await follow(turn, called, rescue, path);
      if (failure === undefined) return undefined;
    } catch (error) {
      // The failure that broke the answer off says more than the failure of its rescue, unless the turn was stopped.
      return folded.by && !live.signal.aborted ? failure : error;
    }
  }
}

/** Calls candidates until one answers. A turn that may be deferred tries again until its time is up. */
async function call(turn: RunningTurn, rescue: Rescue | undefined, path: TurnPath): Promise<ToldCall> {
  const { intent, live } = turn;
  // Filled before the call: a new configuration may remove the claw during the answer.
  const dropped = new Map<Candidate, Dropped>();
  const prompt = (candidate: Candidate) => {
    const able = path.capabilities(candidate);
    const context = turn.contexts.for(candidate);
    const droppedTools = lackedTypes(able, intent);
    const droppedReasoning = leftOutReasoning(candidate, intent, context);
    dropped.set(candidate, { droppedTools, droppedReasoning });
    return promptFor(candidate, able, intent, context, rescue?.text);
  };
  let candidates = rescue?.candidates ?? turn.candidates;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    const request = { candidates, prompt, signal: live.signal, trace: intent, key: intent.key };
    try {
      const called = await callFirst(request, path.dispatch, path.emit);
      return { ...called, ...dropped.get(called.candidate)! };
    } catch (error) {
      if (!callFailureOf(error)?.unavailable) throw error;
      const { code, retryAfter = 0 } = error as Fault;
      const pauseMs = Math.max(pause, retryAfter * 1_000);
      if (path.clock() + pauseMs > (intent.deferredUntil ?? 0)) throw error;
      live.defer();
      path.emit({ type: 'turn-deferred', trace: intent, code, pauseMs });
      await sleep(live.signal, pauseMs);
      // Other claws may be available now.
      if (!rescue) candidates = choose(intent, path.directory, path.capabilities);
    }
  }
}

/** The types of the tools that a candidate lacks. */
function lackedTypes(able: Capabilities, { settings: { tools }, vocabulary }: Ask): string[] {
  if (!tools?.length) return [];
  return able.lackedTools(tools, vocabulary).map((index) => tools[index]!.type);
}

/** Which candidates to call, and with what. */
interface CallRequest {
  candidates: readonly Candidate[];
  /** Throws `context_length_exceeded` where the conversation does not fit the candidate. */
  prompt(candidate: Candidate): Prompt;
  signal: AbortSignal;
  trace: TurnTrace;
  /** The name of the caller's key. */
  key: string;
}

/** An answer that has begun, and the candidate that gives it. */
export interface Called extends Answer {
  candidate: Candidate;
  /** Calls that failed before this one. */
  retries: number;
}

/** The parts of the request that the candidate does not get. */
interface Dropped {
  /** The types of the tools that were left out of the request. */
  droppedTools: readonly string[];
  /** The ids of the caller's reasoning items that were left out of the request. */
  droppedReasoning: readonly string[];
}

type ToldCall = Called & Dropped;

/**
 * Calls the candidates in order until one gives a first delta. A candidate that the conversation does not fit
 * is skipped. Throws the failure of the last candidate that was called, or `context_length_exceeded` where the
 * conversation fits none.
 */
export async function callFirst(request: CallRequest, dispatch: Dispatch, emit: Emit): Promise<Called> {
  const { candidates, signal, trace, key } = request;
  const count = { calls: 0 };
  let failure: unknown;
  for (const [index, candidate] of candidates.entries()) {
    const prompt = promptOrExceeded(request, candidate);
    if (prompt instanceof Fault) {
      emit({ type: 'context-exceeded', trace, candidate });
      if (count.calls === 0) failure = prompt;
      continue;
    }
    const others = candidates.slice(index + 1);
    const isLast = () => !others.some((other) => fits(request, other));
    const call: Call = {
      ...{ candidate, prompt, signal, trace, key, count, isLast },
      ...{ mostCalls: MOST_CALLS, endsAt: Infinity, patienceMs: PATIENCE_MS },
      heard: () => {},
      quota: () => {},
    };
    try {
      const answer = await dispatch(call);
      return { ...answer, candidate, retries: count.calls - 1 };
    } catch (error) {
      failure = error;
      const goesOn = mayAskAnother(error) && !isLast();
      emit(callFailed(call, error, goesOn ? 'next-candidate' : 'give-up'));
      if (!goesOn) break;
    }
  }
  throw failure;
}

function promptOrExceeded({ prompt }: CallRequest, candidate: Candidate): Prompt | Fault {
  try {
    return prompt(candidate);
  } catch (failure) {
    if (isExceeded(failure)) return failure as Fault;
    throw failure;
  }
}

/**
 * Whether a candidate can be called. Does not change the turn: a failure is recorded when the candidate is
 * called.
 */
function fits({ prompt }: CallRequest, candidate: Candidate): boolean {
  try {
    prompt(candidate);
    return true;
  } catch {
    return false;
  }
}

/** Another candidate may answer where the failure is not about the request itself. */
function mayAskAnother(failure: unknown): boolean {
  const meaning = callFailureOf(failure);
  return meaning !== undefined && meaning.concerns !== 'request';
}

/** The end of the chain: calls the candidate's claw, and waits for the first burst of its answer. */
export function dispatchTo(clawOf: (candidate: Candidate) => Claw, emit: Emit): Dispatch {
  return async ({ candidate, prompt, signal, trace, count, heard, quota }) => {
    count.calls++;
    emit({ type: 'call-started', trace, candidate, attempt: count.calls });
    const claw = clawOf(candidate);
    const bursts = claw.call(prompt, signal, { heard, quota })[Symbol.asyncIterator]();
    const first = await bursts.next();
    if (first.done) throw new Fault('provider_protocol_error', `${candidate.provider} sent an empty answer.`);
    const exact = prompt.continues === true && claw.prefills(prompt);
    return { first: first.value, rest: bursts, exact };
  };
}

/** Rejects with the signal's reason as soon as it is aborted. */
function sleep(signal: AbortSignal, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

/** Journals and publishes one call's answer as it comes. Resolves to the failure that broke it off. */
async function follow(
  turn: RunningTurn,
  called: ToldCall,
  rescue: Rescue | undefined,
  path: TurnPath,
): Promise<unknown> {
  const { provider, protocol, model } = called.candidate;
  const by = { provider, protocol, model };
  const splice = rescue && new Splice(rescue, turn.folded.items.length, called.exact);
  let hasEnded = false;
  let ids: CallIds | undefined;
  turn.live.start(receiptOf(turn, called, path));
  try {
    const opening: Delta[] = splice?.opening(by) ?? [{ type: 'attempt', ...by }];
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

function receiptOf(turn: RunningTurn, called: ToldCall, { emit }: TurnPath): Receipt {
  const { candidate, retries, droppedTools, droppedReasoning } = called;
  const { tokens, keptTurns, droppedTokens } = turn.contexts.for(candidate);
  if (droppedTokens > 0) {
    emit({ type: 'context-truncated', trace: turn.intent, candidate, keptTurns, droppedTokens });
  }
  const context = { tokens, keptTurns, droppedTokens };
  return {
    ...{ candidate, retries, history: turn.session.history, context },
    ...(droppedTools.length > 0 && { droppedTools }),
    ...(droppedReasoning.length > 0 && { droppedReasoning }),
  };
}
