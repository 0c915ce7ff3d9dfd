import { describe, expect, test } from 'bun:test';
import { PassageVectors, quantised } from '../../../../src/context/retrieval/passage-vectors.ts';

const DIMENSIONS = 96;

/** The same numbers at every run. */
function numbers(): () => number {
  let state = 7;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 30 - 1;
  };
}

const next = numbers();
const randomVector = () => Float32Array.from({ length: DIMENSIONS }, next);
/** A vector that is close to another one. */
const near = (vector: Float32Array) => vector.map((value) => value + 0.3 * next());
const numbersIn = (vectors: PassageVectors, query: Float32Array, size: number, most = 5) =>
  vectors
    .ask(query, size)!
    .nearest(most)
    .map(({ number }) => number);

describe('vectors of passages', () => {
  test('find the closest passages among many, best first', () => {
    const vectors = new PassageVectors(DIMENSIONS);
    const all = Array.from({ length: 3_000 }, randomVector);
    all.forEach((vector, number) => {
      vectors.set(number, quantised(vector));
    });
    for (const wanted of [0, 17, 1_500, 2_999]) {
      expect(numbersIn(vectors, near(all[wanted]!), 3_000)[0]).toBe(wanted);
    }
    // Those behind the size are of turns that were taken out.
    expect(numbersIn(vectors, all[2_999]!, 2_999)).not.toContain(2_999);
  });

  test('give unrelated passages a closeness of about 0, also where the model finds all texts similar', () => {
    const shared = randomVector();
    const alike = () => shared.map((value) => value + 0.5 * next());
    const vectors = new PassageVectors(DIMENSIONS);
    const all = Array.from({ length: 500 }, alike);
    all.forEach((vector, number) => {
      vectors.set(number, quantised(vector));
    });
    const { closeness } = vectors.ask(all[42]!, 500)!;
    expect(closeness(42)).toBeGreaterThan(0.5);
    const others = all.map((_, number) => closeness(number)).filter((_, number) => number !== 42);
    expect(others.reduce((sum, value) => sum + value, 0) / others.length).toBeLessThan(0.15);
  });

  test('of passages that have none, or of zeros, are never close', () => {
    const vectors = new PassageVectors(DIMENSIONS);
    const [one, two] = [randomVector(), randomVector()];
    vectors.set(0, quantised(one));
    vectors.set(2, new Int8Array(DIMENSIONS));
    expect(vectors.count).toBe(2);
    expect([0, 1, 2, 500].map((number) => vectors.has(number))).toEqual([true, false, true, false]);
    expect(numbersIn(vectors, one, 3)[0]).toBe(0);
    expect(vectors.ask(one, 3)!.closeness(2)).toBe(0);
    vectors.set(0, quantised(two));
    expect(vectors.count).toBe(2);
    vectors.remove(0);
    vectors.remove(0);
    expect(vectors.count).toBe(1);
    expect(numbersIn(vectors, one, 3)).not.toContain(0);
  });

  test('are not compared with a query of another length', () => {
    const vectors = new PassageVectors(DIMENSIONS);
    vectors.set(0, quantised(randomVector()));
    expect(vectors.ask(new Float32Array(8).fill(1), 1)).toBeUndefined();
  });
});

test('quantised vectors keep their direction', () => {
  const vector = randomVector();
  const bytes = quantised(vector);
  const cosine = (a: ArrayLike<number>, b: ArrayLike<number>) => {
    const dot = (x: ArrayLike<number>, y: ArrayLike<number>) =>
      Array.from(x).reduce((sum, value, at) => sum + value * y[at]!, 0);
    return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  };
  expect(cosine(vector, bytes)).toBeGreaterThan(0.9999);
  expect(Math.max(...bytes.map(Math.abs))).toBe(127);
  expect([...quantised(new Float32Array(3))]).toEqual([0, 0, 0]);
});
