import type { Delta } from './delta.ts';
import type { Receipt } from './receipt.ts';
import type { AnsweredTurn, Asked, Retention, Session } from './turn.ts';

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
