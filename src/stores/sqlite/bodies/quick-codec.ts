import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { damaged, MAGIC, MOST_BYTES, PARAMS, sizeOf } from './codec.ts';

/**
 * The part of a stream of `node:zlib` that works at once and in memory. It is not documented: it is used where it does
 * what is expected (`body.ts`).
 */
interface Engine {
  /** After a call: the bytes of the output that are left, and those of the input. */
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

/**
 * A `Codec` that keeps the dictionary as the engine has read it: the functions `zstdCompressSync` and
 * `zstdDecompressSync` give the same bytes, and take ten times as long for a body. Its buffers are used again in each
 * call.
 */
export class QuickCodec {
  private compressor: Engine;
  private decompressor: Engine;
  private failure: string | undefined;
  private readonly encoder = new TextEncoder();
  private readonly plain = Buffer.alloc(MOST_BYTES);
  // A frame of what cannot be compressed is a little longer than its content.
  private readonly frame = new Uint8Array(MOST_BYTES + 1024);

  constructor(
    private readonly number: number,
    private readonly dictionary: Buffer,
  ) {
    this.compressor = this.newCompressor();
    this.decompressor = this.newDecompressor();
    this.frame.set(MAGIC);
  }

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

  unpack(packed: Uint8Array): string {
    const { plain, frame } = this;
    const length = MAGIC.length + packed.length - 1;
    const size = sizeOf(packed);
    if (size === 0 || size > plain.length || length > frame.length) throw damaged();
    frame.set(packed, MAGIC.length - 1);
    frame[MAGIC.length - 1] = MAGIC.at(-1)!;
    const { _handle, _writeState } = this.decompressor;
    _handle.writeSync(constants.ZSTD_e_continue, frame, 0, length, plain, 0, plain.length);
    const written = plain.length - _writeState[0]!;
    if (this.failure === undefined && written === size && _writeState[1] === 0)
      return plain.toString('utf8', 0, written);
    // The engine still waits for the rest of the damaged frame.
    const cause = this.failure;
    this.decompressor = this.newDecompressor();
    throw damaged(cause);
  }

  private newCompressor(): Engine {
    return this.watched(createZstdCompress({ dictionary: this.dictionary, params: PARAMS }));
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
