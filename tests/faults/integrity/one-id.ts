/** The id of every call in an answer of the proxy. */
export const ONE_ID = 'call_0';

/**
 * A proxy that gives every tool call in a provider's answer the same id, as some servers do. It does not change
 * requests. It buffers answers: it passes an answer on whole, or fails with 502.
 */
export function oneIdProxy(provider: string): { url: string; stop(): void } {
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    error: () => new Response('{}', { status: 502 }),
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const { method, headers } = request;
      const body = await request.text();
      const reply = await fetch(provider + pathname + search, { method, headers, body });
      const text = (await reply.text()).replace(/"(call|toolu)_[0-9A-Za-z]{9,}"/g, `"${ONE_ID}"`);
      return new Response(text, {
        status: reply.status,
        headers: { 'content-type': reply.headers.get('content-type') ?? 'application/json' },
      });
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, stop: () => server.stop(true) };
}
