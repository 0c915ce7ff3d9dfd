/** A request of a client and the headers of its reply. */
export interface Observed {
  path: string;
  headers: Record<string, string>;
  status: number;
  reply: Record<string, string>;
}

/** A proxy between a client and the gateway. It changes nothing, and shows the headers that both sent. */
export interface Observer {
  url: string;
  /** Calls that ask a model, in the order in which their replies began. */
  turns: Observed[];
  stop(): Promise<void>;
}

/** How the paths of requests that ask a model end. */
const TURNS = [
  '/v1/chat/completions',
  '/v1/responses',
  '/v1/messages',
  ':generateContent',
  ':streamGenerateContent',
];

export function observe(gatewayUrl: string): Observer {
  const turns: Observed[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const body = request.method === 'GET' ? undefined : await request.arrayBuffer();
      const { method, headers, signal } = request;
      const reply = await fetch(gatewayUrl + pathname + search, { method, headers, body, signal });
      if (method === 'POST' && TURNS.some((turn) => pathname.endsWith(turn))) {
        turns.push({
          path: pathname,
          headers: Object.fromEntries(headers),
          status: reply.status,
          reply: Object.fromEntries(reply.headers),
        });
      }
      return reply;
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, turns, stop: () => server.stop(true) };
}
