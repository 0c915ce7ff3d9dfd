import { fileURLToPath } from 'node:url';
import type { Encoding } from './encodings.ts';
import { Vocabulary } from './vocabulary.ts';

/**
 * Pieces of a text are tokenized on their own. The time for a piece grows with the square of its length, so a
 * longer one, a run without any break, is counted in parts of so many bytes. Its count can then be too high by a
 * token per part.
 */
const LONGEST_PIECE = 512;
/** Characters that are counted without a pause for other work: about two milliseconds, eight for a run of letters. */
const SLICE = 16_384;
/** Counts of pieces that are kept: most words of a text are among them. */
const MOST_PIECES = 20_000;
/** Characters of the longest piece whose count is kept. */
const KEPT_PIECE = 24;

/**
 * Counts tokens as a published tokenizer does (byte pair encoding: adjacent tokens are joined in the order of the
 * ranks of what they make). Words for a special token in a text are text.
 */
export class Tokenizer {
  private readonly counts = new Map<string, number>();
  private readonly encoder = new TextEncoder();
  private readonly bytes = new Uint8Array(3 * SLICE);
  private readonly starts = new Int32Array(LONGEST_PIECE + 1);
  private readonly ranks = new Int32Array(LONGEST_PIECE + 1);

  constructor(
    private readonly vocabulary: Vocabulary,
    /** Divides a text into pieces; global. */
    private readonly pieces: RegExp,
  ) {}

  /** Loads the tokenizer of an encoding, in steps of a few milliseconds. */
  static async load(encoding: Encoding): Promise<Tokenizer> {
    const { CL100K_TOKEN_SPLIT_REGEX, O200K_TOKEN_SPLIT_REGEX } = await import(
      'gpt-tokenizer/encodingParams/constants'
    );
    const here = fileURLToPath(new URL('.', import.meta.url));
    const file = Bun.resolveSync(`gpt-tokenizer/data/${encoding}_base.tiktoken`, here);
    const pieces = encoding === 'o200k' ? O200K_TOKEN_SPLIT_REGEX : CL100K_TOKEN_SPLIT_REGEX;
    return new Tokenizer(await Vocabulary.read(await Bun.file(file).bytes()), pieces);
  }

  /** The tokens of a text. A long text is counted in slices, so that other work is not held up. */
  async count(text: string): Promise<number> {
    let tokens = 0;
    for (let from = 0; from < text.length; ) {
      const to = sliceEnd(text, from);
      if (from > 0) await Bun.sleep(0);
      tokens += this.countNow(text.slice(from, to));
      from = to;
    }
    return tokens;
  }

  /** The tokens of a text of at most a slice. */
  countNow(text: string): number {
    let tokens = 0;
    for (const piece of text.match(this.pieces) ?? []) tokens += this.ofPiece(piece);
    return tokens;
  }

  private ofPiece(piece: string): number {
    const kept = this.counts.get(piece);
    if (kept !== undefined) return kept;
    const { written } = this.encoder.encodeInto(piece, this.bytes);
    let tokens = 0;
    for (let from = 0; from < written; from += LONGEST_PIECE) {
      tokens += this.ofBytes(from, Math.min(from + LONGEST_PIECE, written));
    }
    if (piece.length <= KEPT_PIECE) {
      if (this.counts.size >= MOST_PIECES) this.counts.clear();
      this.counts.set(piece, tokens);
    }
    return tokens;
  }

  private ofBytes(from: number, to: number): number {
    const { vocabulary, bytes, starts, ranks } = this;
    if (vocabulary.rankOf(bytes, from, to) !== -1) return 1;
    let parts = to - from;
    for (let i = 0; i <= parts; i++) starts[i] = from + i;
    for (let i = 0; i < parts - 1; i++) ranks[i] = this.rankAt(i);
    for (; parts > 1; parts--) {
      let first = -1;
      let lowest = NEVER;
      for (let i = 0; i < parts - 1; i++) {
        if (ranks[i]! >= lowest) continue;
        lowest = ranks[i]!;
        first = i;
      }
      if (first === -1) break;
      starts.copyWithin(first + 1, first + 2, parts + 1);
      ranks.copyWithin(first + 1, first + 2, parts - 1);
      if (first < parts - 2) ranks[first] = this.rankAt(first);
      if (first > 0) ranks[first - 1] = this.rankAt(first - 1);
    }
    return parts;
  }

  /** The rank of what a part and the next one make. */
  private rankAt(part: number): number {
    const rank = this.vocabulary.rankOf(this.bytes, this.starts[part]!, this.starts[part + 2]!);
    return rank === -1 ? NEVER : rank;
  }
}

const NEVER = 0x7fff_ffff;

/**
 * Where a slice ends: before a space after a character that is none, where every encoding divides a text. In a
 * text without such a position it ends anywhere, but not between the halves of a pair of surrogates.
 */
function sliceEnd(text: string, from: number): number {
  const most = from + SLICE;
  if (most >= text.length) return text.length;
  for (let at = most; at > from + SLICE / 2; at--) {
    if (text.charCodeAt(at) === 32 && !/\s/.test(text[at - 1]!)) return at;
  }
  const isPair = (text.charCodeAt(most) & 0xfc00) === 0xdc00;
  return isPair ? most - 1 : most;
}
