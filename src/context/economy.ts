import type { Price } from '../core/usage.ts';

/**
 * What a prompt may have of a history, so that it costs less than the whole history, and no more than the whole
 * history from the provider's prompt cache. `npm run bench:cost` shows the curve.
 */
export interface Economy {
  /**
   * The price of a token that is read from the provider's prompt cache, relative to other input: 1 where it costs the
   * same. Absent where the model's price is unknown or zero: then only its limit counts.
   */
  cachedPrice?: number;
  /** The most tokens of history, also where the model accepts more. Absent: by the price. */
  historyTokens?: number;
}

export function cachedPriceOf(price: Price | undefined): number | undefined {
  if (!price || price.input === 0) return undefined;
  return Math.min(1, (price.cacheRead ?? price.input) / price.input);
}

/** Above this price, the cache alone does not save enough of a long history. */
const DEAR = 0.3;
/** From so many tokens on, a history that is dear is not sent as a whole, but so many tokens of it. */
const LONG_HISTORY = 28_000;
const SENT_OF_LONG = 8_000;
/** More recent turns and excerpts than this find little (`docs/benchmarks.md`). */
const MOST_DOUBLINGS = 2;

/**
 * The most tokens of a history of this length that are worth their price. The value changes only when the history has
 * doubled, so that a cut stays where it is for many turns.
 */
export function worthwhileTokens(history: number, { cachedPrice = 0, historyTokens }: Economy): number {
  if (historyTokens !== undefined) return historyTokens;
  if (cachedPrice <= DEAR || history < LONG_HISTORY) return Infinity;
  const doublings = Math.min(MOST_DOUBLINGS, Math.floor(Math.log2(history / LONG_HISTORY)));
  return SENT_OF_LONG * 2 ** doublings;
}

/**
 * The share of the room for history that is left out at once. After each cut, all that is kept is sent at the full
 * price once; the cheaper the cache is, the more turns must pass before the next one.
 */
export function cutShare({ cachedPrice = 1 }: Economy): number {
  if (cachedPrice >= 0.75) return 1 / 8;
  if (cachedPrice > DEAR) return 1 / 4;
  return cachedPrice >= 0.05 ? 2 / 3 : 3 / 4;
}

/** The rest of what the cut saves pays for sending the kept turns again. */
const EXCERPTS_OF_SAVING = 0.5;

/**
 * The most tokens of excerpts beside a history of which so many tokens are left out. Excerpts are never in a cache:
 * they may cost a part of what the whole history would have cost from there.
 */
export const worthwhileExcerpts = (dropped: number, { cachedPrice }: Economy): number =>
  cachedPrice === undefined ? Infinity : dropped * cachedPrice * EXCERPTS_OF_SAVING;
