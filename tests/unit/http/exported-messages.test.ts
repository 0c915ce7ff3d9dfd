import { expect, test } from 'bun:test';
import { type Item, userMessage } from '../../../src/core/items.ts';
import { toMessages } from '../../../src/http/admin/forms/openai.ts';

const thought = (text: string): Item => ({ type: 'reasoning', summary: [{ type: 'summary_text', text }] });
const call: Item = { type: 'function_call', call_id: 'c', name: 'look', arguments: '{}' };
const said = (text: string): Item => ({
  type: 'message',
  role: 'assistant',
  status: 'completed',
  content: [{ type: 'output_text', text, annotations: [] }],
});

test('a thought that no message of the model follows is counted as left out', () => {
  expect(toMessages([thought('It rains.')])).toEqual({ messages: [], leftOut: { reasoning: 1 } });
  const asked = userMessage('And now?');
  const { messages, leftOut } = toMessages([thought('It rains.'), thought('A lot.'), asked, said('Dry.')]);
  expect(messages).toEqual([
    { role: 'user', content: 'And now?' },
    { role: 'assistant', content: 'Dry.' },
  ]);
  expect(leftOut).toEqual({ reasoning: 2 });
});

test('thoughts go with the call or the message that follows them', () => {
  const { messages, leftOut } = toMessages([
    ...[thought('Look.'), thought('Twice.'), call, call],
    ...[thought('It rains.'), said('Take a coat.')],
  ]);
  const tool_calls = Array.from({ length: 2 }, () => expect.objectContaining({ id: 'c' }));
  expect(messages).toEqual([
    { role: 'assistant', content: null, reasoning_content: 'Look.\n\nTwice.', tool_calls },
    { role: 'assistant', content: 'Take a coat.', reasoning_content: 'It rains.' },
  ]);
  expect(leftOut).toEqual({});
});
