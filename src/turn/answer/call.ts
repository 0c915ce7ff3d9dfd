import type { Candidate } from '../../core/candidate.ts';
import { callFailureOf, type ErrorCode, type FailedCall, Fault } from '../../core/errors.ts';
import type { Emit, TurnTrace } from '../../core/events.ts';
import type { Prompt } from '../../core/prompt.ts';
import { callFailed } from '../../routing/attempts.ts';
import type { Answer, Call, Count, Dispatch } from '../../routing/call-chain.ts';
import type { Route } from '../../routing/order.ts';
import { hedged } from './hedge.ts';
import { isExceeded } from './prompt.ts';

/** Which candidates to call, and with what. */
export interface CallRequest {
  route: Omit<Route, 'alias' | 'strategy' | 'reason'>;
  /** Throws `context_length_exceeded` where the conversation does not fit the candidate. */
  prompt(candidate: Candidate): Prompt;
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

/** The most calls for one answer, where the request does not say it. */
const MOST_CALLS = 20;

/** A candidate was not called, because it is held back or has too many calls (`routing/gate.ts`). */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['claw_unavailable', 'claw_busy']);

/** How long the same candidate is waited for, where its alias does not say it. */
const PATIENCE_MS = 2_000;

/**
 * Calls the candidates of a route in order until one gives a first delta. A candidate that the conversation does
 * not fit is skipped. Throws the failure of the last candidate that was called, with all failed calls, or
 * `context_length_exceeded` where the conversation fits none.
 */
export async function callFirst(request: CallRequest, dispatch: Dispatch, emit: Emit): Promise<Called> {
  const { route, count, trace } = request;
  const queue = new Queue(route);
  const before = { calls: count.calls, failed: count.failed.length };
  let failure: unknown;
  for (let candidate = queue.next(); candidate; candidate = queue.next()) {
    const call = callOf(candidate, request, queue);
    if (call instanceof Fault) {
      emit({ type: 'context-exceeded', trace, candidate });
      if (count.calls === before.calls) failure = call;
      queue.fail(call);
      continue;
    }
    try {
      const afterMs = queue.hasNext ? request.hedgeAfterMs?.(candidate) : undefined;
      const won =
        afterMs === undefined
          ? { call, answer: await dispatch(call), slower: [] }
          : await hedged({ call, afterMs, next: () => nextCall(request, queue) }, dispatch);
      const { candidate: answering } = won.call;
      return {
        ...won.answer,
        ...{ candidate: answering, slower: won.slower, isDegraded: answering === route.lastResort },
        retries: count.calls - before.calls - 1 - won.slower.length,
      };
    } catch (error) {
      const wasCalled = !(error instanceof Fault) || !REFUSALS.has(error.code);
      // The failure of a call says more than the refusal to make one.
      if (wasCalled || failure === undefined) failure = error;
      queue.fail(error);
      const goesOn = mayGoOn(request) && queue.hasNext && !isLast(request, queue);
      emit(callFailed(call, error, goesOn ? 'next-candidate' : 'give-up'));
      if (!goesOn) break;
    }
  }
  throw withAttempts(failure, count.failed.slice(before.failed));
}

/** The failure, with all calls that failed. */
function withAttempts(failure: unknown, attempts: readonly FailedCall[]): unknown {
  return failure instanceof Fault && attempts.length > 0 ? failure.with({ attempts }) : failure;
}

/** The call of a candidate, or `context_length_exceeded`. */
function callOf(candidate: Candidate, request: CallRequest, queue: Queue): Call | Fault {
  const { route, signal, trace, key, count, endsAt } = request;
  const prompt = promptOrExceeded(request, candidate);
  if (prompt instanceof Fault) return prompt;
  return {
    ...{ candidate, prompt, signal, trace, key, count, endsAt, limits: route.limits },
    mostCalls: route.attempts ?? MOST_CALLS,
    patienceMs: route.patienceMs ?? PATIENCE_MS,
    hasRefusedChain: route.refused.length > 0,
    faults: route.faults,
    isLast: () => isLast(request, queue),
    heard: () => {},
    quota: () => {},
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

const mayGoOn = ({ signal, count, route, endsAt }: CallRequest): boolean =>
  !signal.aborted && count.calls < (route.attempts ?? MOST_CALLS) && performance.now() < endsAt;

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

  get hasNext(): boolean {
    return this.waiting.length > 0;
  }

  /** Those that may be called if the next call fails. */
  get rest(): readonly Candidate[] {
    return this.lastResort ? [...this.waiting, this.lastResort] : this.waiting;
  }

  fail(failure: unknown): void {
    const meaning = callFailureOf(failure);
    const code = failure instanceof Fault ? failure.code : undefined;
    if (code === 'context_length_exceeded') {
      if (this.tooLong.length > 0) this.waiting = [...this.tooLong];
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
