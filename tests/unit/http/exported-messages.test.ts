import { expect, test } from 'bun:test';
import type { Item } from '../../../src/core/items.ts';
import { toMessages } from '../../../src/http/admin/forms/openai.ts';

test('a thought that no message follows is counted as left out', () => {
  const thought: Item = { type: 'reasoning', summary: [{ type: 'summary_text', text: 'It rains.' }] };
  expect(toMessages([thought])).toEqual({ messages: [], leftOut: { reasoning: 1 } });
});
