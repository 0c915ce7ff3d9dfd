import { describe, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { MOST_BYTES } from '../../../src/stores/sqlite/bodies/codec.ts';
import { LATEST, readDictionary } from '../../../src/stores/sqlite/bodies/dictionaries.ts';
import { PlainCodec } from '../../../src/stores/sqlite/bodies/plain-codec.ts';
import { QuickCodec } from '../../../src/stores/sqlite/bodies/quick-codec.ts';
import { packBody, unpackBody } from '../../../src/stores/sqlite/body.ts';

/** The frame of zstd in a packed body. */
const frameOf = (packed: Uint8Array) => Buffer.concat([Buffer.from('28b52ffd', 'hex'), packed.subarray(1)]);

const TURN = JSON.stringify({
  input: [
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Where is it? — “Here” 🦞' }] },
  ],
  output: [
    {
      type: 'message',
      role: 'assistant',
      content: [{ type: 'output_text', text: 'Under the third stone on the left.', annotations: [] }],
      status: 'completed',
    },
  ],
  completedAt: 1_750_000_000_123,
  finish: [{ unified: 'stop', raw: 'stop' }],
});

describe('body', () => {
  test('takes a third of a short turn, with the number of its dictionary and no other', () => {
    const packed = packBody(TURN) as Uint8Array;
    expect(packed[0]).toBe(LATEST);
    expect(packed.length).toBeLessThan(TURN.length / 3);
    expect(unpackBody(packed)).toBe(TURN);
    // Any reader of zstd that has the dictionary can read it.
    const dictionary = readDictionary(LATEST);
    expect(zstdDecompressSync(frameOf(packed), { dictionary }).toString()).toBe(TURN);
  });

  test('is the same after it was packed, at every length', () => {
    const lengths = [
      0, 1, 31, 32, 33, 254, 255, 256, 257, 2000, 65_534, 65_535, 65_536, 65_537, 65_792, 200_000,
    ];
    for (const length of lengths) {
      const texts = [
        'a'.repeat(length),
        randomBytes(length).toString('latin1').slice(0, length),
        '€'.repeat(length),
      ];
      for (const text of texts) expect(unpackBody(packBody(text)) === text).toBe(true);
    }
  });

  test('of an earlier version can be read', () => {
    expect(unpackBody(TURN)).toBe(TURN);
    expect(unpackBody(Bun.zstdCompressSync(TURN, { level: 1 }))).toBe(TURN);
  });

  test('that is longer than the buffers is stored without a dictionary', () => {
    const [longest, longer] = ['ab'.repeat(MOST_BYTES / 2), `${'ab'.repeat(MOST_BYTES / 2)}c`];
    expect(packBody(longest)[0]).toBe(LATEST);
    const packed = packBody(longer) as Uint8Array;
    expect(Bun.zstdDecompressSync(packed).toString()).toBe(longer);
    expect(unpackBody(packed)).toBe(longer);
  });

  test('that is damaged is refused, and the next one is read', () => {
    const packed = packBody(TURN) as Uint8Array;
    const damages = [packed.slice(0, -5), packed.slice(0, 2), packed.slice(0, 1), new Uint8Array(0)];
    const long = Uint8Array.of(LATEST, 0x60, 0xff, 0xff, ...packed.slice(4));
    for (const damaged of [...damages, long, Buffer.concat([packed, packed.subarray(1)])]) {
      expect(() => unpackBody(damaged)).toThrow();
      expect(unpackBody(packed)).toBe(TURN);
    }
    for (let at = 1; at < packed.length; at++) {
      const damaged = packed.slice();
      damaged[at]! ^= 0xff;
      let text = '';
      try {
        text = unpackBody(damaged);
      } catch {}
      expect(text).not.toBe(TURN);
      expect(unpackBody(packed)).toBe(TURN);
    }
  });

  test('whose dictionary is missing is refused with the remedy', () => {
    const packed = packBody(TURN) as Uint8Array;
    packed[0] = 39;
    expect(() => unpackBody(packed)).toThrow(/dictionary 39.*does not have.*newer program/);
  });
});

describe.each([
  ['plain', PlainCodec, QuickCodec],
  ['quick', QuickCodec, PlainCodec],
])('the %s codec', (_, Codec, Other) => {
  const dictionary = readDictionary(LATEST);
  const codec = new Codec(LATEST, dictionary);

  test('reads what the other one has packed', () => {
    const other = new Other(LATEST, dictionary);
    for (const text of ['a', TURN, TURN.repeat(3), TURN.repeat(100), '€'.repeat(100)])
      expect(codec.unpack(other.pack(text)!)).toBe(text);
  });

  test('takes no longer text than the other one', () => {
    expect(codec.pack('a'.repeat(MOST_BYTES))).toBeDefined();
    expect(codec.pack(`${'a'.repeat(MOST_BYTES)}b`)).toBeUndefined();
    expect(codec.pack('€'.repeat(MOST_BYTES / 2))).toBeUndefined();
  });

  test('refuses what is cut, and reads the next body', () => {
    const packed = codec.pack(TURN)!;
    for (let length = 0; length < packed.length; length++)
      expect(() => codec.unpack(packed.slice(0, length))).toThrow('A stored turn is damaged.');
    expect(codec.unpack(packed)).toBe(TURN);
  });

  test('gives nothing but the bodies of its dictionary', () => {
    const foreign = new Codec(2, Buffer.from('another dictionary, with which nothing was stored'.repeat(20)));
    let text = '';
    try {
      text = foreign.unpack(codec.pack(TURN)!);
    } catch {}
    expect(text).not.toBe(TURN);
    expect(foreign.unpack(foreign.pack(TURN)!)).toBe(TURN);
  });
});

describe('dictionary', () => {
  test('that is missing or changed is refused', async () => {
    const root = mkdtempSync(join(tmpdir(), 'clawhold-dictionaries-'));
    const source = join(import.meta.dir, '../../../src/stores');
    for (const file of ['unusable.ts', 'sqlite/bodies/dictionaries.ts'])
      cpSync(join(source, file), join(root, file));
    const { readDictionary: read } = await import(join(root, 'sqlite/bodies/dictionaries.ts'));
    expect(() => read(LATEST)).toThrow(/dictionary-1\.zdict is missing.*Install the program again/);
    const copy = join(root, 'sqlite/bodies/dictionary-1.zdict');
    const bytes = Buffer.from(readDictionary(LATEST));
    bytes[30_000]! ^= 1;
    writeFileSync(copy, bytes);
    expect(() => read(LATEST)).toThrow(/dictionary-1\.zdict is damaged/);
    bytes[30_000]! ^= 1;
    writeFileSync(copy, bytes);
    expect(read(LATEST)).toEqual(readDictionary(LATEST));
    rmSync(root, { recursive: true });
  });
});
