import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { DifferentAnswer, Overlap } from '../../../../src/turn/answer/overlap.ts';

/** The text that a reader sees where an answer was cut after `earlier` and continued with these chunks. */
function textAfter(earlier: string, chunks: readonly string[], exact = false): string {
  const overlap = new Overlap(earlier, exact);
  return earlier + chunks.map((chunk) => overlap.push(chunk)).join('') + overlap.flush();
}

/** Words with different beginnings, so that no repetition is by chance. */
const word = (number: number): string => `${'bcdfghjklmnpqrstvwxz'[number % 20]}o${number}`;

/** Prose: words, marks and line breaks. No word comes twice. */
const prose = fc
  .array(fc.constantFrom(' ', ' ', ' ', ', ', '. ', '\n', '\n\n', ' — ', ': “'), {
    minLength: 4,
    maxLength: 60,
  })
  .map((gaps) => gaps.map((gap, at) => word(at) + gap).join('') + word(gaps.length));

/** Where a text is cut, from 0 (its beginning) to 1 (its end). */
const cutPoint = fc.double({ min: 0.01, max: 0.99, noNaN: true });

const cutAt = (text: string, at: number): [string, string] => {
  const index = Math.max(1, Math.floor(text.length * at));
  return [text.slice(0, index), text.slice(index)];
};

/** A text in chunks of these sizes, as a stream has it. */
function chunksOf(text: string, sizes: readonly number[]): string[] {
  const chunks: string[] = [];
  for (let at = 0, turn = 0; at < text.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    chunks.push(text.slice(at, at + size));
    at += size;
  }
  return chunks;
}

const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 });

/** The index of the last `count` words; the last one may be cut. */
const lastWords = (text: string, count: number): number =>
  [...text.matchAll(/[a-z0-9]+/g)].at(-count)?.index ?? 0;

describe('the original text is restored where the model', () => {
  const check = (property: (text: string, at: number, chunks: (text: string) => string[]) => void) =>
    fc.assert(
      fc.property(prose, cutPoint, sizes, (text, at, some) =>
        property(text, at, (rest) => chunksOf(rest, some)),
      ),
      { numRuns: 2000 },
    );

  test.each([true, false])('continues with the very next character (exact: %p)', (exact) => {
    check((text, at, chunks) => {
      const [earlier, rest] = cutAt(text, at);
      const sent = exact ? earlier.trimEnd() : earlier;
      expect(textAfter(earlier, chunks(text.slice(sent.length)), exact)).toBe(earlier + rest);
    });
  });

  test.each([1, 2, 3, 8])('repeats the last %i words, a cut word in full', (count) => {
    check((text, at, chunks) => {
      const [earlier] = cutAt(text, at);
      const start = lastWords(earlier, count);
      // A single digit does not show a repetition.
      if (/^\d?$/.test(earlier.slice(start))) return;
      expect(textAfter(earlier, chunks(text.slice(start)))).toBe(text);
    });
  });

  test.each([' ', '\n', '\n\n  '])('repeats the last words after %j', (space) => {
    check((text, at, chunks) => {
      const [earlier] = cutAt(text, at);
      // After a single cut word and white space, the text may as well be the next word.
      if (!/[a-z0-9][^a-z0-9]+[a-z0-9]/.test(earlier)) return;
      const start = lastWords(earlier, 2);
      expect(textAfter(earlier, chunks(space + text.slice(start)))).toBe(text);
    });
  });

  test('starts again from the beginning', () => {
    check((text, at, chunks) => {
      const [earlier] = cutAt(text, at);
      expect(textAfter(earlier, chunks(text))).toBe(text);
    });
  });

  test('breaks off several times, and continues in another way each time', () => {
    const ways = fc.array(fc.tuple(cutPoint, fc.constantFrom(0, 0, 1, 3, 100)), { maxLength: 4 });
    fc.assert(
      fc.property(prose, ways, sizes, (text, breaks, some) => {
        let earlier = '';
        for (const [at, repeats] of [...breaks, [1, 1] as const]) {
          const start = repeats === 0 ? earlier.length : lastWords(earlier, repeats);
          const from = /^\d?$/.test(earlier.slice(start)) ? earlier.length : start;
          const upTo = from + Math.ceil((text.length - from) * at);
          const overlap = new Overlap(earlier, false);
          const isCut = at < 1;
          for (const chunk of chunksOf(text.slice(from, upTo), some)) earlier += overlap.push(chunk);
          // Text that is held back when a call is cut is lost; the next call gives it again.
          if (!isCut) earlier += overlap.flush();
        }
        expect(earlier).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  test('continues any text exactly', () => {
    const anything = fc.string({ unit: 'binary', minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(anything, anything, sizes, (earlier, rest, some) => {
        fc.pre(earlier.trimEnd() === earlier);
        expect(textAfter(earlier, chunksOf(rest, some), true)).toBe(earlier + rest);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('nothing is removed', () => {
  test.each([
    ['rows of zeros', '[0, 0, 0,', ' 0, 0]'],
    ['rows of zeros, cut after a space', '[0, 0, 0, ', '0, 0]'],
    ['items of a list', '- item\n- item', '\n- item\n- item'],
    ['laughter', 'ha ha', ' ha ha'],
    ['a line under a title', `Title\n${'='.repeat(30)}`, `${'='.repeat(30)}\n\nText`],
    ['a table', '| a | b |\n|---|---|\n| 1 | 1 |', '\n| 1 | 1 |\n'],
    ['a table with long rows', '| a | b |\n| one | two |', '\n| one | two |\n'],
    ['brackets', 'f(() => {\n  g(() => {\n  });', '\n});\n'],
    ['a doubled word that was doubled before', 'bonbon, bon', 'bon'],
    ['a word that begins like the last one', 'I went to', ' town'],
    ['a word that begins like the last one, at the end of a line', 'The cat and the', '\ntheatre'],
    ['a word that is much earlier in the text', 'hello world, hello', ' world'],
    ['a digit', 'in 1', '1 days'],
    ['a doubled character', '好，看', '看这里'],
    ['a paragraph', 'One.', '\n\nTwo.'],
    ['an indentation', '{\n  ', '  "a": 1'],
    ['white space at the end', 'One.', '\n'],
  ])('of %s', (_, earlier, rest) => {
    for (let size = 1; size <= rest.length; size++) {
      expect(textAfter(earlier, chunksOf(rest, [size]))).toBe(earlier + rest);
    }
  });
});

describe('it removes', () => {
  test.each([
    ['a repeated space', 'one two ', ' three', 'one two three'],
    ['a word that is repeated after other white space', 'one two', '\n\ntwo three', 'one two three'],
    ['a cut word that is repeated in full', 'the incom', 'incomplete end', 'the incomplete end'],
    ['a cut word of one letter that is repeated in full', 'the i', 'incomplete end', 'the incomplete end'],
    ['words that begin with a mark', 'three — and n', '— and no four', 'three — and no four'],
    [
      'a letter that is doubled in a word before',
      'a strawberry, three r',
      'r and',
      'a strawberry, three r and',
    ],
    ['a word of one letter', 'it is a', 'a test', 'it is a test'],
    [
      'a long part that begins in a word',
      'pneumonoultramicroscopic',
      'ultramicroscopicsilico',
      'pneumonoultramicroscopicsilico',
    ],
    ['a short answer that starts again', 'Yes, it', 'Yes, it is.', 'Yes, it is.'],
  ])('%s', (_, earlier, rest, whole) => {
    for (let size = 1; size <= rest.length; size++) {
      expect(textAfter(earlier, chunksOf(rest, [size]))).toBe(whole);
    }
  });

  test.each([
    ['spaces', 'one ', ' two', 'one two'],
    ['spaces and line breaks', 'one \n\n', '\n\ntwo', 'one \n\ntwo'],
    ['line breaks as there were before', 'one\n\n\ntwo\n\n', '\n\nthree', 'one\n\n\ntwo\n\nthree'],
    ['none, where the continuation has none', 'one\n', 'two', 'one\ntwo'],
  ])('white space that was not sent to the model: %s', (_, earlier, rest, whole) => {
    expect(textAfter(earlier, chunksOf(rest, [1]), true)).toBe(whole);
  });
});

describe('a different answer', () => {
  const earlier = 'The three largest rivers of the continent are the Nile, the';

  test('is recognised as soon as it differs from the first one', () => {
    const overlap = new Overlap(earlier, false);
    expect(overlap.push('The three largest rivers of the continent are')).toBe('');
    expect(() => overlap.push(' in this order')).toThrow(DifferentAnswer);
  });

  test('is recognised after white space', () => {
    const overlap = new Overlap(`\n\n${earlier}`, false);
    expect(overlap.push('\nThe three largest rivers of the continent are')).toBe('');
    expect(() => overlap.push(' in this order')).toThrow(DifferentAnswer);
    expect(textAfter(`\n\n${earlier}`, [`\n\n${earlier}`, ' Congo'])).toBe(`\n\n${earlier} Congo`);
  });

  test('is recognised when it ends before it has repeated the whole text', () => {
    const overlap = new Overlap(earlier, false);
    expect(overlap.push('The three largest rivers of the continent are')).toBe('');
    expect(() => overlap.flush()).toThrow(DifferentAnswer);
  });

  test('is a failure of the provider', () => {
    expect(new DifferentAnswer()).toMatchObject({ code: 'provider_protocol_error' });
  });

  test('is not recognised where the model continues exactly', () => {
    expect(textAfter(earlier, [earlier], true)).toBe(earlier + earlier);
  });
});

describe('text is held back', () => {
  test('only as long as it may be a repetition', () => {
    const overlap = new Overlap('one two three', false);
    expect(overlap.push(' ')).toBe('');
    expect(overlap.push('th')).toBe('');
    expect(overlap.push('ir')).toBe(' thir');
    expect(overlap.push('three')).toBe('three');
  });

  test('not at all where the model continues with the very next character', () => {
    expect(new Overlap('one two', true).push(' two')).toBe(' two');
  });

  test('never more than the length of the earlier text', () => {
    fc.assert(
      fc.property(prose, fc.string(), sizes, (earlier, rest, some) => {
        const overlap = new Overlap(earlier, false);
        let pushed = 0;
        let shown = 0;
        for (const chunk of chunksOf(rest, some)) {
          pushed += chunk.trim().length;
          shown += overlap.push(chunk).trim().length;
          expect(pushed - shown).toBeLessThanOrEqual(earlier.length);
        }
      }),
    );
  });
});
