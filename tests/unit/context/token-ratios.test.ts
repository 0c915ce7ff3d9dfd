import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { TokenRatios } from '../../../src/context/token-ratios.ts';

const MODEL = { provider: 'a', model: 'm' };
const ESTIMATED = 10_000;

function learned(...ratios: number[]): TokenRatios {
  const known = new TokenRatios();
  for (const ratio of ratios) known.learn(MODEL, ESTIMATED, ESTIMATED * ratio);
  return known;
}
const times = (count: number, ratio: number) => Array.from({ length: count }, () => ratio);

describe('the token ratio of a model', () => {
  test('is 1 before anything is known, and of other models', () => {
    expect(learned().of(MODEL)).toMatchObject({ typical: 1, safe: 1 });
    expect(learned(...times(20, 1.4)).of({ provider: 'b', model: 'm' })).toMatchObject({
      typical: 1,
      safe: 1,
    });
  });

  test('is learned from some prompts, not from one or two', () => {
    expect(learned(2, 2).of(MODEL)).toMatchObject({ typical: 1, safe: 1 });
    const { typical, safe } = learned(...times(8, 1.35)).of(MODEL);
    expect(typical).toBeCloseTo(1.35, 9);
    expect(safe).toBe(1.375);
  });

  test('is not swung by outliers, short prompts and counts that cannot be of the prompt', () => {
    const known = learned(...times(20, 1.1), 2.9, 0.4);
    const before = { ...known.of(MODEL), safe: known.of(MODEL).safe };
    expect(before.safe).toBe(1.125);
    for (const [estimated, counted] of [
      [399, 900],
      [10_000, 31_000],
      [10_000, 3_000],
      [10_000, 0],
    ] as const)
      for (let i = 0; i < 40; i++) known.learn(MODEL, estimated, counted);
    expect(known.of(MODEL)).toMatchObject({ safe: before.safe });
  });

  test('follows a model that counts otherwise than before', () => {
    expect(learned(...times(40, 1.4), ...times(32, 0.9)).of(MODEL).safe).toBe(0.90625);
    expect(learned(...times(40, 0.9), ...times(8, 1.4)).of(MODEL).safe).toBeGreaterThan(1.4);
  });

  test('does not wobble: prompts that differ a little leave the safe ratio as it is', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.6, max: 2, noNaN: true }),
        fc.infiniteStream(fc.nat(1000)),
        (ratio, noise) => {
          const known = learned(...times(32, ratio * 1.02));
          let changes = 0;
          let before = known.of(MODEL).safe;
          for (let i = 0; i < 500; i++) {
            const part = 0.98 + (0.04 * noise.next().value!) / 1000;
            known.learn(MODEL, ESTIMATED, ESTIMATED * ratio * part);
            if (known.of(MODEL).safe !== before) changes++;
            before = known.of(MODEL).safe;
          }
          expect(changes).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 50, seed: 3 },
    );
  });

  test('is raised by a refusal at once, and only until enough prompts say otherwise', () => {
    const known = learned();
    known.refused(MODEL, ESTIMATED, 1.5 * ESTIMATED);
    expect(known.of(MODEL).safe).toBe(1.5);
    known.refused(MODEL, ESTIMATED);
    expect(known.of(MODEL).safe).toBeCloseTo(1.8, 1);
    for (let i = 0; i < 40; i++) known.learn(MODEL, ESTIMATED, 1.1 * ESTIMATED);
    expect(known.of(MODEL).safe).toBe(1.125);
  });

  test('is remembered for a bounded number of models', () => {
    const known = learned(...times(8, 1.4));
    for (let i = 0; i < 1_024; i++) known.learn({ provider: 'b', model: `m${i}` }, ESTIMATED, ESTIMATED);
    expect(known.of(MODEL).safe).toBe(1);
  });
});

describe('ratios that are kept', () => {
  const again = (known: TokenRatios) => new TokenRatios(known.changed());

  test('are known as well as before, and go on as if nothing had been between', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.4, max: 2.5, noNaN: true }), { minLength: 1, maxLength: 80 }),
        fc.array(fc.double({ min: 0.4, max: 2.5, noNaN: true }), { maxLength: 40 }),
        (before, after) => {
          const known = learned(...before);
          const later = again(known);
          for (const ratio of ['now', ...after]) {
            if (typeof ratio === 'number')
              for (const one of [known, later]) one.learn(MODEL, ESTIMATED, ESTIMATED * ratio);
            const { typical, safe, margin } = known.of(MODEL);
            expect(later.of(MODEL)).toMatchObject({ typical, safe, margin });
          }
        },
      ),
    );
  });

  test('keep what a refusal has taught', () => {
    const known = learned(1);
    known.refused(MODEL, ESTIMATED, 15_000);
    expect(again(known).of(MODEL).safe).toBe(1.5);
  });

  test('are given once after each change', () => {
    const known = learned(1.2);
    known.learn({ provider: 'b', model: 'm' }, ESTIMATED, ESTIMATED);
    expect([...known.changed().keys()]).toEqual(['a/m', 'b/m']);
    expect(known.changed().size).toBe(0);
    known.refused(MODEL, ESTIMATED);
    expect([...known.changed().keys()]).toEqual(['a/m']);
    expect(again(known).changed().size).toBe(0);
  });
});
