import type { Delta } from '../core/delta.ts';
import { callFailureOf, Fault, faultOf } from '../core/errors.ts';
import type { Emit, GatewayEvent } from '../core/events.ts';
import type { Call, Interceptor } from './call-chain.ts';

/** How often, and for how long, a candidate is called. */

/** Calls the same candidate once more, at once, where its failure may last for a moment only. */
export function retryNow(emit: Emit): Interceptor {
  return (next) => async (call) => {
    try {
      return await next(call);
    } catch (failure) {
      if (call.signal.aborted || callFailureOf(failure)?.lasts !== 'moment') throw failure;
      emit(callFailed(call, failure, 'retry'));
      return next(call);
    }
  };
}

export const callFailed = (
  { trace, candidate, count }: Pick<Call, 'trace' | 'candidate' | 'count'>,
  failure: unknown,
  next: 'retry' | 'next-candidate' | 'give-up',
): GatewayEvent => ({
  type: 'call-failed',
  trace,
  candidate,
  attempt: count.calls,
  code: faultOf(failure).code,
  next,
});

/** Milliseconds. */
export interface Timeouts {
  /** From the call to the first delta. An answer that is not streamed has no first delta before its last one. */
  readonly firstTokenMs: number;
  /** Between two bursts. */
  readonly idleMs: number;
  readonly totalMs: number;
}

/** Bounds each call in time. `timeouts` is called for each call, so that a new configuration takes effect at once. */
export function timeLimits(timeouts: () => Timeouts): Interceptor {
  return (next) => async (call) => {
    const { firstTokenMs, idleMs, totalMs } = timeouts();
    const limits = { firstTokenMs: call.prompt.stream ? firstTokenMs : totalMs, idleMs, totalMs };
    const deadline = new Deadline(limits, call.signal);
    try {
      const answer = await next({ ...call, signal: deadline.signal });
      deadline.touch();
      return { ...answer, rest: watched(answer.rest, deadline) };
    } catch (failure) {
      deadline.clear();
      throw failure;
    }
  };
}

/** The same bursts; each of them restarts the idle limit of the deadline. */
function watched(rest: AsyncIterator<readonly Delta[]>, deadline: Deadline): AsyncIterator<readonly Delta[]> {
  return {
    async next() {
      try {
        const burst = await rest.next();
        if (burst.done) deadline.clear();
        else deadline.touch();
        return burst;
      } catch (failure) {
        deadline.clear();
        throw failure;
      }
    },
    async return() {
      deadline.clear();
      await rest.return?.();
      return { done: true, value: undefined };
    },
  };
}

/**
 * Bounds one call in time: until its first delta, between bursts, and in all. When a limit passes, the
 * signal aborts with `provider_timeout`. A call has one timer, not one for each delta.
 */
export class Deadline {
  private readonly controller = new AbortController();
  private readonly startedAt: number;
  private heardAt: number | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly limits: Timeouts,
    private readonly outer: AbortSignal,
  ) {
    this.startedAt = performance.now();
    if (outer.aborted) this.controller.abort(outer.reason);
    outer.addEventListener('abort', this.stop);
    this.arm();
  }

  /** Aborted by a limit or by the outer signal, with the reason of the one that came first. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** The provider has sent something. */
  touch(): void {
    this.heardAt = performance.now();
  }

  /** Stops the timer. */
  clear(): void {
    clearTimeout(this.timer);
    this.outer.removeEventListener('abort', this.stop);
  }

  private readonly stop = (): void => this.controller.abort(this.outer.reason);

  private readonly check = (): void => {
    const { at, message } = this.next();
    if (performance.now() >= at) this.controller.abort(new Fault('provider_timeout', message));
    else this.arm();
  };

  private arm(): void {
    const wait = this.next().at - performance.now();
    // The first token may come at any moment. From then on the idle limit applies, which may be shorter.
    this.timer = setTimeout(this.check, Math.max(1, Math.min(wait, this.limits.idleMs)));
  }

  private next(): { at: number; message: string } {
    const { firstTokenMs, idleMs, totalMs } = this.limits;
    const total = {
      at: this.startedAt + totalMs,
      message: `The answer was not complete within ${totalMs} ms.`,
    };
    const quiet =
      this.heardAt === undefined
        ? {
            at: this.startedAt + firstTokenMs,
            message: `The provider sent nothing within ${firstTokenMs} ms.`,
          }
        : { at: this.heardAt + idleMs, message: `The provider sent nothing more for ${idleMs} ms.` };
    return quiet.at < total.at ? quiet : total;
  }
}
