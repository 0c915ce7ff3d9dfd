import { heapStats } from 'bun:jsc';
import { describe, expect, test } from 'bun:test';
import { passagesOf } from '../../../../src/context/retrieval/turn-passages.ts';
import { type Item, userMessage } from '../../../../src/core/items.ts';
import type { Turn } from '../../../../src/core/turn.ts';
import { MONDAY, turnId } from './passages.ts';

const answer = (text: string): Item => ({
  type: 'message',
  role: 'assistant',
  content: [{ type: 'output_text', text, annotations: [] }],
});

const turn = (fields: Partial<Turn>): Turn =>
  ({
    kind: 'ask',
    id: turnId(1),
    parent: turnId(0),
    createdAt: MONDAY,
    metadata: {},
    input: [],
    output: [],
    ...fields,
  }) as Turn;

describe('the passages of a turn', () => {
  test('are its messages and the outputs of its tools', () => {
    const input: Item[] = [
      { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'Be brief' }] },
      { type: 'function_call_output', call_id: 'c', output: 'sunny' },
      userMessage('Hello'),
      userMessage(''),
    ];
    const output: Item[] = [
      { type: 'reasoning', summary: [{ type: 'summary_text', text: 'hm' }] },
      { type: 'function_call', call_id: 'd', name: 'f', arguments: '{}' },
      answer('Good day'),
    ];
    expect(passagesOf({ turn: turn({ input, output }), hidden: [] })).toEqual([
      { turn: turnId(1), side: 'i', index: 1, role: 'tool', text: 'sunny', at: MONDAY },
      { turn: turnId(1), side: 'i', index: 2, role: 'user', text: 'Hello', at: MONDAY },
      { turn: turnId(1), side: 'o', index: 2, role: 'assistant', text: 'Good day', at: MONDAY },
    ]);
  });

  test('have the name of their message and the date of their request', () => {
    const said = turn({
      input: [userMessage('Hello')],
      inputNatives: { 0: { name: 'Ada' } },
      metadata: { date: '2021-02-03T04:05:06Z' },
    } as Partial<Turn>);
    expect(passagesOf({ turn: said, hidden: [] })).toMatchObject([
      { speaker: 'Ada', at: Date.UTC(2021, 1, 3, 4, 5, 6) },
    ]);
    const other = { ...said, metadata: { date: 'tomorrow' } } as Turn;
    expect(passagesOf({ turn: other, hidden: [] })[0]!.at).toBe(MONDAY);
  });

  test('of a long text are pieces of it that end with a word, and of a very long one its beginning', () => {
    const piecesOf = (text: string) =>
      passagesOf({ turn: turn({ input: [userMessage(text)] }), hidden: [] }).map((passage) => passage.text);
    for (const text of [
      'word '.repeat(5_000),
      'line of words\n'.repeat(2_000),
      'x'.repeat(20_000),
      '🦞'.repeat(9_001),
    ]) {
      const pieces = piecesOf(text);
      expect(pieces.length).toBeGreaterThan(2);
      expect(pieces.join('')).toBe(text);
      for (const piece of pieces) {
        expect(piece.length).toBeLessThanOrEqual(8_000);
        expect(piece.isWellFormed()).toBe(true);
      }
      if (text.includes(' ')) for (const piece of pieces) expect(piece).toMatch(/(word|words)\s$/);
    }
    const whole = 'word '.repeat(1_000_000);
    const beginning = piecesOf(whole).join('');
    expect(whole.startsWith(beginning)).toBe(true);
    expect(beginning.length).toBeGreaterThan(2_000_000);
    expect(beginning.length).toBeLessThanOrEqual(256 * 8_000);
  });

  test('do not keep a long text in memory', async () => {
    const megabytes = (): number => {
      Bun.gc(true);
      return heapStats().extraMemorySize / 1e6;
    };
    // Made in functions of their own, so that no variable here holds the text.
    const passages = () => {
      const text = Buffer.alloc(30_000_000, 'words of a text ').toString();
      return passagesOf({ turn: turn({ input: [userMessage(text)] }), hidden: [] });
    };
    const before = megabytes();
    const kept = passages();
    // The stack may hold the text until other work has run.
    let held = megabytes() - before;
    for (let tries = 0; tries < 50 && held >= 10; tries++) {
      await Bun.sleep(10);
      held = megabytes() - before;
    }
    expect(held).toBeLessThan(10);
    expect(kept.length).toBeGreaterThan(200);
  });

  test('leave out hidden items', () => {
    const said = turn({ input: [userMessage('Hello')], output: [answer('Good day')] });
    expect(passagesOf({ turn: said, hidden: ['i0'] }).map(({ text }) => text)).toEqual(['Good day']);
    expect(passagesOf({ turn: said, hidden: ['o0', 'i0'] })).toEqual([]);
  });
});
