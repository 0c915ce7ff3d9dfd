import { asJson, asText, type Json } from '../../simulators/provider/shape.ts';

/** The id of every call in an answer of the proxy. */
export const ONE_ID = 'call_0';

/**
 * A proxy that gives every tool call in a provider's answer the same id, as some servers do. In a request, it takes
 * the outputs of calls with this id in the order of the calls, as such servers do. It buffers answers: it
 * passes an answer on whole, or fails with 502.
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
      const body = withDistinctIds(await request.text());
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

/** The request with a number in each repeated id, so that the simulator can tell the calls apart. */
function withDistinctIds(body: string): string {
  const open: string[] = [];
  let count = 0;
  return JSON.stringify(JSON.parse(body), (_key, value: unknown) => {
    const field = idFieldOf(asJson(value));
    const entry = asJson(value);
    if (!field || entry[field.name] !== ONE_ID) return value;
    const id = field.isCall ? `${ONE_ID}_of_${count++}` : open.shift();
    if (field.isCall) open.push(id!);
    return { ...entry, [field.name]: id ?? ONE_ID };
  });
}

function idFieldOf({ type, role }: Json): { name: string; isCall: boolean } | undefined {
  if (role === 'tool') return { name: 'tool_call_id', isCall: false };
  switch (asText(type)) {
    case 'function':
    case 'tool_use':
      return { name: 'id', isCall: true };
    case 'function_call':
      return { name: 'call_id', isCall: true };
    case 'function_call_output':
      return { name: 'call_id', isCall: false };
    case 'tool_result':
      return { name: 'tool_use_id', isCall: false };
    default:
      return undefined;
  }
}
