import { describe, expect, test } from 'bun:test';
import type { Delta } from '../../../src/core/delta.ts';
import type { Item } from '../../../src/core/items.ts';
import type { Prompt } from '../../../src/core/prompt.ts';
import { unfilteredBeginning } from '../../../src/routing/filtered-answer.ts';

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
const MESSAGE = { type: 'message' as const, role: 'assistant' as const, content: [] };
const message = opens(MESSAGE);
const reasoning = opens({ type: 'reasoning', summary: [] });
const call = opens({ type: 'function_call', call_id: 'c', name: 'f', arguments: '' });
const says = (text: string): Delta => ({ type: 'text-delta', index: 0, part: 0, text });
const thinks: Delta = { type: 'reasoning-delta', index: 0, part: 0, text: 'Hm' };
const refuses: Delta = { type: 'refusal-delta', index: 0, part: 0, text: 'No' };
const filtered: Delta = { type: 'finish', reason: { unified: 'content_filter', raw: 'SAFETY' } };
const stopped: Delta = { type: 'finish', reason: { unified: 'stop', raw: 'stop' } };

async function* answer(bursts: Delta[][]) {
  yield* bursts;
}

/** The beginning of the answer, and what follows. */
async function read(bursts: Delta[][], prompt: Partial<Prompt> = {}) {
  const rest = answer(bursts);
  const beginning = await unfilteredBeginning(rest, { ...PROMPT, ...prompt });
  return [...beginning, ...(await Array.fromAsync(rest)).flat()];
}

describe('an answer that a content filter ended', () => {
  test.each<[string, Delta[][]]>([
    ['at once', [[start, filtered]]],
    ['after an empty message', [[start, message, says('')], [filtered]]],
    ['after thoughts', [[start, reasoning, thinks], [filtered]]],
  ])('%s is a refused request', async (_, bursts) => {
    const failure = await read(bursts).catch((reason: unknown) => reason);
    expect(failure).toMatchObject({ code: 'content_filtered', reported: { code: 'SAFETY' } });
  });

  test.each<[string, Delta[][]]>([
    [
      'in words',
      [
        [start, message],
        [refuses, filtered],
      ],
    ],
    ['in words, after thoughts', [[start, reasoning, thinks, refuses], [stopped]]],
    ['as a whole message', [[start, opens({ ...MESSAGE, content: [{ type: 'refusal', refusal: 'No' }] })]]],
  ])('or that the model refuses %s is a refused request', async (_, bursts) => {
    expect(await read(bursts).catch((reason: unknown) => reason)).toMatchObject({ code: 'content_filtered' });
  });

  test.each<[string, Delta[][], Partial<Prompt>]>([
    ['after a text', [[start, message, says('Well')], [filtered]], {}],
    ['after a text and a refusal', [[start, message, says('Well'), refuses, filtered]], {}],
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
  ])('%s is unchanged', async (_, bursts, prompt) => {
    expect(await read(bursts, prompt)).toEqual(bursts.flat());
  });

  test('is a whole answer where it ended for another reason', async () => {
    expect(await read([[start, stopped]])).toEqual([start, stopped]);
  });

  test('without any burst is empty', async () => {
    expect(await read([])).toEqual([]);
  });
});
