import { expect, test } from 'bun:test';
import type { Item } from '../../../src/core/items.ts';
import { namedUser } from '../../../src/http/v1/messages/session.ts';
import { CallPairs } from '../../../src/http/v1beta/gemini/call-pairs.ts';
import { repairToolPairs } from '../../../src/session/tool-pairs.ts';

/**
 * One request must not hold up all others: the work for a history grows with its length, not with its square. Where it
 * did, these took many times as long as they may.
 */

const MANY = 60_000;
const MOST_CPU_MS = 4_000;

const user: Item = { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'a' }] };
const numbers = Array.from({ length: MANY }, (_, index) => index);
const calls = numbers.map(
  (index): Item => ({ type: 'function_call', call_id: `c${index}`, name: 'f', arguments: '{}' }),
);
const outputs = numbers.map(
  (index): Item => ({ type: 'function_call_output', call_id: `c${index}`, output: 'x' }),
);

function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  return process.cpuUsage(before).user / 1_000;
}

test.each([
  ['answered at once', [user, ...calls, ...outputs], 2 * MANY + 1],
  ['not answered', [user, ...calls, user], 2 * MANY + 2],
  ['answered too late', [user, ...calls, user, ...outputs], 2 * MANY + 2],
] satisfies [string, Item[], number][])('many calls: %s', (_, input, length) => {
  let repaired: Item[] = [];
  expect(cpuMs(() => (repaired = repairToolPairs([], input, true)))).toBeLessThan(MOST_CPU_MS);
  expect(repaired.length).toBe(length);
});

test('many thoughts', () => {
  const thoughts = numbers.map((): Item => ({ type: 'reasoning', summary: [] }));
  expect(cpuMs(() => repairToolPairs([], [user, ...thoughts, user], true))).toBeLessThan(MOST_CPU_MS);
});

test("many responses in Google's API, the last call first", () => {
  const pairs = new CallPairs();
  const spent = cpuMs(() => {
    for (const index of numbers) pairs.call('f', `c${index}`);
    for (const index of numbers.toReversed()) expect(pairs.output('f', `c${index}`)).toBe(`c${index}`);
  });
  expect(spent).toBeLessThan(MOST_CPU_MS);
});

test('the id of a user that is almost one of Claude Code', () => {
  const id = `user_${'a_account_'.repeat(MANY)}`;
  expect(cpuMs(() => namedUser(id))).toBeLessThan(MOST_CPU_MS);
  expect(namedUser(id)).toEqual({ user: id });
});
