import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { readBoundaries, writeBoundaries } from '../../../src/session/tape/format.ts';

const lengthsOf = (chunks: readonly string[]): number[] => chunks.map((chunk) => chunk.length);

// Chunk boundaries are stored: a change of any row makes stored turns unreadable.
const ROWS: [what: string, chunks: string[], boundaries: string][] = [
  ['words, each with the blank or sign before it', ['Crabs', ' walk', '-ways', '\tor', '(not'], '5'],
  ['digits in threes', ['1', ' ', '234', '567', '8'], '5'],
  ['signs, with the space before and the line breaks after them', ['?', ' "!.\n\n', '\u0000'], '3'],
  ['blanks and line breaks', [' \t\r\n', '  ', 'x'], '3'],
  ['letters of any alphabet, and halves of surrogate pairs', [' straße', ' 你好', ' \ud83e\udd9e'], '3'],
  ['several words at once', ['one two', ' a b c', ' d'], 'bc1'],
  ['parts of words', ['straw', 'berry', '', '你', '好'], 'FFAB1'],
  [
    'up to 26 words as a letter, more as a length',
    [' w'.repeat(26), ' w'.repeat(12), '!', ' w'.repeat(27)],
    'zl1(54)',
  ],
  ['long words as several words of limited length', ['x'.repeat(32), 'x'.repeat(26), 'x'], '1(26)1'],
  ['nothing', [], ''],
];

test.each(ROWS)('%s', (_, chunks, boundaries) => {
  const text = chunks.join('');
  expect(writeBoundaries(`…${text}`, 1, lengthsOf(chunks))).toBe(boundaries);
  expect(readBoundaries(boundaries, `…${text}`, 1)).toEqual(lengthsOf(chunks));
});

test('any chunks of any text are restored', () => {
  const chunk = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 90 }),
    fc.constantFrom('', ' ', '\n', 'word', '.', '12', ' '.repeat(40)),
  );
  fc.assert(
    fc.property(fc.array(chunk), (chunks) => {
      const text = chunks.join('');
      expect(readBoundaries(writeBoundaries(text, 0, lengthsOf(chunks)), text, 0)).toEqual(lengthsOf(chunks));
    }),
    { numRuns: 500 },
  );
});

describe('chunk boundaries that do not fit their text', () => {
  test.each(['3', 'c', 'D', '(3)', '999999999999', 'A?', '()', ':', 'b b'])('%s', (boundaries) => {
    expect(() => readBoundaries(boundaries, '..', 0)).toThrow(RangeError);
  });
});
