import { constants } from 'node:zlib';
import { Fault } from '../../../core/errors.ts';

/** Packs and unpacks bodies with one dictionary. All codecs of a dictionary read what the others have packed. */
export interface Codec {
  /**
   * The number of the dictionary, then a frame of zstd without its first bytes; `undefined` where the text is too long
   * (`MOST_BYTES`).
   */
  pack(text: string): Uint8Array | undefined;
  /** Throws `context_lost` where the bytes are not those that `pack` made. */
  unpack(packed: Uint8Array): string;
}

/** A body that is packed with a dictionary has at most so many bytes. */
export const MOST_BYTES = 64 * 1024;

/** Every frame of zstd begins with these bytes (RFC 8878, section 3.1.1). They are not stored. */
export const MAGIC = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);

export const PARAMS = {
  [constants.ZSTD_c_compressionLevel]: 3,
  // The number of the dictionary is stored before the frame.
  [constants.ZSTD_c_dictIDFlag]: 0,
};

export const damaged = (cause?: unknown): Fault =>
  new Fault('context_lost', 'A stored turn is damaged.', { cause });

/** What the descriptor of a frame says of its size, and the bytes that the size takes. */
const SIZE_FLAG_SHIFT = 6;
const SIZE_IN_TWO_BYTES_FROM = 256;

/** The size of the content in bytes, as the frame tells it (RFC 8878, section 3.1.1.1). */
export function sizeOf(packed: Uint8Array): number {
  const [, descriptor = 0, low = 0, high = 0] = packed;
  return descriptor >> SIZE_FLAG_SHIFT === 0 ? low : low + (high << 8) + SIZE_IN_TWO_BYTES_FROM;
}
