import type { Candidate } from './candidate.ts';
import type { ErrorCode, Fault } from './errors.ts';
import type { TurnId } from './ids.ts';
import type { OverloadLevel } from './overload.ts';
import type { Reload } from './reload.ts';
import type { Accepted, Intent, Outcome } from './turn.ts';

/** The turn that an event is about, for logs and traces: the fields that a listener may show. */
export type TurnTrace = Pick<Accepted, 'id' | 'tenant' | 'session' | 'key' | 'requestId'>;

/**
 * Everything that the gateway reports about itself, as one union. Parts of the gateway emit events and never
 * log; listeners (`observe/`) never change a turn and never throw. Some events hold the content of turns; a
 * listener that writes logs leaves it out.
 */
export type GatewayEvent =
  | ({ type: 'request-ended' } & RequestRecord)
  /** The intent is journaled, or the turn is not kept and its claw is about to be called. */
  | { type: 'turn-started'; intent: Intent; startedBy: 'caller' | 'queue' | 'recovery' }
  | { type: 'turn-ended'; intent: Intent; outcome: Outcome; failure?: unknown }
  /** The outcome could not be recorded. */
  | { type: 'turn-lost'; intent: Intent; failure: unknown }
  | { type: 'call-started'; trace: TurnTrace; candidate: Candidate; attempt: number }
  | {
      type: 'call-failed';
      trace: TurnTrace;
      candidate: Candidate;
      attempt: number;
      code: ErrorCode;
      /** What happens next: the same candidate again, the next one, or the turn fails. */
      next: 'retry' | 'next-candidate' | 'give-up';
    }
  /** The call of a candidate is slow, so the next one is called too. */
  | { type: 'call-hedged'; trace: TurnTrace; candidate: Candidate; afterMs: number }
  /** No candidate can be reached; the turn is tried again after the pause. */
  | { type: 'turn-deferred'; trace: TurnTrace; code: ErrorCode; pauseMs: number }
  /** Another process has taken over the session; the turn cannot be committed at its head. */
  | { type: 'lease-lost'; trace: TurnTrace }
  /** History that does not fit the candidate was left out. */
  | {
      type: 'context-truncated';
      trace: TurnTrace;
      candidate: Candidate;
      keptTurns: number;
      droppedTokens: number;
    }
  /** The candidate is skipped because the conversation does not fit it. */
  | { type: 'context-exceeded'; trace: TurnTrace; candidate: Candidate }
  /** The circuit breaker of a candidate has changed its state. */
  | ({ type: 'breaker-changed'; candidate: Candidate } & BreakerChange)
  /**
   * Lines of a dead process's journal are damaged. Turns that are `cut` end with what came before; of those that
   * are `lost` nothing is known but their ids.
   */
  | {
      type: 'journal-damaged';
      file: string;
      lines: number;
      cut: readonly TurnId[];
      lost: readonly TurnId[];
    }
  /** A running gateway has read its configuration again. */
  | { type: 'configuration-read'; result: Reload }
  /** The gateway itself is more or less overloaded than before; `delayMs` is the delay of its event loop. */
  | { type: 'overload-changed'; level: OverloadLevel; delayMs: number }
  /** The store failed in background work, which is tried again. */
  | { type: 'store-failed'; during: string; failure: unknown };

/** Why a breaker opened: nearly all calls failed, or many; most were slow; or the provider refuses the credential. */
export type BreakerReason = 'failures' | 'some-failures' | 'slow-calls' | 'credential';

/** What a breaker became. Open, it lets no call through for `forMs` milliseconds. */
export type BreakerChange =
  | { state: 'closed' | 'half-open' }
  | { state: 'open'; reason: BreakerReason; forMs: number };

/** Facts about a request. Never its content. */
export interface RequestRecord {
  requestId: string;
  method: string;
  path: string;
  status: number;
  /** Milliseconds until the response was ready to send; a stream goes on after it. */
  durationMs: number;
  /** The name of the key, where one was recognised. */
  key?: string;
  fault?: Fault;
}

/** Passes an event to the listeners. Never throws. */
export type Emit = (event: GatewayEvent) => void;

/** Passes every event to every listener. */
export function emitTo(listeners: readonly Emit[]): Emit {
  const [only, ...others] = listeners;
  if (only && others.length === 0) return only;
  return (event) => {
    for (const listener of listeners) listener(event);
  };
}
