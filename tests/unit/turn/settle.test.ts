import { expect, test } from 'bun:test';
import type { Delta } from '../../../src/core/delta.ts';
import { foldAll } from '../../../src/core/fold.ts';
import { newSessionId, newTurnId } from '../../../src/core/ids.ts';
import { settle } from '../../../src/turn/settle.ts';

const text = (index: number, choice: number): Delta[] => [
  { type: 'item-start', index, choice, item: { type: 'message', role: 'assistant', content: [] } },
  { type: 'text-delta', index, part: 0, text: `choice ${choice}` },
  { type: 'item-end', index },
];

test('a choice of which nothing is kept has its place among the alternates', () => {
  const begun = { type: 'function_call', call_id: 'call_1', name: 'look', arguments: '' } as const;
  const deltas: Delta[] = [
    ...text(0, 0),
    { type: 'item-start', index: 1, choice: 1, item: begun },
    ...text(2, 2),
  ];
  const outcome = settle({
    folded: foldAll(deltas),
    failure: new Error('cut'),
    turn: newTurnId(newSessionId(0), 0),
    price: () => undefined,
    promptTokens: 10,
    completedAt: 0,
  });
  expect(outcome.alternates).toMatchObject([[], [{ content: [{ text: 'choice 2' }] }]]);
});
