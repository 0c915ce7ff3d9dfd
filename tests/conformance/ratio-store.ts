import { describe, expect, test } from 'bun:test';
import type { KeptRatio, RatioStore } from '../../src/context/ratio-store.ts';

/** A place for ratios. `open` gives the store of another process that starts now. */
export interface RatioPlace {
  open(): Promise<RatioStore>;
}

const ONE: KeptRatio = { ratios: [1.1, 1.2], safe: 1.25 };
const OTHER: KeptRatio = { ratios: [0.9], safe: 1 };

/** What every `RatioStore` does. `makePlace` gives an empty one. */
export function ratioStoreConformance(name: string, makePlace: () => RatioPlace): void {
  describe(`${name}: token ratios`, () => {
    test('are known at the next start, beside those that another process has kept', async () => {
      const place = makePlace();
      const [store, another] = [await place.open(), await place.open()];
      expect(store.earlier.size).toBe(0);
      await store.keepRatios(new Map([['a/m', ONE]]));
      await another.keepRatios(new Map([['b/m', OTHER]]));
      await store.keepRatios(new Map([['a/m', { ratios: [1.23456789], safe: 1.25 }]]));
      const { earlier } = await place.open();
      expect([...earlier.keys()].toSorted()).toEqual(['a/m', 'b/m']);
      expect(earlier.get('b/m')).toEqual(OTHER);
      expect(earlier.get('a/m')!.ratios[0]).toBeCloseTo(1.23456789, 3);
    });

    test('do not grow without end: the models that were kept last stay', async () => {
      const place = makePlace();
      const store = await place.open();
      const some = (part: number): [string, KeptRatio][] =>
        Array.from({ length: 500 }, (_, index) => [`p/${part}-${index}`, ONE]);
      for (let part = 0; part < 4; part++) await store.keepRatios(new Map(some(part)));
      const { earlier } = await place.open();
      expect(earlier.size).toBe(1_024);
      expect(earlier.has('p/3-499')).toBe(true);
    });
  });
}
