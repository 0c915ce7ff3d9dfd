import { type Candidate, candidateKey } from '../../core/candidate.ts';
import type { ErrorCode } from '../../core/error-catalogue.ts';
import { callFailureOf, type FailedCall, Fault } from '../../core/errors.ts';
import type { Emit, TurnTrace } from '../../core/events.ts';
import type { Prompt } from '../../core/prompt.ts';
import { callFailed } from '../../routing/attempts.ts';
import type { Answer, Call, Count, Dispatch } from '../../routing/call-chain.ts';
import type { Route } from '../../routing/order.ts';
import { isExceeded } from './contexts.ts';
import { type Ended, hedged } from './hedge.ts';

/** Which candidates to call, and with what. */
export interface CallRequest {
  route: Omit<Route, 'alias' | 'strategy' | 'reason'>;
  /** Throws `context_length_exceeded` where the conversation does not fit the candidate. */
  prompt(candidate: Candidate): Prompt;
  /**
   * The provider has refused the candidate's prompt for its length. Returns whether `prompt` now gives a shorter one,
   * at most once per candidate. Absent: never.
   */
  shorten?(candidate: Candidate, refusal: Fault): boolean;
  signal: AbortSignal;
  trace: TurnTrace;
  /** The name of the caller's key. */
  key: string;
  /** The calls of the turn so far. */
  count: Count;
  /** When the turn must have ended, on the clock of `performance.now()`. */
  endsAt: number;
  /** When to call another candidate too, in milliseconds; absent: never. */
  hedgeAfterMs?(candidate: Candidate): number | undefined;
}

/** An answer that has begun, and the candidate that gives it. */
export interface Called extends Answer {
  candidate: Candidate;
  /** Calls that failed before this one. */
  retries: number;
  /** Candidates whose calls were slower than this one, and were cancelled. */
  slower: readonly Candidate[];
  /** The route's last resort answers. */
  isDegraded: boolean;
}

/**
 * Whether the candidate can be called again with a shorter prompt. Not where a candidate for long conversations is
 * next: it can be given more.
 */
const isShortened = (
  candidate: Candidate,
  failure: unknown,
  { shorten }: CallRequest,
  queue: Queue,
): boolean => isExceeded(failure) && !queue.hasLonger && shorten?.(candidate, failure as Fault) === true;

/** The most calls for one answer, where the request does not say it. */
const MOST_CALLS = 20;

/** A candidate was not called, because it is held back or has too many calls (`routing/gate.ts`). */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['claw_unavailable', 'claw_busy']);

/**
 * Calls the candidates of a route in order until one gives a first delta. A candidate that the conversation does
 * not fit is skipped. Throws the failure of the last candidate that was called, with all failed calls, or
 * `context_length_exceeded` where the conversation fits none.
 */
export async function callFirst(request: CallRequest, dispatch: Dispatch, emit: Emit): Promise<Called> {
  const { route, count, trace } = request;
  const queue = new Queue(route);
  const before = { calls: count.calls, failed: count.failed.length };
  let reported: Reported | undefined;
  const fail = (failure: unknown, weight: number) => {
    reported = heavier(reported, { failure, weight });
    queue.fail(failure);
  };
  for (let candidate = queue.next(); candidate; candidate = queue.next()) {
    const call = callOf(candidate, request, queue);
    if (call instanceof Fault) {
      emit({ type: 'context-exceeded', trace, candidate });
      fail(call, UNFIT);
      continue;
    }
    const afterMs = queue.hasNext ? request.hedgeAfterMs?.(candidate) : undefined;
    const next = () => {
      const other = mayGoOn(request) ? nextCall(request, queue) : undefined;
      if (other) emit({ type: 'call-hedged', trace, candidate, afterMs: afterMs! });
      return other;
    };
    const ended = await (afterMs === undefined
      ? alone(call, dispatch)
      : hedged({ call, afterMs, next }, dispatch));
    if ('answer' in ended) {
      for (const lost of ended.failed) emit(callFailed(lost.call, lost.failure, 'next-candidate'));
      const { candidate: answering } = ended.call;
      return {
        ...ended.answer,
        candidate: answering,
        slower: ended.slower,
        isDegraded: answering === route.lastResort,
        retries: count.calls - before.calls - 1 - ended.slower.length,
      };
    }
    for (const { call, failure } of ended.failed) {
      if (isShortened(call.candidate, failure, request, queue)) queue.repeat(call.candidate);
      else fail(failure, isRefusal(failure) ? REFUSED : CALLED);
    }
    const goesOn = mayGoOn(request) && queue.hasNext && !isLast(request, queue);
    ended.failed.forEach((lost, index) => {
      const hasNext = goesOn || index < ended.failed.length - 1;
      emit(callFailed(lost.call, lost.failure, hasNext ? 'next-candidate' : 'give-up'));
    });
    if (!goesOn) break;
  }
  throw withAttempts(reported?.failure, count.failed.slice(before.failed));
}

/** A failure that may be the one that is reported. */
interface Reported {
  failure: unknown;
  weight: number;
}

/**
 * The failure of a call says more than the refusal to make one: a later request may be answered. Both say more than
 * a conversation that does not fit another candidate.
 */
const [UNFIT, REFUSED, CALLED] = [0, 1, 2];

/** The one to report: of several calls, the last one. */
const heavier = (one: Reported | undefined, next: Reported): Reported =>
  one === undefined || next.weight > one.weight || next.weight === CALLED ? next : one;

const isRefusal = (failure: unknown): boolean => failure instanceof Fault && REFUSALS.has(failure.code);

async function alone(call: Call, dispatch: Dispatch): Promise<Ended> {
  try {
    return { call, answer: await dispatch(call), slower: [], failed: [] };
  } catch (failure) {
    return { failed: [{ call, failure }] };
  }
}

/** The failure, with all calls that failed. */
function withAttempts(failure: unknown, attempts: readonly FailedCall[]): unknown {
  return failure instanceof Fault && attempts.length > 0 ? failure.with({ attempts }) : failure;
}

const ignore = () => {};

/** The call of a candidate, or `context_length_exceeded`. */
function callOf(candidate: Candidate, request: CallRequest, queue: Queue): Call | Fault {
  const { route, signal, trace, key, count, endsAt } = request;
  const prompt = promptOrExceeded(request, candidate);
  if (prompt instanceof Fault) return prompt;
  return {
    candidate,
    prompt,
    signal,
    trace,
    key,
    count,
    endsAt,
    limits: route.limits,
    mostCalls: route.attempts ?? MOST_CALLS,
    patienceMs: route.patienceMs,
    hasRefusedChain: queue.hasRefusedChain,
    faults: route.faults,
    isLast: () => isLast(request, queue),
    heard: ignore,
    quota: ignore,
  };
}

/** The call of the next candidate that the conversation fits. */
function nextCall(request: CallRequest, queue: Queue): Call | undefined {
  for (let candidate = queue.next(); candidate; candidate = queue.next()) {
    const call = callOf(candidate, request, queue);
    if (!(call instanceof Fault)) return call;
  }
  return undefined;
}

const mayGoOn = (request: CallRequest): boolean => !request.signal.aborted && mayCall(request.route, request);

/** Whether the turn may make another call. */
export const mayCall = (
  { attempts = MOST_CALLS }: Pick<Route, 'attempts'>,
  { count, endsAt }: Pick<CallRequest, 'count' | 'endsAt'>,
): boolean => count.calls < attempts && performance.now() < endsAt;

const isLast = (request: CallRequest, queue: Queue): boolean =>
  !queue.rest.some((candidate) => !(promptOrExceeded(request, candidate) instanceof Fault));

/** Does not change the turn where the candidate is not called. */
function promptOrExceeded({ prompt }: CallRequest, candidate: Candidate): Prompt | Fault {
  try {
    return prompt(candidate);
  } catch (failure) {
    if (isExceeded(failure)) return failure as Fault;
    throw failure;
  }
}

/** The candidates that may still be called. A failure decides which of the route's chains goes on. */
class Queue {
  private waiting: Candidate[];
  private tooLong: readonly Candidate[];
  private refused: readonly Candidate[];
  private lastResort: Candidate | undefined;

  constructor({ candidates, tooLong, refused, lastResort }: CallRequest['route']) {
    this.waiting = [...candidates];
    this.tooLong = tooLong;
    this.refused = refused;
    this.lastResort = lastResort;
  }

  next(): Candidate | undefined {
    return this.waiting.shift();
  }

  /** The candidate comes next. */
  repeat(candidate: Candidate): void {
    this.waiting.unshift(candidate);
  }

  /** Whether there are candidates for what is too long for others. */
  get hasLonger(): boolean {
    return this.tooLong.length > 0;
  }

  get hasNext(): boolean {
    return this.waiting.length > 0;
  }

  /** Without it, a refusal is the answer. */
  get hasRefusedChain(): boolean {
    return this.refused.length > 0;
  }

  /** Those that may be called if the next call fails. */
  get rest(): readonly Candidate[] {
    // A candidate that the conversation does not fit leads to the chain for long conversations.
    const following = this.hasNext ? [...this.waiting, ...this.tooLong] : this.waiting;
    return this.lastResort ? [...following, this.lastResort] : following;
  }

  fail(failure: unknown): void {
    const meaning = callFailureOf(failure);
    const code = failure instanceof Fault ? failure.code : undefined;
    if (code === 'context_length_exceeded' && this.tooLong.length > 0) {
      const longer = new Set(this.tooLong.map(candidateKey));
      this.waiting = [...this.tooLong, ...this.waiting.filter((one) => !longer.has(candidateKey(one)))];
      this.tooLong = [];
      return;
    }
    if (code === 'content_filtered') {
      this.waiting = [...this.refused];
      this.refused = [];
      return;
    }
    // Another candidate may answer where the failure is not about the request itself.
    const mayAsk = meaning !== undefined && meaning.concerns !== 'request';
    if (!mayAsk) this.waiting = [];
    else if (this.waiting.length === 0 && this.lastResort) {
      this.waiting = [this.lastResort];
      this.lastResort = undefined;
    }
  }
}
