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

/**
 * About what a tokenizer takes for a word. Every text is a sequence of these. Bounded, so that looking for the
 * next one costs the same in any text; without character classes that grow with Unicode.
 */
const WORD =
  /[^\r\nA-Za-z0-9\x80-\uffff]?[A-Za-z\x80-\uffff]{1,32}|[0-9]{1,3}| ?[^ \t\r\nA-Za-z0-9\x80-\uffff]{1,32}[\r\n]{0,8}|[ \t]{0,32}[\r\n]{1,8}|[ \t]{1,32}/y;

const SIGN = /(\d+)|([b-z])|([A-Z])|\((\d+)\)/y;

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
  SIGN.lastIndex = 0;
  for (let read = 0; read < cadence.length; read = SIGN.lastIndex) {
    const sign = SIGN.exec(cadence);
    if (!sign) throw new RangeError('not a cadence');
    const [, single, words, units, long] = sign;
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

function afterWord(text: string, at: number): number {
  WORD.lastIndex = at;
  if (!WORD.test(text)) throw new RangeError('no words are left');
  return WORD.lastIndex;
}
