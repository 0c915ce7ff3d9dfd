/** Bytes of the file that are read without a pause for other work. */
const SLICE = 256 * 1024;

/**
 * The tokens of an encoding, in a table of bytes: 6 MB for 200,000 tokens, where a table of strings takes some
 * 100 MB. A token's rank says how early its bytes are merged.
 */
export class Vocabulary {
  private constructor(
    private readonly bytes: Uint8Array,
    /** Where the bytes of each rank begin. */
    private readonly starts: Uint32Array,
    /** By the hash of their bytes: ranks + 1, and 0 where there is none. */
    private readonly table: Int32Array,
  ) {}

  /** Reads a file with a token per line, in the order of ranks: its bytes in base64, a space, its rank. */
  static async read(file: Uint8Array): Promise<Vocabulary> {
    const lines = countLines(file);
    const bytes = new Uint8Array(Math.ceil((file.length * 3) / 4));
    const starts = new Uint32Array(lines + 1);
    const table = new Int32Array(2 ** Math.ceil(Math.log2(lines * 2)));
    const vocabulary = new Vocabulary(bytes, starts, table);
    let rank = 0;
    let pause = SLICE;
    for (let at = 0; at < file.length && rank < lines; rank++) {
      at = vocabulary.add(rank, file, at);
      if (at < pause) continue;
      pause = at + SLICE;
      await Bun.sleep(0);
    }
    return new Vocabulary(bytes.slice(0, starts[rank]), starts, table);
  }

  /** The rank of the token that has these bytes; -1 where no token has them. */
  rankOf(source: Uint8Array, from: number, to: number): number {
    const { table, starts, bytes } = this;
    const mask = table.length - 1;
    for (let slot = hashOf(source, from, to) & mask; ; slot = (slot + 1) & mask) {
      const rank = table[slot]! - 1;
      if (rank === -1) return -1;
      const start = starts[rank]!;
      if (starts[rank + 1]! - start !== to - from) continue;
      let i = from;
      while (i < to && source[i] === bytes[start + i - from]) i++;
      if (i === to) return rank;
    }
  }

  /** Adds the token of the line at `at`; returns where the next line begins. */
  private add(rank: number, file: Uint8Array, at: number): number {
    const { bytes, starts, table } = this;
    const start = starts[rank]!;
    let end = start;
    let held = 0;
    let bits = 0;
    let index = at;
    for (; file[index] !== SPACE; index++) {
      const value = BASE64[file[index]!]!;
      if (value === PADDING) continue;
      held = (held << 6) | value;
      bits += 6;
      if (bits < 8) continue;
      bits -= 8;
      bytes[end++] = held >> bits;
      held &= (1 << bits) - 1;
    }
    starts[rank + 1] = end;
    const mask = table.length - 1;
    let slot = hashOf(bytes, start, end) & mask;
    while (table[slot] !== 0) slot = (slot + 1) & mask;
    table[slot] = rank + 1;
    const next = file.indexOf(NEWLINE, index);
    const written = Number(new TextDecoder().decode(file.subarray(index + 1, next)));
    if (written !== rank) throw new Error(`The vocabulary has rank ${written} on line ${rank + 1}.`);
    return next + 1;
  }
}

const NEWLINE = 10;
const SPACE = 32;
const PADDING = 64;
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=';
const BASE64 = Uint8Array.from({ length: 128 }, (_, code) =>
  Math.max(0, DIGITS.indexOf(String.fromCharCode(code))),
);

function countLines(file: Uint8Array): number {
  let lines = 0;
  for (let at = file.indexOf(NEWLINE); at !== -1; at = file.indexOf(NEWLINE, at + 1)) lines++;
  return lines;
}

function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash ^ (hash >>> 15);
}
