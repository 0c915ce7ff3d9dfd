import { Fault } from '../core/errors.ts';
import { decoded } from './content-encoding.ts';

/**
 * Reads the body of an answer, chunk by chunk, after its decompression. Throws `answer_too_large` where it
 * passes `limit` bytes. The connection is freed however the reading ends.
 */
export async function* readChunks(response: Response, limit: number): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of decoded(received(response), response.headers.get('content-encoding'))) {
    size += chunk.byteLength;
    if (size > limit) throw tooLarge(limit);
    yield chunk;
  }
}

async function* received(response: Response): AsyncGenerator<Uint8Array> {
  const body = response.body?.getReader();
  if (!body) return;
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await body.read();
      ended = done;
      if (done) return;
      yield value;
    }
  } finally {
    // Bun keeps the socket of an unread body.
    if (!ended) body.cancel().catch(() => {});
  }
}

/** The whole body as text. Rejects as `readChunks` throws. */
export async function readWhole(response: Response, limit: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readChunks(response, limit)) chunks.push(chunk);
  return new TextDecoder().decode(Buffer.concat(chunks));
}

/** The first `limit` bytes of the body as text, or what came before the connection broke. Never rejects. */
export async function readBeginning(response: Response, limit: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of readChunks(response, Number.POSITIVE_INFINITY)) {
      chunks.push(chunk);
      size += chunk.byteLength;
      if (size >= limit) break;
    }
  } catch {
    // The beginning is enough.
  }
  return new TextDecoder().decode(Buffer.concat(chunks).subarray(0, limit));
}

function tooLarge(limit: number): Fault {
  return new Fault('answer_too_large', `The answer has more than ${limit} bytes (\`answers.total_bytes\`).`);
}
