import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { damaged, MAGIC, MOST_BYTES, PARAMS, sizeOf } from './codec.ts';

/** A `Codec` with the documented functions of `node:zlib`. They read the dictionary in each call. */
export class PlainCodec {
  constructor(
    private readonly number: number,
    private readonly dictionary: Buffer,
  ) {}

  pack(text: string): Uint8Array | undefined {
    if (Buffer.byteLength(text) > MOST_BYTES) return undefined;
    const frame = zstdCompressSync(text, { dictionary: this.dictionary, params: PARAMS });
    const packed = Uint8Array.from(frame.subarray(MAGIC.length - 1));
    packed[0] = this.number;
    return packed;
  }

  unpack(packed: Uint8Array): string {
    const frame = Buffer.concat([MAGIC, packed.subarray(1)]);
    let content: Buffer;
    try {
      content = zstdDecompressSync(frame, { dictionary: this.dictionary });
    } catch (cause) {
      throw damaged(cause);
    }
    // Of a frame that is cut, the runtime gives what there is.
    if (content.length === 0 || content.length !== sizeOf(packed)) throw damaged();
    return content.toString('utf8');
  }
}
