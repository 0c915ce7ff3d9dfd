import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { Fault } from '../../../core/errors.ts';

/** A body has at most so many bytes. */
export const MOST_BYTES = 64 * 1024;

const LEVEL = 3;
/** Every frame of zstd begins with these bytes. They are not stored. */
const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
/** What the descriptor of a frame says of its size, and the bytes that the size takes. */
const SIZE_FLAG_SHIFT = 6;
const SIZE_IN_TWO_BYTES_FROM = 256;

/**
 * The part of a stream of `node:zlib` that works at once and in memory. The functions `zstdCompressSync` and
 * `zstdDecompressSync` give the same bytes, but read the dictionary in each call, which takes many times as long as a
 * body.
 */
interface Engine {
  /** Left and right after a call: the bytes of the output that are unused, and those of the input. */
  _writeState: Uint32Array;
  _handle: {
    onerror: (message: string) => void;
    writeSync(
      flush: number,
      input: Uint8Array,
      from: number,
      length: number,
      output: Uint8Array,
      to: number,
      space: number,
    ): void;
  };
}

/** Packs and unpacks bodies with one dictionary. Its buffers are used again in each call. */
export class Codec {
  private compressor: Engine;
  private decompressor: Engine;
  private failure: string | undefined;
  private readonly encoder = new TextEncoder();
  private readonly plain = Buffer.alloc(MOST_BYTES);
  // A frame of what cannot be compressed is a little longer than its content.
  private readonly frame = new Uint8Array(MOST_BYTES + 1024);

  /** Throws where the runtime does not compress as this class expects. */
  constructor(
    private readonly number: number,
    private readonly dictionary: Buffer,
  ) {
    this.compressor = this.newCompressor();
    this.decompressor = this.newDecompressor();
    this.frame.set(MAGIC);
    const probe = '{"input":[{"type":"message","role":"user"}]}';
    const packed = this.pack(probe);
    if (!packed || this.unpack(packed) !== probe) throw new Error('The runtime does not compress with zstd.');
  }

  /** The number of the dictionary and a frame without its first bytes; `undefined` where it cannot be made. */
  pack(text: string): Uint8Array | undefined {
    const { compressor, plain, frame } = this;
    const { read, written } = this.encoder.encodeInto(text, plain);
    if (read < text.length) return undefined;
    compressor._handle.writeSync(constants.ZSTD_e_end, plain, 0, written, frame, 0, frame.length);
    if (this.failure !== undefined) {
      this.compressor = this.newCompressor();
      return undefined;
    }
    const packed = frame.slice(MAGIC.length - 1, frame.length - compressor._writeState[0]!);
    packed[0] = this.number;
    return packed;
  }

  /** Throws `context_lost` where the bytes are not those that `pack` made. */
  unpack(packed: Uint8Array): string {
    const { plain, frame } = this;
    const length = MAGIC.length + packed.length - 1;
    const size = sizeOf(packed);
    if (size === 0 || size > plain.length || length > frame.length)
      throw damaged('it does not tell its size');
    frame.set(packed, MAGIC.length - 1);
    frame[MAGIC.length - 1] = MAGIC.at(-1)!;
    const { _handle, _writeState } = this.decompressor;
    _handle.writeSync(constants.ZSTD_e_continue, frame, 0, length, plain, 0, plain.length);
    const written = plain.length - _writeState[0]!;
    if (this.failure === undefined && written === size && _writeState[1] === 0)
      return plain.toString('utf8', 0, written);
    const reason = this.failure ?? `it has ${written} bytes instead of ${size}`;
    // It still waits for the rest of the damaged frame.
    this.decompressor = this.newDecompressor();
    throw damaged(reason);
  }

  private newCompressor(): Engine {
    const params = {
      [constants.ZSTD_c_compressionLevel]: LEVEL,
      // The number of the dictionary is stored before the frame.
      [constants.ZSTD_c_dictIDFlag]: 0,
    };
    return this.watched(createZstdCompress({ dictionary: this.dictionary, params }));
  }

  private newDecompressor(): Engine {
    return this.watched(createZstdDecompress({ dictionary: this.dictionary }));
  }

  private watched(stream: unknown): Engine {
    const engine = stream as Engine;
    this.failure = undefined;
    engine._handle.onerror = (message) => {
      this.failure = message;
    };
    return engine;
  }
}

const damaged = (reason: string): Fault => new Fault('context_lost', `A stored turn is damaged: ${reason}.`);

/** The size of the content, as the frame tells it (RFC 8878, section 3.1.1.1). */
function sizeOf(packed: Uint8Array): number {
  const [, descriptor = 0, low = 0, high = 0] = packed;
  return descriptor >> SIZE_FLAG_SHIFT === 0 ? low : low + (high << 8) + SIZE_IN_TWO_BYTES_FROM;
}
