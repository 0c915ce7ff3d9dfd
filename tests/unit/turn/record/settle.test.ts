import { expect, test } from 'bun:test';
import type { Delta } from '../../../../src/core/delta.ts';
import { foldAll } from '../../../../src/core/fold.ts';
import { newSessionId, newTurnId } from '../../../../src/core/ids.ts';
import { settle } from '../../../../src/turn/record/settle.ts';

const text = (index: number, choice: number): Delta[] => [
  { type: 'item-start', index, choice, item: { type: 'message', role: 'assistant', content: [] } },
  { type: 'text-delta', index, part: 0, text: `choice ${choice}` },
  { type: 'item-end', index },
];

test('a choice without stored items keeps its position among the alternates', () => {
  const started = { type: 'function_call', call_id: 'call_1', name: 'look', arguments: '' } as const;
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
  expect(answeredBy([attempt, named])).toEqual({ ...asked, model: 'gpt-5-2025', id: 'resp_1' });
});
