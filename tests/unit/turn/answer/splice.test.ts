import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { Delta } from '../../../../src/core/delta.ts';
import { DifferentAnswer } from '../../../../src/turn/answer/overlap.ts';
import { asked, attempt, faultsOf, linesOf, rescued, say } from '../rescued.ts';

/** A message that was cut in its second word. */
const CUT = [attempt(), say.message(0), say.text(0, 'one tw')];

/** The rest of it, as a message of the rescuing claw. */
const message = (index: number, ...texts: string[]): Delta[] => [
  say.message(index),
  ...texts.map((text) => say.text(index, text)),
  say.end(index),
];

describe('a message that was cut', () => {
  test('continues as the same message', () => {
    const deltas = rescued(CUT, [message(0, 'o', ' three'), [say.finish]]);
    expect(linesOf(deltas)).toEqual(['one two three']);
    expect(faultsOf(deltas)).toEqual([]);
  });

  test('continues without repeated text, and without the log probabilities of a delta that is partly repeated', () => {
    const logged = (text: string): Delta => ({ ...say.text(0, text), logprobs: [{ token: text }] }) as Delta;
    const deltas = rescued(CUT, [
      [say.message(0), logged('two three'), logged(' four'), say.end(0)],
      [say.finish],
    ]);
    expect(linesOf(deltas)).toEqual(['one two three four']);
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
    expect(linesOf(deltas)).toEqual(['one two']);
  });

  test.each([
    ['at the end of the message', [say.end(0), say.finish]],
    ['where the message has no end', [say.finish]],
  ])('gets the text that was held back, %s', (_, ending) => {
    const deltas = rescued(CUT, [[say.message(0), say.text(0, 't')], ending]);
    expect(linesOf(deltas)).toEqual(['one twt']);
  });

  test('is closed where the claw adds nothing', () => {
    for (const rest of [[], message(0), message(0, '')]) {
      const deltas = rescued(CUT, [[...rest, say.finish]]);
      expect(linesOf(deltas)).toEqual(['one tw']);
      expect(faultsOf(deltas)).toEqual([]);
    }
  });

  test('is closed before another kind of item', () => {
    const call = [say.call(0), say.arguments(0, '{}'), say.end(0)];
    const deltas = rescued(CUT, [[...call, ...message(1, ' three'), say.finish]]);
    expect(linesOf(deltas)).toEqual(['one tw', 'call_0 {}', ' three']);
    expect(faultsOf(deltas)).toEqual([]);
  });

  test('continues without the reasoning about how to continue', () => {
    const reasoning = [say.reasoning(0), say.reason(0, 'Where was I?'), say.end(0)];
    const deltas = rescued(CUT, [[...reasoning, ...message(1, 'o'), say.finish]]);
    expect(linesOf(deltas)).toEqual(['one two']);
    expect(faultsOf(deltas)).toEqual([]);
  });

  test('keeps its text where the claw refuses to continue', () => {
    const refusal = [say.message(0), say.refusal(0, 'No, '), say.refusal(0, 'never.'), say.end(0)];
    const deltas = rescued(CUT, [[...refusal, say.finish]]);
    expect(linesOf(deltas)).toEqual(['one tw|refusal: No, never.']);
    const later = [say.message(0), say.text(0, 'o'), say.refusal(0, 'No.', 1), say.end(0)];
    expect(linesOf(rescued(CUT, [[...later, say.finish]]))).toEqual(['one two|refusal: No.']);
  });

  test('has its further parts after the part that was cut', () => {
    const first = [attempt(), say.message(0), say.text(0, 'one'), say.text(0, 'tw', 1)];
    const rest = [say.message(0), say.text(0, 'o'), say.text(0, 'three', 1), say.end(0)];
    expect(linesOf(rescued(first, [[...rest, say.finish]]))).toEqual(['one|two|three']);
  });

  test('is not mixed with a different answer', () => {
    const earlier = 'The three largest rivers of the continent are the Nile, the';
    const first = [attempt(), say.message(0), say.text(0, earlier)];
    const restarted = message(0, 'The three largest rivers of the continent are', ' many.');
    expect(() => rescued(first, [restarted])).toThrow(DifferentAnswer);
  });
});

describe('a message that had ended', () => {
  const first = [attempt(), ...message(0, 'one two')];

  test('is followed by another message', () => {
    const deltas = rescued(first, [message(0, ' three'), [say.finish]]);
    expect(linesOf(deltas)).toEqual(['one two', ' three']);
    expect(faultsOf(deltas)).toEqual([]);
  });

  test.each([[[]], [['']], [['one', ' two']], [['two']]])(
    'is not followed by an empty message: %j',
    (texts) => {
      const deltas = rescued(first, [message(0, ...texts), [say.finish]]);
      expect(linesOf(deltas)).toEqual(['one two']);
      expect(faultsOf(deltas)).toEqual([]);
    },
  );

  test('is followed by the held-back text of the next message', () => {
    const deltas = rescued(first, [
      [say.message(0), say.text(0, ' t')],
      [say.finish, say.end(0)],
    ]);
    expect(linesOf(deltas)).toEqual(['one two', ' t']);
    expect(faultsOf(deltas)).toEqual([]);
  });
});

describe('a message without content so far', () => {
  const first = [attempt(), say.message(0)];

  test("gets the content of the claw's message", () => {
    const deltas = rescued(first, [message(0, '  one'), [say.finish]]);
    expect(linesOf(deltas)).toEqual(['  one']);
    expect(faultsOf(deltas)).toEqual([]);
  });
});

describe('what a rescue discards', () => {
  const half = [attempt(), ...message(0, 'one'), say.call(1), say.arguments(1, '{"a')];
  const whole = [say.call(1, 'again'), say.arguments(1, '{"a":1}'), say.end(1)];

  test('half a call is replaced by a new call, with another index', () => {
    const deltas = rescued(half, [[...message(0), ...whole, say.finish]]);
    expect(linesOf(deltas)).toEqual(['one', 'again {"a":1}']);
    expect(faultsOf(deltas)).toEqual([]);
    expect(deltas).toContainEqual(expect.objectContaining({ type: 'attempt', discard: [1] }));
  });

  test('a structured output is replaced by a whole one', () => {
    const ask = asked({ settings: { format: { type: 'json_object' } } });
    const first = [attempt(), say.message(0), say.text(0, '{"a')];
    const deltas = rescued(first, [message(0, '{"a":1}'), [say.finish]], { ask });
    expect(linesOf(deltas)).toEqual(['{"a":1}']);
    expect(faultsOf(deltas)).toEqual([]);
  });
});

test('reasoning that was cut is closed, and the answer starts again', () => {
  const first = [attempt(), say.reasoning(0), say.reason(0, 'Let me')];
  const again = [say.reasoning(0), say.reason(0, 'Let me think.'), say.end(0)];
  const deltas = rescued(first, [[...again, ...message(1, 'one')], [say.finish]]);
  expect(linesOf(deltas)).toEqual(['reasoning: Let me', 'reasoning: Let me think.', 'one']);
  expect(faultsOf(deltas)).toEqual([]);
});

/** An answer: reasoning, one message and calls. Each of them is one delta or several. */
const answers = fc
  .record({
    reasonings: fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 1 }),
    words: fc.integer({ min: 0, max: 30 }),
    calls: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
  })
  .map(({ reasonings, words, calls }) => {
    const deltas: Delta[] = [];
    let index = 0;
    for (const pieces of reasonings) {
      deltas.push(say.reasoning(index));
      for (let piece = 0; piece < pieces; piece++) deltas.push(say.reason(index, 'hm '));
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

/** How a model continues the answer `whole` after `earlier`: exactly, or with its last `repeats` words again. */
function restOf(whole: readonly Delta[], earlier: string, repeats: number): Delta[] {
  const text = wordsOf(whole);
  const again = earlier === '' ? 0 : ([...earlier.matchAll(/w\d+o?/g)].at(-repeats)?.index ?? 0);
  const from = repeats === 0 || earlier.length - again < 2 ? earlier.length : again;
  return whole.flatMap((delta): Delta[] => {
    if (delta.type !== 'text-delta') return [delta];
    const position = text.indexOf(delta.text);
    const rest = delta.text.slice(Math.max(0, from - position));
    return rest === '' ? [] : [{ ...delta, text: rest }];
  });
}

/** The text of an answer, over all its messages. */
const wordsOf = (deltas: readonly Delta[]): string =>
  linesOf(deltas)
    .filter((line) => /^ ?w/.test(line))
    .join('');
const callsOf = (deltas: readonly Delta[]): string[] =>
  linesOf(deltas).filter((line) => line.startsWith('call'));

test('any answer that is cut anywhere, several times, becomes the whole answer', () => {
  const breaks = fc.array(fc.tuple(fc.nat(60), fc.constantFrom(0, 1, 2, 100)), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(answers, breaks, fc.boolean(), (whole, cuts, inBursts) => {
      let deltas: Delta[] = [attempt(), ...whole.slice(0, cuts[0]![0])];
      for (const [turn, [, repeats]] of cuts.entries()) {
        const earlier = wordsOf(deltas);
        const rest = restOf(whole, earlier, repeats);
        const isLast = turn === cuts.length - 1;
        const received = isLast ? [...rest, say.finish] : rest.slice(0, cuts[turn + 1]![0]);
        deltas = rescued(deltas, inBursts ? [received] : received.map((delta) => [delta]));
      }
      expect(faultsOf(deltas)).toEqual([]);
      expect(wordsOf(deltas)).toBe(wordsOf(whole));
      expect(callsOf(deltas)).toEqual(callsOf(whole));
    }),
    { numRuns: 3000 },
  );
});
