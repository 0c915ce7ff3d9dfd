import type { Count, RateStore, Share, Take, Want } from '../../limits/rate-store.ts';

const SECOND_MS = 1_000;
/** Seconds for which a second's amounts count: the amounts of its last moment count for a whole minute. */
const COUNTED = 61;
/** Unused counters are removed when there are this many, and then whenever their number has doubled. */
const FIRST_SWEEP = 1_024;

/** What was taken within one second. */
interface Entry {
  /** The number of the second, by the store's clock. */
  second: number;
  amount: number;
}

/** The amounts of the last minute, oldest first. Seconds without any have no entry. */
interface Minute {
  used: number;
  entries: Entry[];
}

/** Counts for as long as the process lives. `clock` gives milliseconds that never go back. */
export class MemoryRateStore implements RateStore {
  private readonly minutes = new Map<string, Minute>();
  private readonly held = new Map<string, number>();
  private sweepAt = FIRST_SWEEP;

  constructor(private readonly clock: () => number = () => performance.now()) {}

  /** How many counters there are; those that count nothing may be among them. */
  get size(): number {
    return this.minutes.size + this.held.size;
  }

  take(wants: readonly Want[]): Take {
    const at = this.clock();
    this.sweepIfDue(at);
    const minutes = wants.map(({ counter, counts }) =>
      counts === 'minute' ? this.minute(counter, at) : undefined,
    );
    const taken = wants.every(({ counter, amount, limit }, index) => {
      const used = minutes[index]?.used ?? this.held.get(counter) ?? 0;
      return used + amount <= limit;
    });
    if (taken) for (const [index, want] of wants.entries()) this.count(want, minutes[index], at);
    const counts = wants.map((want, index) => this.countOf(want, minutes[index], taken, at));
    return { taken, at, counts };
  }

  add(shares: readonly Share[]): number {
    const at = this.clock();
    this.sweepIfDue(at);
    for (const share of shares) {
      this.count(share, share.counts === 'minute' ? this.minute(share.counter, at) : undefined, at);
    }
    return at;
  }

  giveBack(shares: readonly Share[], at: number): void {
    const now = this.clock();
    for (const { counter, counts, amount } of shares) {
      if (counts === 'held') {
        const rest = (this.held.get(counter) ?? 0) - amount;
        if (rest > 0) this.held.set(counter, rest);
        else this.held.delete(counter);
        continue;
      }
      const minute = this.minutes.get(counter);
      if (!minute) continue;
      expire(minute, now);
      const entry = minute.entries.findLast(({ second }) => second === secondOf(at));
      if (!entry) continue;
      const back = Math.min(amount, entry.amount);
      entry.amount -= back;
      minute.used -= back;
    }
  }

  /** `minute` is that of the share's counter, where it counts for a minute. */
  private count({ counter, amount }: Share, minute: Minute | undefined, now: number): void {
    if (!minute) {
      this.held.set(counter, (this.held.get(counter) ?? 0) + amount);
      return;
    }
    const second = secondOf(now);
    const last = minute.entries.at(-1);
    if (last?.second === second) last.amount += amount;
    else minute.entries.push({ second, amount });
    minute.used += amount;
  }

  private countOf(want: Want, minute: Minute | undefined, taken: boolean, now: number): Count {
    const { counter, amount, limit } = want;
    if (!minute) {
      const used = this.held.get(counter) ?? 0;
      return { used, resetsInMs: 0, fitsInMs: taken || used + amount <= limit ? 0 : undefined };
    }
    const { used, entries } = minute;
    const last = entries.findLast((entry) => entry.amount > 0);
    const resetsInMs = last ? endOf(last) - now : 0;
    if (taken) return { used, resetsInMs, fitsInMs: 0 };
    if (amount > limit) return { used, resetsInMs, fitsInMs: undefined };
    let excess = used + amount - limit;
    let fitsInMs = 0;
    for (const entry of entries) {
      if (excess <= 0) break;
      excess -= entry.amount;
      fitsInMs = endOf(entry) - now;
    }
    return { used, resetsInMs, fitsInMs };
  }

  /** The counter without what does not count any more. */
  private minute(counter: string, now: number): Minute {
    let minute = this.minutes.get(counter);
    if (!minute) {
      minute = { used: 0, entries: [] };
      this.minutes.set(counter, minute);
    }
    expire(minute, now);
    return minute;
  }

  private sweepIfDue(now: number): void {
    if (this.minutes.size < this.sweepAt) return;
    for (const [counter, minute] of this.minutes) {
      expire(minute, now);
      if (minute.used === 0) this.minutes.delete(counter);
    }
    this.sweepAt = Math.max(FIRST_SWEEP, 2 * this.minutes.size);
  }
}

const secondOf = (time: number): number => Math.floor(time / SECOND_MS);
const endOf = ({ second }: Entry): number => (second + COUNTED) * SECOND_MS;

function expire(minute: Minute, now: number): void {
  const { entries } = minute;
  while (entries.length > 0 && endOf(entries[0]!) <= now) minute.used -= entries.shift()!.amount;
}
