import { describe, expect, test } from 'bun:test';
import type { Delta } from '../../../../src/core/delta.ts';
import { foldAll } from '../../../../src/core/fold.ts';
import { newSessionId, newTurnId } from '../../../../src/core/ids.ts';
import type { Item } from '../../../../src/core/items.ts';
import { settle } from '../../../../src/turn/record/settle.ts';

const text = (index: number, choice: number): Delta[] => [
  { type: 'item-start', index, choice, item: { type: 'message', role: 'assistant', content: [] } },
  { type: 'text-delta', index, part: 0, text: `choice ${choice}` },
  { type: 'item-end', index },
];

test('a choice without stored items keeps its position among the alternates', () => {
  const started = { type: 'message' as const, role: 'assistant' as const, content: [] };
  const deltas: Delta[] = [
    ...text(0, 0),
    { type: 'item-start', index: 1, choice: 1, item: started },
    ...text(2, 2),
  ];
  const outcome = settle({
    folded: foldAll(deltas),
    failure: new Error('cut'),
    turn: newTurnId(newSessionId(0), 0),
    price: () => undefined,
    promptTokens: () => 10,
    completedAt: 0,
  });
  expect(outcome.alternates).toMatchObject([[], [{ content: [{ text: 'choice 2' }] }]]);
});

test('the model that answered is the one that the provider named, else the one that was asked for', () => {
  const attempt: Delta = { type: 'attempt', provider: 'openai', protocol: 'openai-chat', model: 'gpt-5' };
  const answeredBy = (deltas: Delta[]) =>
    settle({
      folded: foldAll(deltas),
      turn: newTurnId(newSessionId(0), 0),
      price: () => undefined,
      promptTokens: () => 10,
      completedAt: 0,
    }).answeredBy;
  expect(answeredBy([])).toBeUndefined();
  const asked = { provider: 'openai', protocol: 'openai-chat', model: 'gpt-5' };
  expect(answeredBy([attempt])).toEqual(asked);
  const named: Delta = { type: 'start', model: 'gpt-5-2025', id: 'resp_1' };
  expect(answeredBy([attempt, named])).toEqual({
    ...{ ...asked, model: 'gpt-5-2025', id: 'resp_1' },
    calledModel: 'gpt-5',
  });
});

describe('an answer that broke off', () => {
  const output = (item: Item, args = '') => {
    const deltas: Delta[] = [
      { type: 'item-start', index: 0, item },
      ...(args === '' ? [] : [{ type: 'arguments-delta', index: 0, text: args } as const]),
    ];
    const broken = {
      folded: foldAll(deltas),
      failure: new Error('cut'),
      turn: newTurnId(newSessionId(0), 0),
    };
    return settle({ ...broken, price: () => undefined, promptTokens: () => 1, completedAt: 0 }).output;
  };
  const call: Item = { type: 'function_call', call_id: 'c', name: 'f', arguments: '' };
  const custom = { type: 'custom_tool_call', call_id: 'c', name: 'f', input: '' } as unknown as Item;
  const hosted = { type: 'web_search_call', id: 'ws_1', status: 'in_progress' } as unknown as Item;

  test('has calls whose arguments are a whole object as whole calls', () => {
    expect(output(call, '{"a":1}')).toEqual([{ ...call, arguments: '{"a":1}', status: 'completed' }]);
  });

  test.each(['', '{"a":', '{"a":"b"', '[1'])('has a call that is cut after %j as incomplete', (args) => {
    expect(output(call, args)).toEqual([{ ...call, arguments: args, status: 'incomplete' }]);
  });

  test('has a cut call of another kind as incomplete', () => {
    expect(output(custom, 'ls -')).toEqual([{ ...custom, input: 'ls -', status: 'incomplete' } as Item]);
    expect(output(hosted)).toEqual([{ ...hosted, status: 'incomplete' } as Item]);
  });

  test('has no message and no thought without content', () => {
    expect(output({ type: 'message', role: 'assistant', content: [] })).toEqual([]);
    expect(output({ type: 'reasoning', summary: [] })).toEqual([]);
  });
});
