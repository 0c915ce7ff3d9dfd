import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { spawnGateway, type TestGateway, temporaryDirectory, testGateway } from '../harness/gateway.ts';
import { startProvider } from '../simulators/provider/provider.ts';
import { Upstream, until } from './upstream.ts';

const upstream = new Upstream(startProvider());
const provider = upstream.provider.url;
const dataDir = temporaryDirectory();
afterAll(() => {
  upstream.provider.stop();
  rmSync(dataDir, { recursive: true });
});
beforeEach(() => upstream.forget());

const calls = () => upstream.provider.requests.length;

test.each([
  ['/v1/chat/completions', { messages: [{ role: 'user', content: 'hello' }] }],
  ['/v1/responses', { input: 'hello', store: false }],
])(
  '%s: a client that disconnects gets its answer when it sends the request again with its key',
  async (path, input) => {
    const gateway = await testGateway({ provider });
    const body = JSON.stringify({ model: 'groq/echo+delay-50', ...input });
    const headers = {
      'content-type': 'application/json',
      'idempotency-key': `key-${path.length}`,
    };
    const leaving = new AbortController();
    const first = gateway.fetch(path, { method: 'POST', body, headers, signal: leaving.signal });
    first.catch(() => {});
    await until('the provider is asked', () => calls() === 1);
    leaving.abort();
    const reply = await gateway.fetch(path, { method: 'POST', body, headers });
    expect(reply.status).toBe(200);
    expect(reply.headers.get('x-clawhold-replayed')).toBe('true');
    expect(await reply.text()).toContain('You said: hello');
    expect(calls()).toBe(1);
    await gateway.stop();
  },
);

describe('a turn that was queued when its process was killed', () => {
  const ask = (gateway: TestGateway, retries: number) =>
    gateway.post(
      '/v1/responses',
      { model: 'groq/echo', input: 'later', background: true },
      { 'x-session-id': 'busy', 'x-stainless-retry-count': String(retries) },
    );
  const read = async (reply: Response) => (await reply.json()) as { id: string; status: string };

  test('is found by its request after a second kill too', async () => {
    const first = await spawnGateway({ provider, dataDir });
    const holder = { model: 'groq/once-stall-2', stream: true, messages: [{ role: 'user', content: 'now' }] };
    const held = await first.post('/v1/chat/completions', holder, { 'x-session-id': 'busy' });
    const { id, status } = await read(await ask(first, 0));
    expect(status).toBe('queued');
    await first.kill();
    await held.body?.cancel().catch(() => {});
    const second = await spawnGateway({ provider, dataDir });
    const isWhole = async (gateway: TestGateway) =>
      (await read(await gateway.fetch(`/v1/responses/${id}`))).status === 'completed';
    while (!(await isWhole(second))) await Bun.sleep(10);
    await second.kill();
    const third = await spawnGateway({ provider, dataDir });
    expect(await read(await ask(third, 1))).toMatchObject({ id, status: 'completed' });
    await Promise.all([first, second, third].map((gateway) => gateway.stop()));
  });
});

/** The events of a stream, until `isEnough`. */
async function readStream(reply: Response, isEnough: (text: string) => boolean = () => false) {
  let text = '';
  for await (const chunk of reply.body!) {
    text += new TextDecoder().decode(chunk);
    if (isEnough(text)) break;
  }
  return text.split('\n\n').filter((block) => block !== '' && !block.startsWith(':'));
}

test.each([
  ['/v1/responses', { input: 'hello', background: true }, {}],
  [
    '/v1/chat/completions',
    { messages: [{ role: 'user', content: 'hello' }] },
    { 'x-clawhold-when-down': 'defer' },
  ],
])(
  '%s: a reader that moves from a stopping gateway to its successor misses no event',
  async (path, input, headers) => {
    const env = { CLAWHOLD_SHUTDOWN_DRAIN_MS: '1' };
    const data = temporaryDirectory();
    const first = await spawnGateway({ provider, dataDir: data, env });
    const body = { model: 'groq/echo+once-stall-2', stream: true, ...input };
    const reply = await first.post(path, body, { 'x-session-id': 'read', ...headers });
    const name = reply.headers.get('x-clawhold-response-id')!;
    const reading = readStream(reply);
    await until('the provider is asked', () => calls() === 1);
    await Bun.sleep(100);
    await first.stop();
    const before = await reading;
    expect(before.at(-1)).toContain('shutting_down');
    const numbers = before.flatMap(
      (block) => /^id: (\d+)$|"sequence_number":(\d+)/m.exec(block)?.slice(1, 3) ?? [],
    );
    const last = Math.max(...numbers.filter(Boolean).map(Number));
    const second = await spawnGateway({ provider, dataDir: data });
    const url = `${path}/${path.includes('chat') ? name.replace('resp_', 'chatcmpl-') : name}?stream=true`;
    const whole = await readStream(await second.fetch(url));
    const rest = await readStream(await second.fetch(`${url}&starting_after=${last}`));
    expect([...before.slice(0, -1), ...rest]).toEqual(whole);
    await second.stop();
    rmSync(data, { recursive: true });
  },
);

test('a gateway whose provider is no longer configured starts, and closes the turns that used it', async () => {
  const data = temporaryDirectory();
  const first = await spawnGateway({ provider, dataDir: data });
  const body = { model: 'groq/echo+stall-2', input: 'hello', stream: true };
  const replies = await Promise.all([
    first.post('/v1/responses', body, { 'x-session-id': 'gone' }),
    first.post('/v1/responses', { ...body, model: 'groq/silent', background: true }),
  ]);
  await until('the provider is asked', () => calls() === 2);
  const names = replies.map(({ headers }) => headers.get('x-clawhold-response-id'));
  const seen = await readStream(replies[0]!, (text) => text.includes(' said:'));
  expect(seen.join()).toContain('You');
  await first.kill();
  const second = await spawnGateway({ dataDir: data });
  for (const name of names) {
    const turn = await (await second.fetch(`/v1/responses/${name}`)).json();
    expect(turn).toMatchObject({ status: 'failed', error: { code: 'provider_not_configured' } });
  }
  const further = { model: 'local/recall', input: 'still there?' };
  const reply = await second.post('/v1/responses', further, { 'x-session-id': 'gone' });
  expect(reply.status).toBe(200);
  expect(reply.headers.get('x-clawhold-history')).toBe('appended');
  await second.stop();
  rmSync(data, { recursive: true });
});
