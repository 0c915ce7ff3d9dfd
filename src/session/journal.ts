import type { Delta } from '../core/delta.ts';
import type { SessionId, TurnId } from '../core/ids.ts';
import type { Tenant } from '../core/request.ts';
import type { PlacedIntent, WaitingIntent } from '../core/turn.ts';

/** The intents that are journaled; items that are only appended are committed at once. */
export type JournaledIntent = WaitingIntent | PlacedIntent;

/** A turn that has begun and has not ended, as the journal has it. */
export interface Unfinished {
  intent: JournaledIntent;
  deltas: Delta[];
}

/** A turn that a dead process left. */
export interface Inherited extends Unfinished {
  /**
   * How many processes died while the turn was being answered. A process that closed its journal did not die,
   * and a turn that waited for its session is not counted.
   */
  deaths: number;
  /** What came after `deltas` is damaged: readers may have seen more than this. */
  isCut: boolean;
}

/**
 * The write-ahead record of running turns: what would be lost if the process died now. Entries survive a crash of
 * the process, not necessarily of the machine; the `TurnLog` survives both. Writing is cheap enough to precede
 * every byte that a client sees. Implementations pass `tests/conformance/journal.ts`.
 *
 * `begin` and `append` return, or resolve, only when what they were given survives the process. The caller
 * awaits only a promise, so that a journal that writes at once does not wait for the event loop. They throw,
 * or reject, with `store_unavailable` when the entry cannot be written; the turn must not go on then.
 */
export interface Journal {
  /** A turn that begins again has the new intent, and no deltas yet. */
  begin(intent: JournaledIntent): void | Promise<void>;
  append(turn: TurnId, deltas: readonly Delta[]): void | Promise<void>;
  /** The turn is in the log; its entries may be forgotten, at once or later. Never throws. */
  end(turn: TurnId): void;
  /**
   * Takes over the turns that dead processes left, and returns them, oldest first. From then on they are turns
   * of this process: `append` and `end` accept them, and each stays in the journal until `end`. Some may be in
   * the log already, because `end` may get lost. Entries are checked for damage. Rejects with
   * `store_unavailable` when nothing could be read.
   */
  inherit(): Promise<Inherited[]>;
  /** Removes every entry of a session's turns. They must not be running. */
  erase(tenant: Tenant, session: SessionId): Promise<void>;
  /** Turns that have not ended stay for a successor process. */
  close(): Promise<void>;
}
