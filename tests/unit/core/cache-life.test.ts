import { expect, test } from 'bun:test';
import { cacheLifeOf } from '../../../src/core/cache-life.ts';

const MINUTE = 60_000;

/** The life for a request that comes after these pauses between turns of a second, in minutes, the latest last. */
function lifeAfter(...minutes: number[]) {
  let at = 0;
  const branch = minutes.map((pause) => {
    const turn = { createdAt: at, completedAt: at + 1_000 };
    at += 1_000 + pause * MINUTE;
    return { turn };
  });
  return cacheLifeOf(branch, at);
}

test.each<[string, number[]]>([
  ['short', []],
  ['short', [1, 1, 2, 1]],
  // A day between two days of work.
  ['short', [1, 1, 1, 1440, 1, 1, 1, 1]],
  ['short', [4.9, 4.9, 4.9]],
  ['long', [10]],
  ['long', [1, 10, 1, 20, 1, 1]],
  ['long', [59, 59, 59, 59]],
  // Only the latest pauses count.
  ['short', [10, 1, 1, 1, 1, 1, 1, 1, 1]],
  ['short', [1440]],
  ['none', [1440, 1440, 1440, 1440]],
  ['none', [61, 61, 61, 61, 61, 61, 61, 61, 61]],
])('a prompt is kept %s after pauses of %p minutes', (life, minutes) => {
  expect(lifeAfter(...minutes)).toBe(life as never);
});
