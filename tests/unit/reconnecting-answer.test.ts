import { describe, expect, test } from 'bun:test';
import { GatewayApi } from '../../src/cli/chat/gateway-api.ts';
import { Disconnected, GatewayError } from '../../src/cli/chat/gateway-error.ts';
import { reconnectingAnswer } from '../../src/cli/chat/reconnecting-answer.ts';

type Reply = (request: Request) => Response;

const QUESTION = { model: 'm', text: 'go', session: 'trip', key: 'key-1' };
const STORED = { 'x-clawhold-response-id': 'resp_1', 'content-type': 'text/event-stream' };

const event = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;
const END = 'data: [DONE]\n\n';
const stream =
  (text: string, headers: Record<string, string> = STORED) =>
  () =>
    new Response(text, { headers });
/** The reply of a proxy while its server is not available. */
const proxyError = () => new Response('<h1>502 Bad Gateway</h1>', { status: 502 });
const fault = (status: number, code: string) => () =>
  Response.json({ error: { message: `failed: ${code}`, code } }, { status });

/** Asks a gateway that gives these replies in turn. */
async function ask(replies: Reply[], waitMs = 10_000) {
  const requests: { path: string; key: string | null }[] = [];
  const server = Bun.serve({
    port: 0,
    fetch(request) {
      const { pathname, search } = new URL(request.url);
      requests.push({
        path: `${request.method} ${pathname}${search}`,
        key: request.headers.get('idempotency-key'),
      });
      return (replies.shift() ?? proxyError)(request);
    },
  });
  const api = new GatewayApi(`http://127.0.0.1:${server.port}`, 'k');
  let text = '';
  let waits = 0;
  let error: unknown;
  try {
    for await (const part of reconnectingAnswer(api, QUESTION, {
      signal: new AbortController().signal,
      waitMs,
    })) {
      if (part.type === 'text') text += part.text;
      if (part.type === 'waiting') waits++;
    }
  } catch (failure) {
    error = failure;
  }
  await server.stop(true);
  return { text, waits, error, requests };
}

const POST = 'POST /v1/chat/completions';
const resumed = (after: number) => `GET /v1/chat/completions/chatcmpl-1?stream=true&starting_after=${after}`;

describe('an answer over several connections', () => {
  test('is resumed after the last event that arrived, each time', async () => {
    const { text, requests, error } = await ask([
      stream(event('one ') + event('two ')),
      stream(event('three ')),
      stream(event('four') + END),
    ]);
    expect(error).toBeUndefined();
    expect(text).toBe('one two three four');
    expect(requests.map(({ path }) => path)).toEqual([POST, resumed(1), resumed(2)]);
  });

  test('does not count a part of an event', async () => {
    const { text, requests } = await ask([
      stream(`${event('one ')}${event('two').slice(0, 30)}`),
      stream(event('two') + END),
    ]);
    expect(text).toBe('one two');
    expect(requests[1]!.path).toBe(resumed(0));
  });

  test('waits for a gateway behind a proxy, and for one that is stopping', async () => {
    const { text, waits } = await ask([
      fault(503, 'shutting_down'),
      proxyError,
      stream(event('one ')),
      proxyError,
      stream(event('two') + END),
    ]);
    expect(text).toBe('one two');
    expect(waits).toBeGreaterThan(0);
  });

  test('sends a question whose answer has not begun again with the same key', async () => {
    const { text, requests } = await ask([proxyError, stream(''), stream(event('one') + END)]);
    expect(text).toBe('one');
    expect(requests.slice(0, 2)).toEqual([
      { path: POST, key: 'key-1' },
      { path: POST, key: 'key-1' },
    ]);
  });

  test('ends with an error that the gateway reports', async () => {
    const { error, requests } = await ask([stream(event('one')), fault(404, 'response_not_found')]);
    expect(error).toBeInstanceOf(GatewayError);
    expect(error).not.toBeInstanceOf(Disconnected);
    expect(requests).toHaveLength(2);
  });

  test('is not asked twice when it is not stored and a part of it arrived', async () => {
    const { text, error, requests } = await ask([stream(event('one'), {})]);
    expect(text).toBe('one');
    expect((error as Error).message).toContain('not stored');
    expect(requests).toHaveLength(1);
  });

  test('ends when the gateway does not come back', async () => {
    const { error } = await ask([], 500);
    expect(error).toBeInstanceOf(Disconnected);
  });
});
