/** An amount of one counter. */
export interface Share {
  /** The counter's name: `requests of key website`. Processes that share a store share its counters. */
  counter: string;
  /**
   * `minute`: an amount counts from when it was taken, for 60 seconds. Stores may count in steps of a second,
   * so that an amount counts for up to 61 seconds. `held`: an amount counts until it is given back.
   */
  counts: 'minute' | 'held';
  /** A whole number, 0 or more. */
  amount: number;
}

/** An amount that is taken only if the counter does not pass `limit` with it. */
export interface Want extends Share {
  limit: number;
}

/** A counter after `take`. */
export interface Count {
  /** What counts now, with what was just taken. */
  used: number;
  /** Milliseconds until nothing that counts now counts any more. 0 for a counter of the kind `held`. */
  resetsInMs: number;
  /**
   * Milliseconds until the wanted amount fits, if nothing else is taken: 0 where it fits now. `undefined` where
   * this is not known (`held`), or where the amount is larger than the limit and never fits.
   */
  fitsInMs: number | undefined;
}

/** The result of `RateStore.take`. */
export interface Take {
  /** Whether all amounts were taken; otherwise none was. */
  taken: boolean;
  /** When it happened, by the store's clock: `giveBack` needs it. */
  at: number;
  /** In the order of the wants. */
  counts: readonly Count[];
}

/** A store in the memory of this process answers at once, one that processes share by a promise. */
export type Awaitable<Value> = Value | Promise<Value>;

/**
 * Counters of what callers use. A counter exists from its first use; limits are not stored, so that a changed
 * limit is compared with the same counter. Times are those of the store's clock. A store that processes share
 * gives back what a dead process held (`session/members.ts`). Implementations pass `tests/conformance/rate-store.ts`.
 */
export interface RateStore {
  /**
   * Takes all amounts, or none of them where one does not fit. Wants of one call have different counters. Rejects
   * with `store_unavailable` where the counters cannot be reached.
   */
  take(wants: readonly Want[]): Awaitable<Take>;
  /** Counts amounts without asking whether they fit. Returns when, by the store's clock. Never rejects. */
  add(shares: readonly Share[]): Awaitable<number>;
  /**
   * Gives amounts back that were taken or added at the time `at`. What does not count any more has no effect, so
   * a counter is never below 0. Never rejects.
   */
  giveBack(shares: readonly Share[], at: number): Awaitable<void>;
}
