import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { Delta } from '../../../src/core/delta.ts';
import { BeganAnew } from '../../../src/turn/seam.ts';
import { asked, attempt, faultsOf, rescued, saidBy, say } from './rescued.ts';

/** A message that was cut in its second word. */
const CUT = [attempt(), say.message(0), say.text(0, 'one tw')];

/** The rest of it, as a claw gives a message of its own. */
const message = (index: number, ...texts: string[]): Delta[] => [
  say.message(index),
  ...texts.map((text) => say.text(index, text)),
  say.end(index),
];

describe('a message that was cut', () => {
  test('goes on as the same one', () => {
    const deltas = rescued(CUT, [message(0, 'o', ' three'), [say.finish]]);
    expect(saidBy(deltas)).toEqual(['one two three']);
    expect(faultsOf(deltas)).toEqual([]);
  });

  test('is told without what comes twice, and without its log probabilities where a part of them would be wrong', () => {
    const logged = (text: string): Delta => ({ ...say.text(0, text), logprobs: [{ token: text }] }) as Delta;
    const deltas = rescued(CUT, [
      [say.message(0), logged('two three'), logged(' four'), say.end(0)],
      [say.finish],
    ]);
    expect(saidBy(deltas)).toEqual(['one two three four']);
    expect(deltas.filter(({ type }) => type === 'text-delta').slice(1)).toEqual([
      say.text(0, 'o three'),
      logged(' four'),
    ]);
  });

  test("is not replaced by the claw's own whole item", () => {
    const item = {
      type: 'message' as const,
      role: 'assistant' as const,
      content: [{ type: 'output_text' as const, text: 'o', annotations: [] }],
    };
    const deltas = rescued(CUT, [[say.message(0), say.text(0, 'o'), say.end(0, item)], [say.finish]]);
    expect(saidBy(deltas)).toEqual(['one two']);
  });

  test.each([
    ['at the end of the message', [say.end(0), say.finish]],
    ['where the message has no end', [say.finish]],
  ])('gets what was held back, %s', (_, ending) => {
    const deltas = rescued(CUT, [[say.message(0), say.text(0, 't')], ending]);
    expect(saidBy(deltas)).toEqual(['one twt']);
  });

  test('is closed where the claw has nothing to add', () => {
    for (const rest of [[], message(0), message(0, '')]) {
      const deltas = rescued(CUT, [[...rest, say.finish]]);
      expect(saidBy(deltas)).toEqual(['one tw']);
      expect(faultsOf(deltas)).toEqual([]);
    }
  });

  test('is closed before the claw does something else', () => {
    const call = [say.call(0), say.arguments(0, '{}'), say.end(0)];
    const deltas = rescued(CUT, [[...call, ...message(1, ' three'), say.finish]]);
    expect(saidBy(deltas)).toEqual(['one tw', 'call_0 {}', ' three']);
    expect(faultsOf(deltas)).toEqual([]);
  });

  test('goes on without the thoughts on how to go on', () => {
    const thought = [say.thought(0), say.thinks(0, 'Where was I?'), say.end(0)];
    const deltas = rescued(CUT, [[...thought, ...message(1, 'o'), say.finish]]);
    expect(saidBy(deltas)).toEqual(['one two']);
    expect(faultsOf(deltas)).toEqual([]);
  });

  test('keeps its text where the claw refuses to go on', () => {
    const refusal = [say.message(0), say.refusal(0, 'No, '), say.refusal(0, 'never.'), say.end(0)];
    const deltas = rescued(CUT, [[...refusal, say.finish]]);
    expect(saidBy(deltas)).toEqual(['one tw|refusal: No, never.']);
    const later = [say.message(0), say.text(0, 'o'), say.refusal(0, 'No.', 1), say.end(0)];
    expect(saidBy(rescued(CUT, [[...later, say.finish]]))).toEqual(['one two|refusal: No.']);
  });

  test('has its further parts behind the one that was cut', () => {
    const first = [attempt(), say.message(0), say.text(0, 'one'), say.text(0, 'tw', 1)];
    const rest = [say.message(0), say.text(0, 'o'), say.text(0, 'three', 1), say.end(0)];
    expect(saidBy(rescued(first, [[...rest, say.finish]]))).toEqual(['one|two|three']);
  });

  test('is not mixed with another answer', () => {
    const said = 'The three largest rivers of the continent are the Nile, the';
    const first = [attempt(), say.message(0), say.text(0, said)];
    const anew = message(0, 'The three largest rivers of the continent are', ' many.');
    expect(() => rescued(first, [anew])).toThrow(BeganAnew);
  });
});

describe('a message that had come to its end', () => {
  const first = [attempt(), ...message(0, 'one two')];

  test('is followed by another one', () => {
    const deltas = rescued(first, [message(0, ' three'), [say.finish]]);
    expect(saidBy(deltas)).toEqual(['one two', ' three']);
    expect(faultsOf(deltas)).toEqual([]);
  });

  test.each([[[]], [['']], [['one', ' two']], [['two']]])('and by none that would be empty: %j', (texts) => {
    const deltas = rescued(first, [message(0, ...texts), [say.finish]]);
    expect(saidBy(deltas)).toEqual(['one two']);
    expect(faultsOf(deltas)).toEqual([]);
  });

  test('and what was held back of the next one is told', () => {
    const deltas = rescued(first, [
      [say.message(0), say.text(0, ' t')],
      [say.finish, say.end(0)],
    ]);
    expect(saidBy(deltas)).toEqual(['one two', ' t']);
    expect(faultsOf(deltas)).toEqual([]);
  });
});

describe('a message of which nothing had come', () => {
  const first = [attempt(), say.message(0)];

  test('is the one that comes', () => {
    const deltas = rescued(first, [message(0, '  one'), [say.finish]]);
    expect(saidBy(deltas)).toEqual(['  one']);
    expect(faultsOf(deltas)).toEqual([]);
  });
});

describe('what a rescue declares void', () => {
  const half = [attempt(), ...message(0, 'one'), say.call(1), say.arguments(1, '{"a')];
  const whole = [say.call(1, 'again'), say.arguments(1, '{"a":1}'), say.end(1)];

  test('half a call comes anew, under another number', () => {
    const deltas = rescued(half, [[...message(0), ...whole, say.finish]]);
    expect(saidBy(deltas)).toEqual(['one', 'again {"a":1}']);
    expect(faultsOf(deltas)).toEqual([]);
    expect(deltas).toContainEqual(expect.objectContaining({ type: 'attempt', discard: [1] }));
  });

  test('a document with a form comes anew as a whole', () => {
    const ask = asked({ settings: { format: { type: 'json_object' } } });
    const first = [attempt(), say.message(0), say.text(0, '{"a')];
    const deltas = rescued(first, [message(0, '{"a":1}'), [say.finish]], { ask });
    expect(saidBy(deltas)).toEqual(['{"a":1}']);
    expect(faultsOf(deltas)).toEqual([]);
  });
});

test('a thought that was cut is closed, and the answer is given anew', () => {
  const first = [attempt(), say.thought(0), say.thinks(0, 'Let me')];
  const again = [say.thought(0), say.thinks(0, 'Let me think.'), say.end(0)];
  const deltas = rescued(first, [[...again, ...message(1, 'one')], [say.finish]]);
  expect(saidBy(deltas)).toEqual(['thought: Let me', 'thought: Let me think.', 'one']);
  expect(faultsOf(deltas)).toEqual([]);
});

/** An answer of one message between thoughts and calls, of which each is a delta or several. */
const answers = fc
  .record({
    thoughts: fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 1 }),
    words: fc.integer({ min: 0, max: 30 }),
    calls: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
  })
  .map(({ thoughts, words, calls }) => {
    const deltas: Delta[] = [];
    let index = 0;
    for (const pieces of thoughts) {
      deltas.push(say.thought(index));
      for (let piece = 0; piece < pieces; piece++) deltas.push(say.thinks(index, 'hm '));
      deltas.push(say.end(index++));
    }
    if (words > 0) {
      const texts = Array.from({ length: words }, (_, at) => `${at === 0 ? '' : ' '}w${at}o`);
      deltas.push(say.message(index), ...texts.map((text) => say.text(index, text)), say.end(index++));
    }
    for (const pieces of calls) {
      deltas.push(say.call(index), ...Array.from({ length: pieces }, () => say.arguments(index, '{}')));
      deltas.push(say.end(index++));
    }
    return deltas;
  });

/** What a model does that is asked to go on with an answer that it would give: exactly that, or sloppily. */
function restOf(whole: readonly Delta[], said: string, repeats: number): Delta[] {
  const text = wordsOf(whole);
  const again = said === '' ? 0 : ([...said.matchAll(/w\d+o?/g)].at(-repeats)?.index ?? 0);
  const from = repeats === 0 || said.length - again < 2 ? said.length : again;
  return whole.flatMap((delta): Delta[] => {
    if (delta.type !== 'text-delta') return [delta];
    const at = text.indexOf(delta.text);
    const rest = delta.text.slice(Math.max(0, from - at));
    return rest === '' ? [] : [{ ...delta, text: rest }];
  });
}

/** What an answer says, in however many messages. */
const wordsOf = (deltas: readonly Delta[]): string =>
  saidBy(deltas)
    .filter((line) => /^ ?w/.test(line))
    .join('');
const callsOf = (deltas: readonly Delta[]): string[] =>
  saidBy(deltas).filter((line) => line.startsWith('call'));

test('any answer that is cut anywhere, again and again, becomes the whole one', () => {
  const breaks = fc.array(fc.tuple(fc.nat(60), fc.constantFrom(0, 1, 2, 100)), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(answers, breaks, fc.boolean(), (whole, cuts, inBursts) => {
      let deltas: Delta[] = [attempt(), ...whole.slice(0, cuts[0]![0])];
      for (const [turn, [, repeats]] of cuts.entries()) {
        const said = wordsOf(deltas);
        const rest = restOf(whole, said, repeats);
        const isLast = turn === cuts.length - 1;
        const heard = isLast ? [...rest, say.finish] : rest.slice(0, cuts[turn + 1]![0]);
        deltas = rescued(deltas, inBursts ? [heard] : heard.map((delta) => [delta]));
      }
      expect(faultsOf(deltas)).toEqual([]);
      expect(wordsOf(deltas)).toBe(wordsOf(whole));
      expect(callsOf(deltas)).toEqual(callsOf(whole));
    }),
    { numRuns: 3000 },
  );
});
