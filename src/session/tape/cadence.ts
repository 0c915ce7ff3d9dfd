/**
 * Where a text was cut into pieces, as a short string: models write in words, so most pieces are told by how
 * many words they hold. Stored with turns: neither the letters below nor what a word is may ever change.
 *
 * | | |
 * |---|---|
 * | `12` | twelve pieces of one word each |
 * | `b` … `z` | a piece of 2 … 26 words |
 * | `A` … `Z` | a piece of 0 … 25 UTF-16 units that ends inside a word |
 * | `(120)` | a longer piece, of so many units |
 */

const MARK = /(\d+)|([b-z])|([A-Z])|\((\d+)\)/y;

const MOST_WORDS = 26;
const MOST_UNITS = 25;

const letter = (from: string, steps: number): string => String.fromCharCode(from.charCodeAt(0) + steps);
const steps = (from: string, to: string): number => to.charCodeAt(0) - from.charCodeAt(0);

/** The cadence of pieces that follow each other in `text`, from `at` on. */
export function writeCadence(text: string, at: number, lengths: readonly number[]): string {
  let cadence = '';
  let single = 0;
  for (const length of lengths) {
    const words = countWords(text, at, at + length);
    at += length;
    if (words === 1) {
      single++;
      continue;
    }
    if (single > 0) cadence += single;
    single = 0;
    if (words > 1) cadence += letter('a', words - 1);
    else cadence += length <= MOST_UNITS ? letter('A', length) : `(${length})`;
  }
  return single > 0 ? cadence + single : cadence;
}

/** The inverse: the lengths of the pieces. Throws a `RangeError` where the text cannot have been cut so. */
export function readCadence(cadence: string, text: string, at: number): number[] {
  const lengths: number[] = [];
  const cut = (end: number) => {
    lengths.push(end - at);
    at = end;
  };
  MARK.lastIndex = 0;
  for (let read = 0; read < cadence.length; read = MARK.lastIndex) {
    const mark = MARK.exec(cadence);
    if (!mark) throw new RangeError('not a cadence');
    const [, single, words, units, long] = mark;
    for (let more = Number(single ?? 0); more > 0; more--) cut(afterWords(text, at, 1));
    if (words) cut(afterWords(text, at, steps('a', words) + 1));
    else if (units ?? long) cut(at + (units ? steps('A', units) : Number(long)));
    if (at > text.length) throw new RangeError('a cadence that is longer than its text');
  }
  return lengths;
}

/** How many words are between two places; 0 where the second is not an end of a word, or for too many. */
function countWords(text: string, from: number, to: number): number {
  let words = 0;
  for (let at = from; at < to; words++) {
    if (words === MOST_WORDS) return 0;
    at = afterWord(text, at);
    if (at > to) return 0;
  }
  return words;
}

function afterWords(text: string, at: number, words: number): number {
  for (let left = words; left > 0; left--) at = afterWord(text, at);
  return at;
}

/**
 * About what a tokenizer takes for a word: letters and the one sign or blank before them; up to three digits; signs,
 * with the space before and the line breaks after them; blanks and line breaks. Every text is a sequence of these.
 * They are bounded, so that the next one is found as fast in any text.
 */
function afterWord(text: string, at: number): number {
  const kind = kindAt(text, at);
  const next = kindAt(text, at + 1);
  if (kind === DIGIT) return after(text, at, DIGIT, 3);
  if (kind === LETTER) return after(text, at, LETTER, LONGEST);
  if (kind !== BREAK && next === LETTER) return after(text, at + 1, LETTER, LONGEST);
  if (kind === SIGN || (text[at] === ' ' && next === SIGN)) {
    const signs = after(text, kind === SIGN ? at : at + 1, SIGN, LONGEST);
    return after(text, signs, BREAK, MOST_BREAKS);
  }
  if (kind === undefined) throw new RangeError('no words are left');
  return after(text, after(text, at, BLANK, LONGEST), BREAK, MOST_BREAKS);
}

const LONGEST = 32;
const MOST_BREAKS = 8;

const LETTER = 0;
const DIGIT = 1;
const BLANK = 2;
const BREAK = 3;
const SIGN = 4;

/** Of the characters of ASCII; all others are letters, which no later edition of Unicode will change. */
const KINDS = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  if (/[a-z]/i.test(character)) return LETTER;
  if (/[0-9]/.test(character)) return DIGIT;
  if (/[ \t]/.test(character)) return BLANK;
  return /[\r\n]/.test(character) ? BREAK : SIGN;
});

function kindAt(text: string, at: number): number | undefined {
  return at < text.length ? (KINDS[text.charCodeAt(at)] ?? LETTER) : undefined;
}

/** Behind as many characters of a kind as there are, at most `most`. */
function after(text: string, at: number, kind: number, most: number): number {
  let end = at;
  while (end < at + most && kindAt(text, end) === kind) end++;
  return end;
}
