import type { Candidate } from './candidate.ts';
import type { ErrorCode } from './error-catalogue.ts';
import type { Fault } from './errors.ts';
import type { TurnId } from './ids.ts';
import type { Outcome } from './outcome.ts';
import type { OverloadLevel } from './overload.ts';
import type { Reload } from './reload.ts';
import type { Tenant } from './request.ts';
import type { TimedCall, Timeline } from './timeline.ts';
import type { TraceContext } from './trace-context.ts';
import type { Accepted, Intent } from './turn.ts';
import type { NanoDollars } from './usage.ts';

/** The turn that an event is about, for logs and traces: the fields that a listener may show. */
export type TurnTrace = Pick<Accepted, 'id' | 'tenant' | 'session' | 'key' | 'requestId' | 'trace'>;

/**
 * Everything that the gateway reports about itself, as one union. Parts of the gateway emit events and never
 * log; listeners (`observe/`) never change a turn and never throw. Some events hold the content of turns; a
 * listener that writes logs leaves it out.
 */
export type GatewayEvent =
  | ({ type: 'request-ended' } & RequestRecord)
  /** The intent is journaled, or the turn is not kept and its claw is about to be called. */
  | { type: 'turn-started'; intent: Intent; startedBy: 'caller' | 'queue' | 'recovery' }
  /** `timeline` is absent for a turn that this process did not run. */
  | { type: 'turn-ended'; intent: Intent; outcome: Outcome; failure?: unknown; timeline?: Timeline }
  /** The turn could not start. Nothing is recorded, and its caller gets the failure. */
  | { type: 'turn-refused'; intent: Intent; failure: unknown; timeline: Timeline }
  /** The outcome could not be recorded. */
  | { type: 'turn-lost'; intent: Intent; failure: unknown; timeline: Timeline }
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
  /** A call that the gate has let through has ended, in whatever way. */
  | { type: 'call-ended'; trace: TurnTrace; call: TimedCall }
  /** The answer broke off by `code`; the candidate continues it, or begins it again. */
  | { type: 'answer-rescued'; trace: TurnTrace; candidate: Candidate; code: ErrorCode }
  /** The call of a candidate is slow, so the next one is called too. */
  | { type: 'call-hedged'; trace: TurnTrace; candidate: Candidate; afterMs: number }
  /** No candidate can be reached; the turn is tried again after the pause. */
  | { type: 'turn-deferred'; trace: TurnTrace; code: ErrorCode; pauseMs: number }
  /** Recall goes on with words alone: its embedding model failed, for a query or for passages, which are tried again. */
  | { type: 'recall-embedding-failed'; candidate: Candidate; during: 'query' | 'indexing'; code: ErrorCode }
  /** The embedding model that the configuration names cannot be called. */
  | { type: 'recall-model-missing'; model: string; code: ErrorCode; message: string }
  /** A caller's request for embeddings has ended. */
  | ({ type: 'embeddings-ended' } & EmbeddingRecord)
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
  /** A caller, or a turn of its own, has made or deleted a session that has a record. */
  | { type: 'session-created' | 'session-deleted'; tenant: Tenant }
  /** The past of a branch was `turns` behind when a turn asked for it, and took `ms` milliseconds to bring up to date. */
  | { type: 'past-updated'; turns: number; ms: number }
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
  /** A worker of this gateway has ended without being told to, and is started again; one of the others reports it. */
  | ({ type: 'worker-ended' } & WorkerEnd)
  /** The gateway itself is more or less overloaded than before; `delayMs` is the delay of its event loop. */
  | { type: 'overload-changed'; level: OverloadLevel; delayMs: number }
  /** The event loop was late by so many milliseconds; ten times a second. */
  | { type: 'event-loop-sampled'; delayMs: number }
  /** An operation of a port of the stores has ended: `log`, `commitTurn`. */
  | { type: 'store-operation'; port: string; operation: string; ms: number; failed: boolean }
  /** An alert of the configuration begins or ends; `value` is in the unit of its rule. */
  | { type: 'alert-changed'; alert: string; state: 'firing' | 'resolved'; value?: number; above: number }
  /** A target of an alert could not be told. */
  | { type: 'alert-untold'; alert: string; target: string }
  /** The store failed in background work, which is tried again. */
  | { type: 'store-failed'; during: string; failure: unknown };

/** Facts about a request for embeddings. Never its content. */
export interface EmbeddingRecord {
  requestId?: string;
  tenant: string;
  key: string;
  /** As the caller named it. */
  model: string;
  /** How many texts. */
  inputs: number;
  ms: number;
  /** Absent where the request failed. */
  candidate?: Candidate;
  tokens?: number;
  cost?: NanoDollars;
  failure?: unknown;
}

/** Why a breaker opened: nearly all calls failed, or many; most were slow; or the provider refuses the credential. */
export type BreakerReason = 'failures' | 'some-failures' | 'slow-calls' | 'credential';

/**
 * What a breaker became. Open, it lets no call through for `forMs` milliseconds; `openings` is how often it has opened
 * without a window of calls between that were good enough.
 */
export type BreakerChange =
  | { state: 'closed' | 'half-open' }
  | { state: 'open'; reason: BreakerReason; forMs: number; openings: number };

/** How a worker ended. */
export interface WorkerEnd {
  /** From 1; its successor has the same number. */
  worker: number;
  /** The id of its process. */
  process: number;
  /** `hung`: its event loop answered no more, so it was killed. */
  reason: 'died' | 'hung';
  /** Its exit code or signal, in words. */
  how: string;
}

/** Facts about a request. Never its content. */
export interface RequestRecord {
  requestId: string;
  method: string;
  path: string;
  /** The path of the route that answered, with its parameters' names: `/v1/responses/:id`. Absent where none fits. */
  route?: string;
  /** The route needs no key: a health probe, for example. */
  isOpen?: true;
  status: number;
  /** When it came, on the clock of `performance.now()`. */
  startedAt: number;
  /** Milliseconds until the response was ready to send; a stream goes on after it. */
  durationMs: number;
  /** The name of the key, where one was recognised. */
  key?: string;
  fault?: Fault;
  trace?: TraceContext;
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
