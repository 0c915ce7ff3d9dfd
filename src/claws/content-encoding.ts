import { pipeline, Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createUnzip, createZstdDecompress } from 'node:zlib';
import { Fault } from '../core/errors.ts';

/** What decodes a content coding (RFC 9110, section 8.4.1). `createUnzip` takes gzip and deflate. */
const DECODERS: ReadonlyMap<string, () => Transform> = new Map<string, () => Transform>([
  ['gzip', createUnzip],
  ['x-gzip', createUnzip],
  ['deflate', createUnzip],
  ['br', createBrotliDecompress],
  ['zstd', createZstdDecompress],
]);

/**
 * The chunks of a body after its content codings are undone, in the speed of the consumer: a chunk is decoded
 * when it is asked for. (`fetch` itself goes on decoding after its body was cancelled, and keeps all in memory.)
 * Throws `provider_protocol_error` for an unknown coding.
 */
export function decoded(
  chunks: AsyncIterable<Uint8Array>,
  contentEncoding: string,
): AsyncIterable<Uint8Array> {
  const codings = contentEncoding
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  const applied = codings.filter((name) => name !== '' && name !== 'identity');
  if (applied.length === 0) return chunks;
  const decoders = applied.reverse().map(decoderOf);
  // Ends every stream when one of them ends. A failure reaches the consumer through the last one.
  return pipeline([Readable.from(chunks), ...decoders], () => {}) as Transform;
}

function decoderOf(coding: string): Transform {
  const create = DECODERS.get(coding);
  if (create) return create();
  throw new Fault('provider_protocol_error', `The answer has an unknown content encoding: ${coding}.`);
}
