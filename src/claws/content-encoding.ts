import { pipeline, Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createUnzip, createZstdDecompress } from 'node:zlib';
import { Fault } from '../core/errors.ts';
import { type AnswerChunks, end } from './http/transport.ts';

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
export function decoded(chunks: AnswerChunks, contentEncoding: string): AnswerChunks {
  const codings = contentEncoding
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  const applied = codings.filter((name) => name !== '' && name !== 'identity');
  if (applied.length === 0) return chunks;
  const decoders = applied.reverse().map(decoderOf);
  // Ends every stream when one of them ends. A failure reaches the consumer through the last one.
  const output = pipeline([Readable.from(iterated(chunks)), ...decoders], () => {}) as Transform;
  const read: AsyncIterator<Uint8Array, undefined> = output[Symbol.asyncIterator]();
  return { read: () => read.next(), cancel: () => void read.return?.().catch(() => {}) };
}

/** An early end cancels the chunks at once, also while one is waited for. */
function iterated(chunks: AnswerChunks): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]: () => ({
      next: async () => chunks.read(),
      async return() {
        chunks.cancel();
        return end();
      },
    }),
  };
}

function decoderOf(coding: string): Transform {
  const create = DECODERS.get(coding);
  if (create) return create();
  throw new Fault('provider_protocol_error', `The answer has an unknown content encoding: ${coding}.`);
}
