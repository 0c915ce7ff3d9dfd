import { describe, expect, test } from 'bun:test';
import type { RateStore, Want } from '../../src/limits/rate-store.ts';

/** A store, and its clock. */
export interface TimedRateStore {
  store: RateStore;
  /** Lets so many milliseconds pass, by the store's clock. */
  pass(ms: number): Promise<void> | void;
}

const requests = (amount: number, limit: number, counter = 'requests of key a'): Want => ({
  ...{ counter, counts: 'minute', amount, limit },
});
const streams = (limit: number, counter = 'streams of key a'): Want => ({
  ...{ counter, counts: 'held', amount: 1, limit },
});

/** What every `RateStore` does. `makeStore` gives an empty one. */
export function rateStoreConformance(name: string, makeStore: () => Promise<TimedRateStore>): void {
  describe(`${name}: rates`, () => {
    test('are taken up to the limit', async () => {
      const { store } = await makeStore();
      const first = await store.take([requests(2, 3)]);
      expect(first).toMatchObject({ taken: true, counts: [{ used: 2, fitsInMs: 0 }] });
      expect(await store.take([requests(2, 3)])).toMatchObject({ taken: false, counts: [{ used: 2 }] });
      expect(await store.take([requests(1, 3)])).toMatchObject({ taken: true, counts: [{ used: 3 }] });
    });

    test('are all taken, or none', async () => {
      const { store } = await makeStore();
      await store.take([streams(1)]);
      const both = [requests(1, 10), streams(1)];
      expect(await store.take(both)).toMatchObject({ taken: false, counts: [{ used: 0 }, { used: 1 }] });
      expect(await store.take([requests(1, 10)])).toMatchObject({ taken: true, counts: [{ used: 1 }] });
    });

    test('count for a minute, and for a second more at most', async () => {
      const { store, pass } = await makeStore();
      await store.take([requests(1, 1)]);
      await pass(59_990);
      expect((await store.take([requests(1, 1)])).taken).toBe(false);
      await pass(1_010);
      expect((await store.take([requests(1, 1)])).taken).toBe(true);
    });

    test('tell when they fit, and when nothing counts any more', async () => {
      const { store, pass } = await makeStore();
      await store.take([requests(2, 3)]);
      await pass(30_000);
      await store.take([requests(1, 3)]);
      const { counts } = await store.take([requests(2, 3)]);
      const { fitsInMs, resetsInMs } = counts[0]!;
      expect(fitsInMs).toBeWithin(29_900, 31_001);
      expect(resetsInMs).toBeWithin(59_900, 61_001);
      await pass(fitsInMs!);
      expect((await store.take([requests(2, 3)])).taken).toBe(true);
    });

    test('do not tell when an amount fits that is larger than the limit, or a stream', async () => {
      const { store } = await makeStore();
      await store.take([streams(1)]);
      const { counts } = await store.take([requests(4, 3), streams(1)]);
      expect(counts.map(({ fitsInMs }) => fitsInMs)).toEqual([undefined, undefined]);
    });

    test('are compared with the limit of each call', async () => {
      const { store } = await makeStore();
      await store.take([requests(5, 10)]);
      expect((await store.take([requests(1, 4)])).taken).toBe(false);
      expect((await store.take([requests(1, 6)])).taken).toBe(true);
    });

    test('can be added without asking', async () => {
      const { store } = await makeStore();
      await store.add([requests(50, 0), streams(0)]);
      expect(await store.take([requests(1, 10), streams(1)])).toMatchObject({
        taken: false,
        counts: [{ used: 50 }, { used: 1 }],
      });
    });

    test('can be given back while they count', async () => {
      const { store, pass } = await makeStore();
      const { at } = await store.take([requests(10, 10), streams(1)]);
      await pass(20_000);
      const added = await store.add([requests(7, 0)]);
      await store.giveBack([requests(4, 0), streams(0)], at);
      await store.giveBack([requests(5, 0)], added);
      expect(await store.take([requests(0, 100), streams(1)])).toMatchObject({
        taken: true,
        counts: [{ used: 8 }, { used: 1 }],
      });
      await pass(41_000);
      expect(await store.take([requests(0, 100)])).toMatchObject({ counts: [{ used: 2 }] });
    });

    test('have no effect when they are given back later', async () => {
      const { store, pass } = await makeStore();
      const { at } = await store.take([requests(10, 10)]);
      await pass(61_000);
      await store.take([requests(3, 10)]);
      await store.giveBack([requests(10, 0)], at);
      expect(await store.take([requests(0, 10)])).toMatchObject({ counts: [{ used: 3 }] });
    });

    test('of held counters are never below 0', async () => {
      const { store } = await makeStore();
      await store.giveBack([streams(0), streams(0)], 0);
      expect(await store.take([streams(1)])).toMatchObject({ taken: true, counts: [{ used: 1 }] });
    });

    test('of different counters are independent', async () => {
      const { store } = await makeStore();
      await store.take([requests(1, 1, 'a')]);
      expect((await store.take([requests(1, 1, 'b')])).taken).toBe(true);
    });

    test('never pass the limit for callers at the same time', async () => {
      const { store } = await makeStore();
      const takes = await Promise.all(Array.from({ length: 64 }, async () => store.take([requests(3, 100)])));
      expect(takes.filter(({ taken }) => taken)).toHaveLength(33);
    });
  });
}
