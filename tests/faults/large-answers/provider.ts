import { brotliCompressSync, constants, gzipSync, zstdCompressSync } from 'node:zlib';

/** Answers that are too large, by the first part of their path. */
export type LargeAnswer = 'line' | 'pieces' | 'events' | 'json' | 'error' | 'gzip' | 'br' | 'zstd';

const MIB = 1024 * 1024;
const SIZE = 256 * MIB;
const EVENTS = { 'content-type': 'text/event-stream' };
const JSON_TYPE = { 'content-type': 'application/json' };

/** How many bytes were sent without a compression. */
interface Sent {
  bytes: number;
}

/** A provider whose answers have `SIZE` bytes. */
export function largeProvider() {
  const sent: Sent = { bytes: 0 };
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    fetch(request) {
      return answer(new URL(request.url).pathname.split('/')[1] as LargeAnswer, sent);
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, sent, stop: () => server.stop(true) };
}

function answer(kind: LargeAnswer, sent: Sent): Response {
  switch (kind) {
    case 'line':
      return new Response(stream('data: ', 'x'.repeat(64 * 1024), sent), { headers: EVENTS });
    case 'pieces':
      return new Response(stream('data: ', 'x'.repeat(512), sent), { headers: EVENTS });
    case 'events':
      return new Response(stream('', `: ${'x'.repeat(60)}\n`.repeat(1024), sent), { headers: EVENTS });
    case 'json':
      return new Response(stream('{"choices":"', 'x'.repeat(64 * 1024), sent), { headers: JSON_TYPE });
    case 'error':
      return new Response(stream('{"error":"', 'x'.repeat(64 * 1024), sent), {
        status: 400,
        headers: JSON_TYPE,
      });
    default:
      return new Response(bomb(kind), { headers: { ...EVENTS, 'content-encoding': kind } });
  }
}

function stream(head: string, chunk: string, sent: Sent): ReadableStream<Uint8Array> {
  const first = new TextEncoder().encode(head);
  const bytes = new TextEncoder().encode(chunk);
  let left = SIZE;
  return new ReadableStream({
    start: (controller) => controller.enqueue(first),
    async pull(controller) {
      if (left % (16 * bytes.length) === 0) await Bun.sleep(0);
      sent.bytes += bytes.length;
      left -= bytes.length;
      if (left <= 0) controller.close();
      else controller.enqueue(bytes);
    },
  });
}

const bombs = new Map<LargeAnswer, Uint8Array<ArrayBuffer>>();

function bomb(kind: 'gzip' | 'br' | 'zstd'): Uint8Array<ArrayBuffer> {
  const known = bombs.get(kind);
  if (known) return known;
  const text = Buffer.alloc(SIZE, 'x');
  const made = new Uint8Array(
    kind === 'gzip'
      ? gzipSync(text)
      : kind === 'zstd'
        ? zstdCompressSync(text)
        : brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
  );
  bombs.set(kind, made);
  return made;
}
