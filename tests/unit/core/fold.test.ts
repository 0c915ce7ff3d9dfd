import { expect, test } from 'bun:test';
import type { Delta } from '../../../src/core/delta.ts';
import { foldAll, isWhole } from '../../../src/core/fold.ts';

test('an answer is whole when every choice has a reason to end', () => {
  const text: Delta[] = [
    { type: 'item-start', index: 0, item: { type: 'message', role: 'assistant', content: [] } },
    { type: 'text-delta', index: 0, part: 0, text: 'one tw' },
  ];
  const finish = (choice?: number): Delta => ({
    type: 'finish',
    reason: { unified: 'stop', raw: 'stop' },
    ...(choice !== undefined && { choice }),
  });
  expect(isWhole(foldAll(text), 1)).toBe(false);
  expect(isWhole(foldAll([...text, finish()]), 1)).toBe(true);
  expect(isWhole(foldAll([...text, finish(1)]), 2)).toBe(false);
  expect(isWhole(foldAll([...text, finish(1), finish(0)]), 2)).toBe(true);
});
