import type { Delta, DeltaOf, TextDelta } from '../../core/delta.ts';
import { type Item, isCustomCall, type OutputText } from '../../core/items.ts';
import type { Outcome } from '../../core/outcome.ts';

/** A hosted tool's progress. */
export type Progress = DeltaOf<'progress'>;

/**
 * How a turn's answer was streamed. Tape and outcome together give deltas that every reader renders to the same
 * events as the first time. The tape is stored in the turn's body and does not repeat what the outcome holds.
 * Deltas that give no event (`isOnTape`) are not on it. Natives are not on it, except those of
 * reasoning that a rescue discards.
 *
 * Stored turns keep their tapes: new entries may be added to this format, but old ones must stay readable.
 *
 * An entry is one delta, or several deltas of one channel: text of one kind, for one part of one item.
 *
 * | | |
 * |---|---|
 * | `@gpt-5` | an attempt with this model, at the outcome's provider |
 * | `>` | the start, with the outcome's model |
 * | `+` | the next output item starts, empty; `+1`: the next one of choice 1 |
 * | `["+", item]` | the same, but the item starts as given |
 * | `=` | the next output item starts as the whole item that it is in the output; `=1`: of choice 1 |
 * | `t12b3` | text with its chunk boundaries; `x` is for refusals, `r` for reasoning, `s` for summaries, `a` for arguments |
 * | `["t12b3", "…"]` | the same, of a text that is not in the output |
 * | `n` | the next annotation |
 * | `["p12", "…", delta]` | progress deltas with a text, and its chunk boundaries; `delta` is what they have in common |
 * | `u[{…},[…]]` | the first usage, as the outcome's raw one: with these values, without these fields |
 * | `-` | the item ends as its deltas made it |
 * | `!` | the item ends with the whole item that is in the output |
 * | a delta | any other delta, unchanged |
 *
 * An entry about another item or part than the entry before names them: `t3:12b3` (item 3, part 0), `t3.1:12b3`
 * (item 3, part 1). Where its deltas have log probabilities, it also says how many each delta has: `t3.1.1:12b3`.
 */
export type Tape = (string | [entry: string, own: string | Item, like?: Progress] | Delta)[];

/**
 * Whether a delta is on tapes: deltas that give no event are not. A message of Anthropic's API begins with the first
 * usage. Played, a tape has as many deltas as this counts.
 */
export const isOnTape = (delta: Delta): boolean =>
  delta.type === 'usage' ? delta.isFirst === true : delta.type !== 'finish' && delta.type !== 'extra';

/** The sign of each channel in an entry. */
export const SIGNS: Record<TextDelta['type'], string> = {
  'text-delta': 't',
  'refusal-delta': 'x',
  'reasoning-delta': 'r',
  'summary-delta': 's',
  'arguments-delta': 'a',
};
export const TYPES = new Map(Object.entries(SIGNS).map(([type, sign]) => [sign, type as TextDelta['type']]));

/** How much of a text, or of a list, the deltas have covered so far. */
interface Channel {
  sign: string;
  index: number;
  part: number;
  length: number;
}

/** The position on a tape. The recorder and the player count in the same way. */
export class TapePosition {
  /** The item and the part of the last entry. */
  index = 0;
  part = 0;
  private readonly channels = new Map<string, Channel>();
  private last: Channel | undefined;

  channel(sign: string, index: number, part: number): Channel {
    const { last } = this;
    // Most deltas are of the same channel as the one before.
    if (last?.sign === sign && last.index === index && last.part === part) return last;
    const key = `${sign}${index}.${part}`;
    const channel = this.channels.get(key) ?? { sign, index, part, length: 0 };
    this.channels.set(key, channel);
    this.last = channel;
    return channel;
  }

  /** Adds `length` to a channel. Returns its length before. */
  advance(sign: string, index: number, part: number, length: number): number {
    const channel = this.channel(sign, index, part);
    channel.length += length;
    return channel.length - length;
  }

  moveTo(index: number, part: number): void {
    this.index = index;
    this.part = part;
  }
}

/** All items of an answer, by choice. */
export const choicesOf = ({ output, alternates = [] }: Outcome): Item[][] => [output, ...alternates];

/** The whole text of a channel in an item; `undefined` where the item has no such channel. */
export function textIn(item: Item | undefined, type: TextDelta['type'], part: number): string | undefined {
  if (type === 'text-delta') return textPartIn(item, part)?.text;
  if (type === 'arguments-delta') {
    if (item?.type === 'function_call') return item.arguments;
    const { input } = (item && isCustomCall(item) ? item : {}) as { input?: unknown };
    return typeof input === 'string' ? input : undefined;
  }
  if (type === 'refusal-delta') {
    const content = item?.type === 'message' ? item.content[part] : undefined;
    return content?.type === 'refusal' ? content.refusal : undefined;
  }
  if (item?.type !== 'reasoning') return undefined;
  return (type === 'summary-delta' ? item.summary : item.content)?.[part]?.text;
}

export function textPartIn(item: Item | undefined, part: number): OutputText | undefined {
  const content = item?.type === 'message' ? item.content[part] : undefined;
  return content?.type === 'output_text' ? content : undefined;
}

/**
 * Chunk boundaries: where a text was cut into chunks, as a short string. Models write in words, so most chunks
 * are described by their number of words. Boundaries are stored with turns: neither the letters below nor the
 * definition of a word may ever change.
 *
 * | | |
 * |---|---|
 * | `12` | twelve chunks of one word each |
 * | `b` … `z` | a chunk of 2 … 26 words |
 * | `A` … `Z` | a chunk of 0 … 25 UTF-16 units that ends inside a word |
 * | `(120)` | a longer chunk, of this many units |
 */
const BOUNDARY = /(\d+)|([b-z])|([A-Z])|\((\d+)\)/y;

const MOST_WORDS = 26;
const MOST_UNITS = 25;

const letter = (from: string, steps: number): string => String.fromCharCode(from.charCodeAt(0) + steps);
const steps = (from: string, to: string): number => to.charCodeAt(0) - from.charCodeAt(0);

/** The boundaries of chunks that follow each other in `text`, from `start` on. `lengths` are in UTF-16 units. */
export function writeBoundaries(text: string, start: number, lengths: readonly number[]): string {
  let boundaries = '';
  let single = 0;
  let position = start;
  for (const length of lengths) {
    const words = countWords(text, position, position + length);
    position += length;
    if (words === 1) {
      single++;
      continue;
    }
    if (single > 0) boundaries += single;
    single = 0;
    if (words > 1) boundaries += letter('a', words - 1);
    else boundaries += length <= MOST_UNITS ? letter('A', length) : `(${length})`;
  }
  return single > 0 ? boundaries + single : boundaries;
}

/**
 * The inverse of `writeBoundaries`: the chunks' lengths. Throws a `RangeError` where the boundaries do not fit
 * the text.
 */
export function readBoundaries(boundaries: string, text: string, start: number): number[] {
  const lengths: number[] = [];
  let position = start;
  const cut = (end: number) => {
    lengths.push(end - position);
    position = end;
  };
  BOUNDARY.lastIndex = 0;
  for (let read = 0; read < boundaries.length; read = BOUNDARY.lastIndex) {
    const match = BOUNDARY.exec(boundaries);
    if (!match) throw new RangeError('not chunk boundaries');
    const [, single, words, units, long] = match;
    for (let left = Number(single ?? 0); left > 0; left--) cut(afterWords(text, position, 1));
    if (words) cut(afterWords(text, position, steps('a', words) + 1));
    else if (units ?? long) cut(position + (units ? steps('A', units) : Number(long)));
    if (position > text.length) throw new RangeError('chunk boundaries beyond the end of the text');
  }
  return lengths;
}

/** The number of words from `start` to `end`; 0 where `end` is inside a word, or for more than `MOST_WORDS`. */
function countWords(text: string, start: number, end: number): number {
  let words = 0;
  for (let position = start; position < end; words++) {
    if (words === MOST_WORDS) return 0;
    position = afterWord(text, position);
    if (position > end) return 0;
  }
  return words;
}

function afterWords(text: string, start: number, words: number): number {
  let position = start;
  for (let left = words; left > 0; left--) position = afterWord(text, position);
  return position;
}

/**
 * The end of the word that starts at `start`. A word is about what a tokenizer takes for one: letters, with one
 * sign or blank before them; up to three digits; signs, with the space before and the line breaks after them;
 * blanks and line breaks. Every text is a sequence of words. Their length is limited, so that finding the next
 * one takes constant time in any text.
 */
function afterWord(text: string, start: number): number {
  const kind = kindAt(text, start);
  const next = kindAt(text, start + 1);
  if (kind === DIGIT) return after(text, start, DIGIT, 3);
  if (kind === LETTER) return after(text, start, LETTER, LONGEST);
  if (kind !== BREAK && next === LETTER) return after(text, start + 1, LETTER, LONGEST);
  if (kind === SIGN || (text[start] === ' ' && next === SIGN)) {
    const signs = after(text, kind === SIGN ? start : start + 1, SIGN, LONGEST);
    return after(text, signs, BREAK, MOST_BREAKS);
  }
  if (kind === undefined) throw new RangeError('no words are left');
  return after(text, after(text, start, BLANK, LONGEST), BREAK, MOST_BREAKS);
}

const LONGEST = 32;
const MOST_BREAKS = 8;

const LETTER = 0;
const DIGIT = 1;
const BLANK = 2;
const BREAK = 3;
const SIGN = 4;

/** The kinds of ASCII characters. All others count as letters, so the result does not depend on the Unicode version. */
const KINDS = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  if (/[a-z]/i.test(character)) return LETTER;
  if (/[0-9]/.test(character)) return DIGIT;
  if (/[ \t]/.test(character)) return BLANK;
  return /[\r\n]/.test(character) ? BREAK : SIGN;
});

function kindAt(text: string, position: number): number | undefined {
  return position < text.length ? (KINDS[text.charCodeAt(position)] ?? LETTER) : undefined;
}

/** The end of a run of characters of one kind, of at most `most` characters. */
function after(text: string, start: number, kind: number, most: number): number {
  let end = start;
  while (end < start + most && kindAt(text, end) === kind) end++;
  return end;
}
