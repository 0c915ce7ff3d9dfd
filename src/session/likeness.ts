/**
 * Whether two openings are like each other: the same instructions, written for another day, place or request.
 * Billing lines, numbers and dates do not count. Of the sequences of three words that the rest has, half must
 * agree.
 *
 * A sketch is what is stored of an opening: a hash of its text, the number of its sequences, and the smallest hashes
 * of them. The hashes are a random sample, the same for each text, so that two sketches tell how many sequences
 * their texts share: exactly up to `SAMPLE` sequences, within a few per cent beyond.
 */
export interface Sketch {
  print: string;
  size: number;
  /** Ascending. */
  hashes: readonly number[];
}

const SAMPLE = 128;
const WORDS = 3;
/** The share of the sequences that must agree, measured on the longer text: from here on, openings are alike. */
export const ENOUGH = 0.5;

/** Some agents write a line into their instructions that differs in every request. */
const BILLING_LINE = /^\W*x-[\w-]*billing[\w-]*:.*$/gim;
const DATE_WORD =
  /^(mon|tues|wednes|thurs|fri|satur|sun)day$|^(mon|tue|wed|thu|fri|sat|sun)$|^(january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)$/;
/** Scripts without spaces between words: every character counts as a word. Tokens with a digit are numbers and ids. */
const WORD = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[\p{L}\p{M}\p{N}_]+/gu;

/** A hash of a text: equal for equal texts. */
export function printOf(text: string): string {
  return Bun.hash.xxHash64(text).toString(16);
}

/** The sketch of a text. */
export function sketchOf(text: string): Sketch {
  const words = wordsOf(text);
  const hashes = new Set<number>();
  for (let i = 0; i === 0 || i + WORDS <= words.length; i++)
    hashes.add(Bun.hash.xxHash32(words.slice(i, i + WORDS).join(' ')));
  return {
    print: printOf(text),
    size: hashes.size,
    hashes: [...hashes].sort((a, b) => a - b).slice(0, SAMPLE),
  };
}

function wordsOf(text: string): string[] {
  const found = text.replace(BILLING_LINE, '').toLowerCase().match(WORD) ?? [];
  return found.filter((word) => !/\p{N}/u.test(word) && !DATE_WORD.test(word));
}

/** The share of the sequences of the longer text that the other text has, from 0 to 1. */
export function agreement(a: Sketch, b: Sketch): number {
  if (a.print === b.print) return 1;
  const inA = new Set(a.hashes);
  const inB = new Set(b.hashes);
  const union = [...new Set([...a.hashes, ...b.hashes])].sort((x, y) => x - y);
  // Beyond this hash, one of the samples does not tell whether its text has the sequence.
  const sample = a.size <= SAMPLE && b.size <= SAMPLE ? union : union.slice(0, SAMPLE);
  const common = sample.filter((hash) => inA.has(hash) && inB.has(hash)).length;
  const ofUnion = common / sample.length;
  const shared = (ofUnion * (a.size + b.size)) / (1 + ofUnion);
  return shared / Math.max(a.size, b.size);
}

export const areAlike = (a: Sketch, b: Sketch): boolean => agreement(a, b) >= ENOUGH;

/** How many openings are remembered of one line: an agent asks for a summary under other instructions. */
const OPENINGS = 2;
/** Below this agreement, a sketch is replaced by a newer one that is still like it. */
const CURRENT = 0.75;

/** The openings of a line as they are stored, the latest first; `''` for none. */
export function writeSketches(sketches: readonly Sketch[]): string {
  const texts = sketches.map(({ print, size, hashes }) => {
    const bytes = new Uint8Array(new Uint32Array(hashes).buffer);
    return `${print} ${size} ${bytes.toBase64()}`;
  });
  return texts.join('\n');
}

/** The inverse of `writeSketches`. */
export function readSketches(text: string): Sketch[] {
  if (text === '') return [];
  return text.split('\n').map((line) => {
    const [print = '', size, hashes = ''] = line.split(' ');
    const bytes = Uint8Array.fromBase64(hashes);
    return { print, size: Number(size), hashes: [...new Uint32Array(bytes.buffer)] };
  });
}

/** The agreement with the opening of a line that agrees most. */
export function bestAgreement(sketch: Sketch, known: readonly Sketch[]): number {
  return Math.max(0, ...known.map((one) => agreement(sketch, one)));
}

/** The openings of a line after a request with this one; `undefined` where they need not change. */
export function withSketch(known: readonly Sketch[], sketch: Sketch): Sketch[] | undefined {
  if (bestAgreement(sketch, known) >= CURRENT) return undefined;
  return [sketch, ...known.filter((one) => !areAlike(one, sketch))].slice(0, OPENINGS);
}
