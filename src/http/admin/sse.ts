/** One server-sent event. */
export interface SentEvent {
  id?: number;
  event: string;
  data: unknown;
}

/** Proxies close connections that are silent for long; a comment keeps them open. */
const KEEP_ALIVE_MS = 15_000;

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
};

const encoder = new TextEncoder();

/**
 * Streams events to one reader. The next event is asked for when there is room for it, so a slow reader holds up
 * nothing but its own stream. `gone` is aborted when the reader has left.
 */
export function eventStream(
  disconnected: AbortSignal,
  events: (gone: AbortSignal) => AsyncIterable<SentEvent>,
): Response {
  const left = new AbortController();
  const gone = AbortSignal.any([left.signal, disconnected]);
  const iterator = events(gone)[Symbol.asyncIterator]();
  let next: Promise<IteratorResult<SentEvent>> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      // Headers go out with the first byte.
      controller.enqueue(encoder.encode(': open\n\n'));
    },
    async pull(controller) {
      next ??= iterator.next();
      const silent = Promise.withResolvers<'silent'>();
      const timer = setTimeout(() => silent.resolve('silent'), KEEP_ALIVE_MS);
      const result = await Promise.race([next, silent.promise]);
      clearTimeout(timer);
      if (result === 'silent') return controller.enqueue(encoder.encode(': keep-alive\n\n'));
      next = undefined;
      if (result.done) return controller.close();
      controller.enqueue(encoder.encode(textOf(result.value)));
    },
    async cancel() {
      left.abort();
      await iterator.return?.();
    },
  });
  return new Response(body, { headers: HEADERS });
}

function textOf({ id, event, data }: SentEvent): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
