import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { type AssembleInput, assemble } from '../../../src/context/assemble.ts';
import { statementsIn } from '../../../src/context/pins/find.ts';
import { pinsOf } from '../../../src/context/pins/fold.ts';
import { estimateTokens, itemsTokens } from '../../../src/context/tokens.ts';
import { itemId, type TurnId } from '../../../src/core/ids.ts';
import { type Item, type Message, messageText, userMessage } from '../../../src/core/items.ts';
import type { BranchTurn } from '../../../src/core/turn.ts';

const idOf = (turn: number) => `${'0'.repeat(20)}${String(turn).padStart(13, '0')}` as TurnId;
const DAY = 24 * 3_600_000;
const START = Date.UTC(2026, 4, 8);

const answer = (text: string): Item => ({
  ...{ type: 'message', role: 'assistant', status: 'completed' },
  content: [{ type: 'output_text', text, annotations: [] }],
});
const call = (call_id: string) => ({ type: 'function_call', call_id, name: 'look', arguments: '{}' }) as Item;
const output = (call_id: string) => ({ type: 'function_call_output', call_id, output: 'seen' }) as Item;

/** A branch of turns with these texts; every third one calls a tool, whose output the next turn has. */
function branchOf(texts: readonly string[]): BranchTurn[] {
  let totalTokens = 0;
  return texts.map((text, turn): BranchTurn => {
    const input = [...((turn - 1) % 3 === 0 ? [output(`c${turn - 1}`)] : []), userMessage(text)];
    const said = turn % 3 === 0 ? [call(`c${turn}`)] : [answer(`I see: ${text}`)];
    const tokens = itemsTokens([...input, ...said]);
    totalTokens += tokens;
    const parent = turn === 0 ? null : idOf(turn - 1);
    const known = { kind: 'ask', id: idOf(turn), parent, input, output: said, metadata: {} };
    return { turn: known as unknown as BranchTurn['turn'], tokens, totalTokens, digest: '', hidden: [] };
  });
}

function recalledOf(texts: readonly string[]): AssembleInput['recalled'] {
  const said = texts.flatMap((text, turn) =>
    statementsIn(text, 'user').map((statement, index) => ({
      ...{ statement, source: { turn: idOf(turn), item: 0 }, index },
    })),
  );
  const hits = texts.map((text, turn) => ({
    ...{ turn: idOf(turn), item: itemId('message', { turn: idOf(turn), side: 'i', index: 0 }) },
    ...{ speaker: 'user', text, tokens: estimateTokens(text), at: START + turn * DAY, score: 1 / (1 + turn) },
  }));
  const saidAt = new Map(texts.map((_, turn) => [idOf(turn) as string, START + turn * DAY]));
  return { pins: pinsOf(said), saidAt, query: 'the harbour', hits };
}

const text = fc.oneof(
  fc.constantFrom(
    'Always answer in French.',
    "I can't eat nuts.",
    'Call me Ada.',
    'We walked to the harbour.',
  ),
  fc.lorem({ maxCount: 60 }),
);
const policies = fc.constantFrom('truncate', 'retrieve', 'auto' as const);

/** The texts of the last item, which is a message. */
const lastTexts = (items: readonly Item[]): string[] =>
  (items.at(-1) as Message).content.map((part) => (part as { text: string }).text);

describe('a prompt with a recalled past, for any history', () => {
  const anyInput = fc.record({
    texts: fc.array(text, { minLength: 1, maxLength: 40 }),
    context: fc.integer({ min: 50, max: 4_000 }),
    policy: policies,
  });
  const assembled = ({
    texts,
    context,
    policy,
  }: {
    texts: string[];
    context: number;
    policy: 'truncate' | 'retrieve' | 'auto';
  }) =>
    assemble({
      ...{
        branch: branchOf(texts),
        input: [userMessage('And the harbour?')],
        settings: {},
        open: () => undefined,
      },
      budget: { context, answer: 20, policy },
      recalled: policy === 'truncate' ? undefined : recalledOf(texts),
    });

  test('fits its budget, and says how large it is', () => {
    fc.assert(
      fc.property(anyInput, (asked) => {
        const { items, tokens } = assembled(asked);
        expect(tokens).toBeLessThanOrEqual(asked.context - 20);
        expect(itemsTokens(items.map(({ item }) => item))).toBeLessThanOrEqual(tokens);
      }),
    );
  });

  test('is the same for the same input', () => {
    fc.assert(
      fc.property(anyInput, (asked) => {
        expect(JSON.stringify(assembled(asked))).toBe(JSON.stringify(assembled(asked)));
      }),
    );
  });

  test('separates no call from its output, and ends with the new input', () => {
    fc.assert(
      fc.property(anyInput, (asked) => {
        const items = assembled(asked).items.map(({ item }) => item);
        const of = (type: string) =>
          items.flatMap((item) => (item.type === type ? [(item as { call_id: string }).call_id] : []));
        expect(of('function_call')).toEqual(of('function_call_output'));
        expect(lastTexts(items).at(-1)).toBe('And the harbour?');
      }),
    );
  });

  test('has no part of a turn that is in it as a whole', () => {
    fc.assert(
      fc.property(anyInput, (asked) => {
        const { keptTurns, pinned, retrieved } = assembled(asked);
        const kept = new Set(
          asked.texts
            .slice(asked.texts.length - keptTurns)
            .map((_, at) => idOf(asked.texts.length - keptTurns + at)),
        );
        for (const { turn } of [...pinned, ...retrieved]) expect(kept.has(turn)).toBe(false);
      }),
    );
  });
});

describe('what is recalled', () => {
  const texts = [
    'Always answer in French.',
    ...Array.from({ length: 60 }, (_, day) => `On day ${day} we walked to the harbour and back.`),
  ];
  const prompt = (input: Item[], policy: 'auto' | 'retrieve' = 'auto', context = 1_500) =>
    assemble({
      ...{ branch: branchOf(texts), input, settings: {}, open: () => undefined, recalled: recalledOf(texts) },
      budget: { context, answer: 0, policy },
    });

  test('stands before the conversation (pins) and before the new input (excerpts), by day', () => {
    const { items } = prompt([userMessage('And the harbour?')]);
    const [first] = items;
    const excerpts = lastTexts(items.map(({ item }) => item)).at(-2);
    expect(messageText(first!.item as never)).toContain('\n2026-05-08:\nuser: Always answer in French.');
    expect(excerpts).toMatch(/\n2026-05-09:\nuser: On day 0 we walked/);
  });

  test('has no excerpts between calls and their outputs', () => {
    const { items, retrieved, pinned } = prompt([output('c60')]);
    expect(retrieved).toEqual([]);
    expect(pinned).toHaveLength(1);
    expect(items.at(-1)!.item.type).toBe('function_call_output');
    expect(items.at(-2)!.item.type).toBe('function_call');
  });

  test('is part of a message of the user, so that two never follow each other', () => {
    const answered = texts.slice(0, -1);
    const { items: entries } = assemble({
      ...{ branch: branchOf(answered), input: [userMessage('And?')], settings: {}, open: () => undefined },
      ...{ recalled: recalledOf(answered), budget: { context: 1_500, answer: 0, policy: 'auto' } },
    });
    const items = entries.map(({ item }) => item);
    const roles = items.flatMap((item) => (item.type === 'message' ? [item.role] : [item.type]));
    expect(roles.filter((role, at) => role === 'user' && roles[at - 1] === 'user')).toEqual([]);
    const marks = [{ kind: 'item', content: 'x', followers: 0 }] as unknown as AssembleInput['marks'];
    const marked = assemble({
      ...{
        branch: branchOf(texts),
        input: [userMessage('And?')],
        settings: {},
        open: () => undefined,
        marks,
      },
      ...{ recalled: recalledOf(texts), budget: { context: 1_500, answer: 0, policy: 'auto' } },
    });
    expect(marked.items.at(-1)!.item).toEqual(userMessage('And?'));
  });

  test('leaves the turn before in the prompt, also with `retrieve`', () => {
    expect(prompt([userMessage('And?')], 'retrieve').keptTurns).toBeGreaterThanOrEqual(1);
  });
});
