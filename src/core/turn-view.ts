import type { Candidate } from './candidate.ts';
import type { Delta } from './delta.ts';
import type { RouteReason, Strategy } from './routing.ts';
import type { AnsweredTurn, Asked, Retention, Session } from './turn.ts';

/** How a session used the items of a request; sent in the header `x-clawhold-history`. */
export type HistoryUse =
  /** The session had no turn before this one. */
  | 'started'
  /** The items were new; they follow the session's head. */
  | 'appended'
  /** The items began with the session's whole history; the rest was appended. */
  | 'matched'
  /** The items differ from the session's history from some point on; a new branch begins there. */
  | 'forked'
  /** The request is on a line beside the main one: it did not wait, and the session's head stays. */
  | 'side';

/** How a turn was answered: the candidate, its retries and its context. Known with the first delta. */
export interface Receipt {
  candidate: Pick<Candidate, 'provider' | 'model'>;
  /** Calls that failed before this one, over all candidates. */
  retries: number;
  history?: HistoryUse;
  /** The types of the tools that were left out, because the answering provider lacks them. */
  droppedTools?: readonly string[];
  /**
   * The ids of reasoning items of the request that the answering provider did not get: the seal could not be
   * opened, or the reasoning is of another provider.
   */
  droppedReasoning?: readonly string[];
  /** The settings that the answering provider did not get, because its API has none like them. */
  droppedSettings?: readonly string[];
  /** The answer is that of the alias's last resort. */
  isDegraded?: boolean;
  /** Why this candidate answers. */
  route?: {
    /** As the caller wrote it. */
    alias?: string;
    strategy: Strategy;
    reason: RouteReason | 'fallback';
  };
  /** Estimated tokens of the answering candidate's prompt, and of the history that did not fit it. */
  context?: { tokens: number; keptTurns: number; droppedTokens: number };
}

/**
 * A turn as its readers see it: running here, running in another process, or ended. Any number of readers
 * follow it from any delta and do not affect it.
 */
export interface TurnView {
  readonly asked: Asked;
  readonly retention: Retention;
  /** Absent where the turn's session has no record. */
  readonly session: Session | undefined;
  /** `queued` while the turn waits for its session, for a slot, or for a claw that can be reached. */
  readonly state: 'queued' | 'running' | 'ended';
  /** All deltas so far, in order. Those of a turn that is kept are journaled before they appear here. */
  readonly log: readonly Delta[];
  /** Absent before the first delta. */
  readonly receipt: Receipt | undefined;
  /**
   * Resolves with the first delta, or when the turn is deferred. Rejects with the `Fault` or `Cancelled` that
   * ended the turn without any delta.
   */
  readonly begun: Promise<void>;
  /** Resolves when the turn is recorded, however it ended; rejects if it could not be recorded. */
  readonly ended: Promise<AnsweredTurn>;
  /** Resolves to true when there are more than `seen` deltas, to false when no more will come. */
  more(seen: number): Promise<boolean>;
}

/** The reason to stop a turn that its caller cancelled, or whose client disconnected. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled';
}
