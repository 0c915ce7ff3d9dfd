import type { TurnId } from '../core/ids.ts';
import type { Unfinished } from './journal.ts';

/**
 * Running turns as other processes see them: every process can follow and cancel a turn of another one.
 * Implementations pass `tests/conformance/turn-feed.ts`. Failures reject with `store_unavailable`.
 */
export interface TurnFeed {
  /** An unfinished turn of any process, with its deltas so far; `undefined` where there is none. */
  find(turn: TurnId): Promise<Unfinished | undefined>;
  /** Asks the process that runs the turn to cancel it. Resolves when the request is sent. */
  requestCancel(turn: TurnId): Promise<void>;
  /** Calls `listener` for each turn that another process asks this one to cancel. One listener at a time. */
  onCancelRequest(listener: (turn: TurnId) => void): void;
  close(): void;
}
