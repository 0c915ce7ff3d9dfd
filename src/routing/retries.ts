import { callFailureOf, type Fault } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { pause } from '../core/pause.ts';
import { callFailed } from './attempts.ts';
import type { Call, Interceptor } from './call-chain.ts';
import type { HealthStore } from './health.ts';

/** How often the same candidate is called again (`retries` of the configuration). Times are in milliseconds. */
export interface RetrySettings {
  /** For each call, at most. */
  readonly perCall: number;
  /** Retries of a claw per first call of it, in the long run. */
  readonly share: number;
  /** The longest pause before the second retry. It doubles with each further one. */
  readonly backoffMs: number;
  /** The longest pause before any retry, where the call does not say it. */
  readonly patienceMs: number;
}

/** What retries need. `random` is from 0 to below 1; `now` is the clock of `Call.endsAt`. */
export interface RetryParts {
  health: HealthStore;
  settings(): RetrySettings;
  emit: Emit;
  random?(): number;
  now?(): number;
}

/**
 * Calls the same candidate again where its failure may pass soon:
 * - A failure of a moment is retried at once, then after pauses with exponential backoff and full jitter (a random
 *   part of the pause), so that turns that failed together do not come back together.
 * - A failure that lasts longer is retried if the provider says for how long, and the call has that much patience.
 * - A call that the gate refused has cost no time yet: it is waited for only if no other candidate is left.
 *
 * All retries of a claw share a budget.
 */
export function retries({ health, settings, emit, random, now }: RetryParts): Interceptor {
  const clock = now ?? (() => performance.now());
  return (next) => async (call) => {
    const { perCall, share } = settings();
    const { retryBudget } = health.of(call.candidate);
    retryBudget.add(share);
    let earlier: unknown;
    for (let retry = 1; ; retry++) {
      const callsBefore = call.count.calls;
      try {
        return await next(call);
      } catch (failure) {
        const { calls } = call.count;
        if (call.signal.aborted || retry > perCall || calls >= call.mostCalls) throw failure;
        // The failure of a call says more than the refusal to repeat it.
        if (calls === callsBefore && earlier !== undefined) throw earlier;
        if (calls === callsBefore && !call.isLast()) throw failure;
        earlier = failure;
        const waitMs = waitBefore(retry, failure, call, settings(), random ?? Math.random);
        if (waitMs === undefined || clock() + waitMs >= call.endsAt || !retryBudget.take()) throw failure;
        emit(callFailed(call, failure, 'retry'));
        if (waitMs > 0) await paused(waitMs, call);
      }
    }
  };
}

async function paused(ms: number, { signal, count }: Call): Promise<void> {
  const from = performance.now();
  await pause(ms, signal);
  count.timeline?.pauses.push({ from, to: performance.now() });
}

/** The pause before a retry. `undefined`: the candidate is not called again. */
function waitBefore(
  retry: number,
  failure: unknown,
  { patienceMs }: Pick<Call, 'patienceMs'>,
  { backoffMs, patienceMs: usual }: RetrySettings,
  random: () => number,
): number | undefined {
  const lasts = callFailureOf(failure)?.lasts;
  const longest = patienceMs ?? usual;
  if (lasts === 'moment') {
    return retry === 1 ? 0 : random() * Math.min(longest, backoffMs * 2 ** (retry - 2));
  }
  if (lasts !== 'while') return undefined;
  const { retryAfter } = failure as Fault;
  return retryAfter !== undefined && retryAfter * 1_000 <= longest ? retryAfter * 1_000 : undefined;
}
