import { Fault } from '../core/errors.ts';

export interface Body {
  body: Record<string, unknown>;
  /** The same, as it came: what tells one request from another. */
  text: string;
}

/** Reads a JSON object of at most `limit` bytes; `body_too_large`, `invalid_json` or `invalid_request` otherwise. */
export async function readBody(request: Request, limit: number): Promise<Body> {
  const length = request.headers.get('content-length');
  if (length !== null && Number(length) > limit) throw tooLarge(limit);
  const text = await readText(request, limit, length === null);
  if (text === '') throw new Fault('invalid_json', 'The request has no body.');
  return { body: parseBody(text), text };
}

/** A JSON object; `invalid_json` or `invalid_request` otherwise. */
export function parseBody(text: string): Record<string, unknown> {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw new Fault('invalid_json', `The body is not JSON: ${(error as Error).message}.`);
  }
  if (body === null || typeof body !== 'object' || Array.isArray(body)) {
    throw new Fault('invalid_request', 'The body must be a JSON object.');
  }
  return body as Record<string, unknown>;
}

async function readText(request: Request, limit: number, chunked: boolean): Promise<string> {
  try {
    return chunked ? await readChunked(request, limit) : await request.text();
  } catch (cause) {
    if (cause instanceof Fault || !request.signal.aborted) throw cause;
    throw new Fault('invalid_json', 'The client left before the body was whole.', { cause });
  }
}

/** A body of unknown length is cut off where it passes the limit, not after. */
async function readChunked(request: Request, limit: number): Promise<string> {
  if (!request.body) return '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.byteLength;
    if (size > limit) throw tooLarge(limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function tooLarge(limit: number): Fault {
  return new Fault('body_too_large', `The body is over the limit of ${limit} bytes.`);
}
