import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { readCadence, writeCadence } from '../../../src/session/tape/cadence.ts';

const lengthsOf = (pieces: readonly string[]): number[] => pieces.map((piece) => piece.length);

// Cadences are stored: a change of any row makes turns of the past unreadable.
const ROWS: [what: string, pieces: string[], cadence: string][] = [
  ['words, each with the blank or the sign before it', ['Crabs', ' walk', '-ways', '\tor', '(not'], '5'],
  ['digits in threes', ['1', ' ', '234', '567', '8'], '5'],
  ['signs, with their space and their line breaks', ['?', ' "!.\n\n', '\u0000'], '3'],
  ['blanks and line breaks', [' \t\r\n', '  ', 'x'], '3'],
  ['letters of any alphabet, and halves of pairs', [' straße', ' 你好', ' \ud83e\udd9e'], '3'],
  ['several words at once', ['one two', ' a b c', ' d'], 'bc1'],
  ['parts of words', ['straw', 'berry', '', '你', '好'], 'FFAB1'],
  ['at most 26 words by their number', [' w'.repeat(26), ' w'.repeat(12), '!', ' w'.repeat(27)], 'zl1(54)'],
  ['long words in bounded ones', ['x'.repeat(32), 'x'.repeat(26), 'x'], '1(26)1'],
  ['nothing', [], ''],
];

test.each(ROWS)('%s', (_, pieces, cadence) => {
  const text = pieces.join('');
  expect(writeCadence(`…${text}`, 1, lengthsOf(pieces))).toBe(cadence);
  expect(readCadence(cadence, `…${text}`, 1)).toEqual(lengthsOf(pieces));
});

test('any pieces of any text come back', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 90 }),
    fc.constantFrom('', ' ', '\n', 'word', '.', '12', ' '.repeat(40)),
  );
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const text = pieces.join('');
      expect(readCadence(writeCadence(text, 0, lengthsOf(pieces)), text, 0)).toEqual(lengthsOf(pieces));
    }),
    { numRuns: 500 },
  );
});

describe('a cadence that does not fit its text', () => {
  test.each(['3', 'c', 'D', '(3)', '999999999999', 'A?', '()', ':', 'b b'])('%s', (cadence) => {
    expect(() => readCadence(cadence, '..', 0)).toThrow(RangeError);
  });
});
