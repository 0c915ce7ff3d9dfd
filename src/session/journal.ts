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
  begin(intent: Intent): void;
  append(turn: TurnId, deltas: readonly Delta[]): void;
  /** The turn is in the log; its entries may be forgotten, at once or later. */
  end(turn: TurnId): void;
  /**
   * Turns that an earlier process left behind, oldest first. Each stays until `end`. Some may be in the log
   * already: `end` is not written with the care of the other entries.
   */
  unfinished(): Promise<Unfinished[]>;
  close(): Promise<void>;
}
