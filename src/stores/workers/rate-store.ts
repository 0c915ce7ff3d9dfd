import type { Channel } from '../../core/channel.ts';
import type { Awaitable, RateStore, Share, Take, Want } from '../../limits/rate-store.ts';

/** A turn waits for its limits this long; then the counters cannot be reached. */
const WITHIN_MS = 2_000;
/** A time at which nothing was taken. */
const NEVER = Number.NEGATIVE_INFINITY;

/** Counters that another process keeps for several ones: `serveRates` answers there. */
export class AskedRateStore implements RateStore {
  constructor(
    private readonly channel: Channel,
    private readonly withinMs = WITHIN_MS,
  ) {}

  take(wants: readonly Want[]): Promise<Take> {
    // The refused turn holds nothing, so what was taken too late is given back.
    const late = ({ taken, at }: Take) => {
      if (taken) this.giveBack(wants, at);
    };
    return this.channel.ask<Take>('rates.take', wants, { withinMs: this.withinMs, late });
  }

  add(shares: readonly Share[]): Promise<number> {
    return this.channel.ask<number>('rates.add', shares, { withinMs: this.withinMs }).catch(() => NEVER);
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
 * that process still holds; to be called when it has ended. Messages that come after its end change nothing.
 */
export function serveRates(channel: Channel, store: RateStore): () => Promise<void> {
  const held = new Held();
  let hasEnded = false;
  channel.on('rates.take', async (wants: readonly Want[]): Promise<Take> => {
    if (hasEnded) throw new Error('The worker has ended.');
    const take = await store.take(wants);
    if (take.taken) held.add(wants);
    return take;
  });
  channel.on('rates.add', (shares: readonly Share[]): Awaitable<number> => {
    held.add(shares);
    return store.add(shares);
  });
  channel.on('rates.give-back', ({ shares, at }: GivenBack) => store.giveBack(held.remove(shares), at));
  return async () => {
    hasEnded = true;
    const shares = held.all();
    if (shares.length > 0) await store.giveBack(shares, NEVER);
  };
}

/** What one process holds until it gives it back. */
class Held {
  private readonly amounts = new Map<string, number>();

  add(shares: readonly Share[]): void {
    for (const { counter, counts, amount } of shares)
      if (counts === 'held') this.amounts.set(counter, (this.amounts.get(counter) ?? 0) + amount);
  }

  /** The same shares, of which none is larger than what was held. */
  remove(shares: readonly Share[]): Share[] {
    return shares.map((share) => {
      if (share.counts !== 'held') return share;
      const before = this.amounts.get(share.counter) ?? 0;
      const amount = Math.min(share.amount, before);
      if (amount === before) this.amounts.delete(share.counter);
      else this.amounts.set(share.counter, before - amount);
      return { ...share, amount };
    });
  }

  all(): Share[] {
    const shares = [...this.amounts].map(([counter, amount]): Share => ({ counter, counts: 'held', amount }));
    this.amounts.clear();
    return shares;
  }
}
