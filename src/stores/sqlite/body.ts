import type { Codec } from './bodies/codec.ts';
import { LATEST, readDictionary } from './bodies/dictionaries.ts';
import { PlainCodec } from './bodies/plain-codec.ts';
import { QuickCodec } from './bodies/quick-codec.ts';

/** A shorter body is stored as text. */
const WORTH_COMPRESSING = 32;
/** The first byte of a frame of zstd, which is a body without a dictionary. No dictionary has this number. */
const FRAME = 0x28;

const codecs = new Map<number, Codec>();

function codecOf(number: number): Codec {
  const known = codecs.get(number);
  if (known) return known;
  const codec = codecFor(number, readDictionary(number));
  codecs.set(number, codec);
  return codec;
}

/** The quickest codec that the runtime has. */
function codecFor(number: number, dictionary: Buffer): Codec {
  const plain = new PlainCodec(number, dictionary);
  try {
    const quick = new QuickCodec(number, dictionary);
    const probe = '{"input":[{"type":"message","role":"user"}]}';
    const isRight = plain.unpack(quick.pack(probe)!) === probe && quick.unpack(plain.pack(probe)!) === probe;
    return isRight ? quick : plain;
  } catch {
    return plain;
  }
}

/** Throws `Unusable` where new bodies could not be stored, or not be read again. */
export function checkBodies(): void {
  codecOf(LATEST);
}

/**
 * A turn's body as the file holds it: text; or compressed with the dictionary whose number is the first byte; or a
 * frame of zstd without a dictionary, for long bodies and those of earlier versions.
 */
export function packBody(body: string): string | Uint8Array {
  if (body.length < WORTH_COMPRESSING) return body;
  const packed = codecOf(LATEST).pack(body) ?? Bun.zstdCompressSync(body, { level: 1 });
  return packed.byteLength < body.length ? packed : body;
}

/** Throws where the body is damaged, or where its dictionary is missing. */
export function unpackBody(stored: string | Uint8Array): string {
  if (typeof stored === 'string') return stored;
  const [first = 0] = stored;
  return first === FRAME ? Bun.zstdDecompressSync(stored).toString('utf8') : codecOf(first).unpack(stored);
}
