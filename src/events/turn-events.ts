import type { Intent, Outcome } from '../core/turn.ts';

/** A turn has ended. Content is present for what needs it; whoever writes logs leaves it out. */
export interface TurnEnded {
  intent: Intent;
  requestId?: string;
  /** Absent when the outcome could not be recorded. */
  outcome?: Outcome;
  /** What ended it early: a `Fault`, a `Cancelled`, or an unforeseen error with its stack. */
  failure?: unknown;
}

/** Where the turn path tells what happened; listeners never change a turn and never throw. */
export type TurnEvents = (event: TurnEnded) => void;
