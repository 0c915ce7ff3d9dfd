import type { Channel } from '../../core/channel.ts';
import type { Awaitable, RateStore, Share, Take, Want } from '../../limits/rate-store.ts';

/** A turn waits for its limits this long; then the counters cannot be reached. */
const WITHIN_MS = 2_000;
/** A time at which nothing was taken. */
const NEVER = Number.NEGATIVE_INFINITY;

/** Counters that another process keeps for several ones: `serveRates` answers there. */
export class AskedRateStore implements RateStore {
  constructor(private readonly channel: Channel) {}

  take(wants: readonly Want[]): Promise<Take> {
    // The refused turn holds nothing, so what was taken too late is given back.
    const late = ({ taken, at }: Take) => {
      if (taken) this.giveBack(wants, at);
    };
    return this.channel.ask<Take>('rates.take', wants, { withinMs: WITHIN_MS, late });
  }

  add(shares: readonly Share[]): Promise<number> {
    return this.channel.ask<number>('rates.add', shares, { withinMs: WITHIN_MS }).catch(() => NEVER);
  }

  giveBack(shares: readonly Share[], at: number): void {
    this.channel.tell('rates.give-back', { shares, at });
  }
}

interface GivenBack {
  shares: readonly Share[];
  at: number;
}

/**
 * Lets the process at the other end of the channel use the counters of `store`. The returned function gives back what
 * that process still holds; to be called when it has ended.
 */
export function serveRates(channel: Channel, store: RateStore): () => Promise<void> {
  const held = new Map<string, number>();
  const hold = (shares: readonly Share[], sign: 1 | -1) => {
    for (const { counter, counts, amount } of shares) {
      if (counts !== 'held') continue;
      const rest = (held.get(counter) ?? 0) + sign * amount;
      if (rest > 0) held.set(counter, rest);
      else held.delete(counter);
    }
  };
  channel.on('rates.take', async (wants: readonly Want[]): Promise<Take> => {
    const take = await store.take(wants);
    if (take.taken) hold(wants, 1);
    return take;
  });
  channel.on('rates.add', (shares: readonly Share[]): Awaitable<number> => {
    hold(shares, 1);
    return store.add(shares);
  });
  channel.on('rates.give-back', ({ shares, at }: GivenBack) => {
    hold(shares, -1);
    return store.giveBack(shares, at);
  });
  return async () => {
    const shares = [...held].map(([counter, amount]): Share => ({ counter, counts: 'held', amount }));
    held.clear();
    if (shares.length > 0) await store.giveBack(shares, NEVER);
  };
}
