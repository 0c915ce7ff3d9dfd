import type { Delta } from '../core/delta.ts';
import type { TurnId } from '../core/ids.ts';
import type { Intent } from '../core/turn.ts';

/** A turn that was begun and not ended, as the journal knows it. */
export interface Unfinished {
  intent: Intent;
  deltas: Delta[];
}

/**
 * What a running turn would lose if the process died now. Cheap enough to be written before every
 * byte a client sees: entries survive the process, not necessarily the machine. The log (`SessionStore`)
 * is what survives both.
 *
 * `begin` and `append` return only when what they were given survives the process; they throw
 * `store_unavailable` when it cannot be written, and the turn must then not go on.
 */
export interface Journal {
  /** The name of this process among all that have used the journal; no two have the same. */
  readonly instance: string;
  /** Begun again, a turn has the new intent, and no deltas yet. */
  begin(intent: Intent): void;
  append(turn: TurnId, deltas: readonly Delta[]): void;
  /** The turn is in the log; its entries may be forgotten, at once or later. */
  end(turn: TurnId): void;
  /**
   * Takes over what processes that are dead by now have left, and returns their turns, oldest first. These
   * go on as this process' own: `append` and `end` take them, and each stays in the journal until `end`.
   * Some may be in the log already: `end` is not written with the care of the other entries.
   */
  inherit(): Promise<Unfinished[]>;
  /** A turn that is unfinished in any process, as far as it has come; for readers only. */
  find(turn: TurnId): Promise<Unfinished | undefined>;
  /** Whether a process, this one or another, is still running. */
  isAlive(instance: string): Promise<boolean>;
  close(): Promise<void>;
}
