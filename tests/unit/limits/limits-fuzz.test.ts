import { expect, test } from 'bun:test';
import fc from 'fast-check';
import type { Tenant } from '../../../src/core/request.ts';
import type { Hold } from '../../../src/limits/hold.ts';
import { CallerLimits } from '../../../src/limits/limits.ts';
import type { RateStore } from '../../../src/limits/rate-store.ts';
import { MemoryRateStore } from '../../../src/stores/memory/rate-store.ts';

/** 64 callers at the same time, with any mix of outcomes, on a store that answers at once or later. */

const LIMIT = { requestsPerMinute: 40, tokensPerMinute: 20_000, streams: 12 };
const MINUTE_MS = 60_000;

interface Ran {
  /** When the turn began and ended. */
  from: number;
  to: number;
  estimate: number;
  used: number;
  isStreamed: boolean;
}

interface Turn {
  startsAt: number;
  takesMs: number;
  estimate: number;
  used: number;
  outcome: 'answered' | 'cancelled' | 'refused' | 'failed';
  isStreamed: boolean;
  user: string;
}

const turn: fc.Arbitrary<Turn> = fc.record({
  startsAt: fc.integer({ min: 0, max: 150_000 }),
  takesMs: fc.integer({ min: 0, max: 90_000 }),
  estimate: fc.integer({ min: 0, max: 2_000 }),
  used: fc.integer({ min: 0, max: 3_000 }),
  outcome: fc.constantFrom('answered', 'cancelled', 'refused', 'failed'),
  isStreamed: fc.boolean(),
  user: fc.constantFrom('ann', 'ben'),
});

/** The same store, as processes would share it. */
const shared = (store: RateStore): RateStore => ({
  take: async (wants) => store.take(wants),
  add: async (shares) => store.add(shares),
  giveBack: async (shares, at) => store.giveBack(shares, at),
});

/** The most of anything that counts in any minute, or at any moment, of the turns that ran. */
function most(ran: readonly Ran[], spanMs: number, amount: (one: Ran) => number): number {
  return Math.max(
    0,
    ...ran.map(({ from }) =>
      ran
        .filter((other) => other.from <= from && other.from > from - spanMs)
        .reduce((sum, other) => sum + amount(other), 0),
    ),
  );
}

test('no limit is passed by more than the error of the estimates, and nothing stays held', async () => {
  const property = fc.asyncProperty(
    fc.array(turn, { minLength: 64, maxLength: 200 }),
    fc.boolean(),
    async (turns, isShared) => {
      let now = 0;
      const memory = new MemoryRateStore(() => now);
      const store = isShared ? shared(memory) : memory;
      const users = { requestsPerMinute: 25 };
      const limits = new CallerLimits(store, {
        ...{ global: LIMIT, perKey: {}, keys: new Map(), perUser: users, models: new Map() },
      });
      const ran: Ran[] = [];
      const byUser = new Map<string, Ran[]>();
      const events = turns.flatMap((one) => {
        let hold: Hold | undefined;
        let begun: Promise<unknown> | undefined;
        const begin = async () => {
          const { estimate, isStreamed, user } = one;
          const taking = limits.take({
            ...{ tenant: 'acme' as Tenant, key: 'k', model: 'm', isStreamed, user },
            estimate: () => ({ input: estimate, other: 0 }),
          });
          hold = await taking.catch(() => undefined);
          if (!hold || one.outcome === 'refused') return hold?.cancel();
          const used = one.outcome === 'failed' ? 0 : one.used;
          const entry = { from: now, to: one.startsAt + one.takesMs, estimate, used, isStreamed };
          ran.push(entry);
          byUser.set(user, [...(byUser.get(user) ?? []), entry]);
        };
        const end = async () => {
          await begun;
          const by = { provider: 'p', protocol: 'c', model: 'm' };
          const usage = { input: one.used, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 };
          if (one.outcome !== 'failed') hold?.report({ usage, answeredBy: by });
          await hold?.settle();
        };
        return [
          {
            at: one.startsAt,
            run() {
              begun = begin();
              return begun;
            },
          },
          { at: one.startsAt + one.takesMs, run: end },
        ];
      });
      events.sort((a, b) => a.at - b.at);
      // Everything within one second happens at the same time.
      for (let index = 0; index < events.length; ) {
        now = events[index]!.at;
        const together: Promise<unknown>[] = [];
        const begins = now;
        while (index < events.length && events[index]!.at < begins + 1_000) {
          together.push(events[index++]!.run());
        }
        await Promise.all(together);
      }
      expect(most(ran, MINUTE_MS, () => 1)).toBeLessThanOrEqual(LIMIT.requestsPerMinute);
      for (const of of byUser.values())
        expect(most(of, MINUTE_MS, () => 1)).toBeLessThanOrEqual(users.requestsPerMinute);
      // What counts is the larger of estimate and use until the turn ends; the excess is the documented error.
      const error = most(ran, MINUTE_MS, ({ used, estimate }) => Math.max(0, used - estimate));
      expect(most(ran, MINUTE_MS, ({ used }) => used)).toBeLessThanOrEqual(LIMIT.tokensPerMinute + error);
      const streams = ran.map(
        ({ from }) => ran.filter((one) => one.isStreamed && one.from <= from && one.to > from + 1_000).length,
      );
      expect(Math.max(0, ...streams)).toBeLessThanOrEqual(LIMIT.streams);
      // A minute after the last end, nothing counts; streams are free at once.
      const rest = { amount: 0, limit: 0 };
      const streamsHeld = { ...rest, counter: 'streams of global', counts: 'held' } as const;
      expect((await store.take([streamsHeld])).counts).toMatchObject([{ used: 0 }]);
      now += MINUTE_MS + 1_000;
      const kinds = ['requests of global', 'tokens of global', 'requests of user acme ann'];
      const later = await store.take(kinds.map((counter) => ({ ...rest, counter, counts: 'minute' })));
      expect(later.counts.map(({ used }) => used)).toEqual([0, 0, 0]);
    },
  );
  await fc.assert(property, { numRuns: 150 });
});

test('a turn that ends within its minute leaves exactly what it used', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(turn, { minLength: 64, maxLength: 64 }), async (turns) => {
      let now = 0;
      const store = new MemoryRateStore(() => now);
      const global = { tokensPerMinute: 1e9, streams: 1_000 };
      const limits = new CallerLimits(store, {
        ...{ global, perKey: {}, keys: new Map(), perUser: {}, models: new Map() },
      });
      await Promise.all(
        turns.map(async ({ estimate, used, outcome, isStreamed }) => {
          const hold = await limits.take({
            ...{ tenant: 'acme' as Tenant, key: 'k', model: 'm', isStreamed },
            estimate: () => ({ input: estimate, other: 7 }),
          });
          now += 10;
          hold!.expectPrompt(estimate + 50);
          if (outcome === 'refused') return hold!.cancel();
          if (outcome !== 'failed')
            hold!.report({
              usage: { input: used, output: 1, cacheRead: 0, cacheWrite: 0, reasoning: 0 },
              answeredBy: { provider: 'p', protocol: 'c', model: 'm' },
            });
          await hold!.settle();
        }),
      );
      const expected = turns
        .filter(({ outcome }) => outcome === 'answered' || outcome === 'cancelled')
        .reduce((sum, { used }) => sum + used + 1, 0);
      const want = { counts: 'minute', amount: 0, limit: 1e12, counter: 'tokens of global' } as const;
      expect(store.take([want]).counts[0]!.used).toBe(expected);
    }),
    { numRuns: 50 },
  );
});
