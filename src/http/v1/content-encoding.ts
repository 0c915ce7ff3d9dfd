import { brotliDecompress, gunzip, inflate, inflateRaw, zstdDecompress } from 'node:zlib';
import { Fault } from '../../core/errors.ts';
import { CONTENT_ENCODING } from './request-headers.ts';

type Decompress = (
  bytes: Uint8Array,
  options: { maxOutputLength: number },
  done: (error: Error | null, text: Buffer) => void,
) => void;

/** The content codings that are read (RFC 9110, section 8.4.1; RFC 8878; RFC 7932). */
const DECODERS: ReadonlyMap<string, Decompress> = new Map<string, Decompress>([
  ['gzip', gunzip],
  ['x-gzip', gunzip],
  // The coding is the zlib format, but some clients send its content alone (RFC 9110, section 8.4.1.2).
  ['deflate', (bytes, ...rest) => (hasZlibHeader(bytes) ? inflate : inflateRaw)(bytes, ...rest)],
  ['br', brotliDecompress],
  ['zstd', zstdDecompress],
]);

const hasZlibHeader = ([first = 0, second = 0]: Uint8Array): boolean =>
  (first & 0x0f) === 8 && ((first << 8) | second) % 31 === 0;

/**
 * The content of a body with the header `Content-Encoding`. Undefined where it came as it is. Throws
 * `unsupported_content_encoding` for another coding, and for several ones.
 */
export function decoderOf(
  headers: Headers,
): ((bytes: Uint8Array, limit: number) => Promise<Buffer>) | undefined {
  const coding = headers.get(CONTENT_ENCODING.name)?.trim().toLowerCase() ?? 'identity';
  if (coding === 'identity' || coding === '') return undefined;
  const decompress = DECODERS.get(coding);
  if (decompress) return (bytes, limit) => decode(decompress, coding, bytes, limit);
  throw new Fault('unsupported_content_encoding', `The body has the content encoding "${coding}".`, {
    headers: { 'accept-encoding': 'zstd, gzip, deflate, br' },
  });
}

/** Stops at `limit` bytes: a small body may hold a very large one. Other threads do the work. */
function decode(decompress: Decompress, coding: string, bytes: Uint8Array, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    decompress(bytes, { maxOutputLength: limit }, (cause, content) => {
      if (!cause) resolve(content);
      else if ((cause as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') reject(tooLarge(limit));
      else reject(new Fault('invalid_json', `The body is not valid ${coding}.`, { cause }));
    });
  });
}

export function tooLarge(limit: number): Fault {
  return new Fault('body_too_large', `The body is over the limit of ${limit} bytes.`);
}
