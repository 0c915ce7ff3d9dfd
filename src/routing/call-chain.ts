import type { Candidate } from '../core/candidate.ts';
import type { Delta } from '../core/delta.ts';
import type { FailedCall } from '../core/errors.ts';
import type { TurnTrace } from '../core/events.ts';
import type { Prompt } from '../core/prompt.ts';
import type { Quota } from '../core/quota.ts';
import type { SimulatedFault, TurnLimits } from '../core/routing.ts';
import type { Timeline } from '../core/timeline.ts';

/** One call of a claw, as every part of the chain sees it. */
export interface Call {
  candidate: Candidate;
  prompt: Prompt;
  /** Aborted when the turn should stop, or by a part of the chain. */
  signal: AbortSignal;
  /** Called when the provider shows that it is alive (`Claw.call`). */
  heard(): void;
  /** Called when the provider's reply says how much of its rate limits is left. */
  quota(quota: Quota): void;
  /** Called when the claw is called, and when this call fails before its answer; absent: not needed. */
  running?(isRunning: boolean): void;
  /** The `traceparent` for the provider: the span of the call. Absent where the turn is in no trace. */
  traceParent?: string;
  /** The turn that is being answered, and the name of its caller's key. */
  trace: TurnTrace;
  key: string;
  /** The calls of the turn, over all candidates; the end of the chain counts them. */
  count: Count;
  /** The most calls that may be made for this answer, over all candidates. */
  mostCalls: number;
  /** When the whole turn must have ended, on the clock of `performance.now()`. */
  endsAt: number;
  /** Time limits of the alias, the key and the request, beside the general ones. */
  limits: readonly TurnLimits[];
  /**
   * How long the same candidate may be waited for after a failure that may pass, in milliseconds. Absent: as long as
   * the configuration says.
   */
  patienceMs?: number;
  /** Other candidates are asked where a content filter ends the answer before any output. */
  hasRefusedChain: boolean;
  /** Failures to simulate. */
  faults?: readonly SimulatedFault[];
  /**
   * Whether no other candidate can be called if this one fails: none is left, or the conversation fits none of
   * them. The result may need the contexts of these candidates, so it is computed only when it is needed.
   */
  isLast(): boolean;
}

/** The calls of one turn. */
export interface Count {
  calls: number;
  /** Those that failed before their first burst, in order. */
  failed: FailedCall[];
  /** Gets the calls and the pauses between them; absent: nothing is noted. */
  timeline?: Timeline;
}

/** An answer that has begun: from its first burst on, the candidate is committed. */
export interface Answer {
  /** Never empty. */
  first: readonly Delta[];
  /** The bursts after it. Throws a `Fault` where the answer breaks. `return` stops the claw. */
  rest: AsyncIterator<readonly Delta[]>;
  /** The answer begins with the very next character of the message that its prompt `continues` (`Claw.prefills`). */
  exact: boolean;
}

/**
 * Calls a claw. Resolves with the first burst. Rejects with the `Fault` of a failure before it, when the turn is
 * not committed to the candidate yet, or with the reason of an aborted signal.
 */
export type Dispatch = (call: Call) => Promise<Answer>;

/**
 * A part of the chain between a turn and its claw: changes a call, repeats it, refuses it, or watches its answer.
 * It emits events and never logs; it keeps no state of a single turn. It passes on failures that it does not handle.
 */
export type Interceptor = (next: Dispatch) => Dispatch;

/** The first interceptor is the outermost. */
export function chain(interceptors: readonly Interceptor[], dispatch: Dispatch): Dispatch {
  return interceptors.reduceRight((next, intercept) => intercept(next), dispatch);
}
