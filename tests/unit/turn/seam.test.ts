import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { BeganAnew, Seam } from '../../../src/turn/seam.ts';

/** What a reader sees of an answer that was cut behind `said` and went on with these pieces. */
function joined(said: string, pieces: readonly string[], exact = false): string {
  const seam = new Seam(said, exact);
  return said + pieces.map((piece) => seam.push(piece)).join('') + seam.flush();
}

/** Words that do not begin like each other, so that a repetition is one. */
const word = (number: number): string => `${'bcdfghjklmnpqrstvwxz'[number % 20]}o${number}`;

/** Prose: words, marks and line breaks, in which nothing comes twice. */
const prose = fc
  .array(fc.constantFrom(' ', ' ', ' ', ', ', '. ', '\n', '\n\n', ' — ', ': “'), {
    minLength: 4,
    maxLength: 60,
  })
  .map((gaps) => gaps.map((gap, at) => word(at) + gap).join('') + word(gaps.length));

/** Where a text is cut, from 0 (its beginning) to 1 (its end). */
const place = fc.double({ min: 0.01, max: 0.99, noNaN: true });

const cutAt = (text: string, at: number): [string, string] => {
  const index = Math.max(1, Math.floor(text.length * at));
  return [text.slice(0, index), text.slice(index)];
};

/** A text as a stream brings it. */
function piecesOf(text: string, sizes: readonly number[]): string[] {
  const pieces: string[] = [];
  for (let at = 0, turn = 0; at < text.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    pieces.push(text.slice(at, at + size));
    at += size;
  }
  return pieces;
}

const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 });

/** Where the last `count` words begin, a cut one among them. */
const lastWords = (text: string, count: number): number =>
  [...text.matchAll(/[a-z0-9]+/g)].at(-count)?.index ?? 0;

describe('the original text comes of', () => {
  const check = (property: (text: string, at: number, pieces: (text: string) => string[]) => void) =>
    fc.assert(
      fc.property(prose, place, sizes, (text, at, some) =>
        property(text, at, (rest) => piecesOf(rest, some)),
      ),
      { numRuns: 2000 },
    );

  test.each([true, false])('a text that goes on with the very next character (exact: %p)', (exact) => {
    check((text, at, pieces) => {
      const [said, rest] = cutAt(text, at);
      const sent = exact ? said.trimEnd() : said;
      expect(joined(said, pieces(text.slice(sent.length)), exact)).toBe(said + rest);
    });
  });

  test.each([1, 2, 3, 8])('one whose last %i words come again, a cut one whole', (count) => {
    check((text, at, pieces) => {
      const [said] = cutAt(text, at);
      const start = lastWords(said, count);
      // A digit is too little to tell that it came twice.
      if (/^\d?$/.test(said.slice(start))) return;
      expect(joined(said, pieces(text.slice(start)))).toBe(text);
    });
  });

  test.each([' ', '\n', '\n\n  '])('one whose last words come again after %j', (space) => {
    check((text, at, pieces) => {
      const [said] = cutAt(text, at);
      // Of a single cut word, what follows white space may as well be the next one.
      if (!/[a-z0-9][^a-z0-9]+[a-z0-9]/.test(said)) return;
      const start = lastWords(said, 2);
      expect(joined(said, pieces(space + text.slice(start)))).toBe(text);
    });
  });

  test('one that is begun anew', () => {
    check((text, at, pieces) => {
      const [said] = cutAt(text, at);
      expect(joined(said, pieces(text))).toBe(text);
    });
  });

  test('one that breaks off again and again, and goes on in another way each time', () => {
    const ways = fc.array(fc.tuple(place, fc.constantFrom(0, 0, 1, 3, 100)), { maxLength: 4 });
    fc.assert(
      fc.property(prose, ways, sizes, (text, breaks, some) => {
        let said = '';
        for (const [at, repeats] of [...breaks, [1, 1] as const]) {
          const start = repeats === 0 ? said.length : lastWords(said, repeats);
          const from = /^\d?$/.test(said.slice(start)) ? said.length : start;
          const upTo = from + Math.ceil((text.length - from) * at);
          const seam = new Seam(said, false);
          const isCut = at < 1;
          for (const piece of piecesOf(text.slice(from, upTo), some)) said += seam.push(piece);
          // What a call holds back when it is cut is lost with it, and comes again.
          if (!isCut) said += seam.flush();
        }
        expect(said).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  test('text of any kind, where the model goes on exactly and not where it was', () => {
    const anything = fc.string({ unit: 'binary', minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(anything, anything, sizes, (said, rest, some) => {
        fc.pre(said.trimEnd() === said);
        expect(joined(said, piecesOf(rest, some), true)).toBe(said + rest);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('nothing is left out', () => {
  test.each([
    ['rows of zeros', '[0, 0, 0,', ' 0, 0]'],
    ['rows of zeros, cut behind a space', '[0, 0, 0, ', '0, 0]'],
    ['items of a list', '- item\n- item', '\n- item\n- item'],
    ['laughter', 'ha ha', ' ha ha'],
    ['a line under a title', `Title\n${'='.repeat(30)}`, `${'='.repeat(30)}\n\nText`],
    ['a table', '| a | b |\n|---|---|\n| 1 | 1 |', '\n| 1 | 1 |\n'],
    ['a table with long rows', '| a | b |\n| one | two |', '\n| one | two |\n'],
    ['brackets', 'f(() => {\n  g(() => {\n  });', '\n});\n'],
    ['a doubled word that was doubled before', 'bonbon, bon', 'bon'],
    ['a word that begins like the last one', 'I went to', ' town'],
    ['a word that begins like the last one, at the end of a line', 'The cat and the', '\ntheatre'],
    ['a word that was said long before', 'hello world, hello', ' world'],
    ['a digit', 'in 1', '1 days'],
    ['a doubled character', '好，看', '看这里'],
    ['a paragraph', 'One.', '\n\nTwo.'],
    ['an indentation', '{\n  ', '  "a": 1'],
    ['white space at the end', 'One.', '\n'],
  ])('of %s', (_, said, rest) => {
    for (let size = 1; size <= rest.length; size++) {
      expect(joined(said, piecesOf(rest, [size]))).toBe(said + rest);
    }
  });
});

describe('left out is', () => {
  test.each([
    ['a space that comes twice', 'one two ', ' three', 'one two three'],
    ['a word that comes in another case of white space', 'one two', '\n\ntwo three', 'one two three'],
    ['a cut word that comes whole', 'the incom', 'incomplete end', 'the incomplete end'],
    ['a cut word that comes whole, of one letter', 'the i', 'incomplete end', 'the incomplete end'],
    ['words that begin with a mark', 'three — and n', '— and no four', 'three — and no four'],
    ['a letter that was doubled in a word', 'a strawberry, three r', 'r and', 'a strawberry, three r and'],
    ['a word of one letter', 'it is a', 'a test', 'it is a test'],
    [
      'a long part that begins in a word',
      'pneumonoultramicroscopic',
      'ultramicroscopicsilico',
      'pneumonoultramicroscopicsilico',
    ],
    ['an answer begun anew, short as it was', 'Yes, it', 'Yes, it is.', 'Yes, it is.'],
  ])('%s', (_, said, rest, whole) => {
    for (let size = 1; size <= rest.length; size++) {
      expect(joined(said, piecesOf(rest, [size]))).toBe(whole);
    }
  });

  test.each([
    ['spaces', 'one ', ' two', 'one two'],
    ['spaces and line breaks', 'one \n\n', '\n\ntwo', 'one \n\ntwo'],
    ['line breaks as there were before', 'one\n\n\ntwo\n\n', '\n\nthree', 'one\n\n\ntwo\n\nthree'],
    ['none where none comes', 'one\n', 'two', 'one\ntwo'],
  ])('white space that the model was not sent: %s', (_, said, rest, whole) => {
    expect(joined(said, piecesOf(rest, [1]), true)).toBe(whole);
  });
});

describe('another answer', () => {
  const said = 'The three largest rivers of the continent are the Nile, the';

  test('is told from the rest of the first one as soon as it differs', () => {
    const seam = new Seam(said, false);
    expect(seam.push('The three largest rivers of the continent are')).toBe('');
    expect(() => seam.push(' in this order')).toThrow(BeganAnew);
  });

  test('is told behind white space', () => {
    const seam = new Seam(`\n\n${said}`, false);
    expect(seam.push('\nThe three largest rivers of the continent are')).toBe('');
    expect(() => seam.push(' in this order')).toThrow(BeganAnew);
    expect(joined(`\n\n${said}`, [`\n\n${said}`, ' Congo'])).toBe(`\n\n${said} Congo`);
  });

  test('is told when it ends before it has come as far', () => {
    const seam = new Seam(said, false);
    expect(seam.push('The three largest rivers of the continent are')).toBe('');
    expect(() => seam.flush()).toThrow(BeganAnew);
  });

  test('is a failure of the provider', () => {
    expect(new BeganAnew()).toMatchObject({ code: 'provider_protocol_error' });
  });

  test('is none where the model goes on exactly', () => {
    expect(joined(said, [said], true)).toBe(said + said);
  });
});

describe('text is held back', () => {
  test('only as long as it may be a repetition', () => {
    const seam = new Seam('one two three', false);
    expect(seam.push(' ')).toBe('');
    expect(seam.push('th')).toBe('');
    expect(seam.push('ir')).toBe(' thir');
    expect(seam.push('three')).toBe('three');
  });

  test('not at all where the model goes on with the very next character', () => {
    expect(new Seam('one two', true).push(' two')).toBe(' two');
  });

  test('not longer than what was said', () => {
    fc.assert(
      fc.property(prose, fc.string(), sizes, (said, rest, some) => {
        const seam = new Seam(said, false);
        let pushed = 0;
        let shown = 0;
        for (const piece of piecesOf(rest, some)) {
          pushed += piece.trim().length;
          shown += seam.push(piece).trim().length;
          expect(pushed - shown).toBeLessThanOrEqual(said.length);
        }
      }),
    );
  });
});
