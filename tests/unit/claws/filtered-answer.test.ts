import { describe, expect, test } from 'bun:test';
import { unlessFiltered } from '../../../src/claws/filtered-answer.ts';
import type { Delta } from '../../../src/core/delta.ts';
import type { Item } from '../../../src/core/items.ts';
import type { Prompt } from '../../../src/core/prompt.ts';

const PROMPT: Prompt = {
  model: 'm',
  items: [],
  settings: {},
  stream: true,
  dialect: 'openai-chat',
  extra: {},
};

const start: Delta = { type: 'start', model: 'm' };
const opens = (item: Item): Delta => ({ type: 'item-start', index: 0, item });
const message = opens({ type: 'message', role: 'assistant', content: [] });
const reasoning = opens({ type: 'reasoning', summary: [] });
const call = opens({ type: 'function_call', call_id: 'c', name: 'f', arguments: '' });
const says = (text: string): Delta => ({ type: 'text-delta', index: 0, part: 0, text });
const thinks: Delta = { type: 'reasoning-delta', index: 0, part: 0, text: 'Hm' };
const refuses: Delta = { type: 'refusal-delta', index: 0, part: 0, text: 'No' };
const filtered: Delta = { type: 'finish', reason: { unified: 'content_filter', raw: 'SAFETY' } };
const stopped: Delta = { type: 'finish', reason: { unified: 'stop', raw: 'stop' } };

const read = (bursts: Delta[][], prompt: Partial<Prompt> = {}) =>
  bursts.map(unlessFiltered({ ...PROMPT, ...prompt }));

describe('an answer that a content filter ended', () => {
  test.each<[string, Delta[][]]>([
    ['at once', [[start, filtered]]],
    ['after an empty message', [[start, message, says('')], [filtered]]],
    ['after thoughts', [[start, reasoning, thinks], [filtered]]],
  ])('%s is a refused request', (_, bursts) => {
    expect(() => read(bursts)).toThrow(
      expect.objectContaining({ code: 'content_filtered', reported: { code: 'SAFETY' } }),
    );
  });

  test.each<[string, Delta[][], Partial<Prompt>]>([
    ['after a text', [[start, message, says('Well')], [filtered]], {}],
    ['after a refusal', [[start, message, refuses, filtered]], {}],
    ['after a call', [[start, call], [filtered]], {}],
    ['in the middle of a message', [[start, filtered]], { continues: true }],
    [
      'in one of several choices',
      [
        [start, filtered],
        [message, says('Well'), stopped],
      ],
      { settings: { n: 2 } },
    ],
  ])('%s is unchanged', (_, bursts, prompt) => {
    expect(read(bursts, prompt)).toEqual(bursts);
  });

  test('is a whole answer where it ended for another reason', () => {
    expect(read([[start, stopped]])).toEqual([[start, stopped]]);
  });
});
