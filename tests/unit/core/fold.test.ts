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

test('a part that came without a delta is empty', () => {
  const message: Delta = {
    type: 'item-start',
    index: 0,
    item: { type: 'message', role: 'assistant', content: [] },
  };
  const reasoning: Delta = { type: 'item-start', index: 0, item: { type: 'reasoning', summary: [] } };
  const item = (...deltas: Delta[]) => foldAll(deltas).items[0]!.item;
  const empty = { type: 'output_text', text: '', annotations: [] };
  expect(item(message, { type: 'text-delta', index: 0, part: 1, text: 'Hi' })).toMatchObject({
    content: [empty, { type: 'output_text', text: 'Hi' }],
  });
  expect(item(message, { type: 'refusal-delta', index: 0, part: 1, text: 'No' })).toMatchObject({
    content: [empty, { type: 'refusal', refusal: 'No' }],
  });
  expect(item(reasoning, { type: 'summary-delta', index: 0, part: 1, text: 'Hm' })).toMatchObject({
    summary: ['', 'Hm'].map((text) => ({ type: 'summary_text', text })),
  });
  expect(item(reasoning, { type: 'reasoning-delta', index: 0, part: 1, text: 'Hm' })).toMatchObject({
    content: ['', 'Hm'].map((text) => ({ type: 'reasoning_text', text })),
  });
});
