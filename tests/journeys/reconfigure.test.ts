import { afterAll, beforeAll, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningGateway, startGateway } from '../../src/main.ts';
import { eventually } from '../harness/eventually.ts';
import { ROOT_KEY, temporaryDirectory } from '../harness/gateway.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';
import { asJson, asText } from '../simulators/provider/shape.ts';

let provider: Provider;
let gateway: RunningGateway;
const cwd = temporaryDirectory();
const NEW_KEY = 'sk-claw-test-new-0123456789';

beforeAll(async () => {
  provider = startProvider();
  gateway = await startGateway(await configured(''), environment());
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop();
  rmSync(cwd, { recursive: true, force: true });
});

const environment = () => ({
  CLAWHOLD_DATA_DIR: join(cwd, 'data'),
  CLAWHOLD_ROOT_KEY: ROOT_KEY,
  CLAWHOLD_DETECT: 'false',
  CLAWHOLD_LOG_LEVEL: 'error',
  OPENAI_API_KEY: 'sk-simulated',
  OPENAI_BASE_URL: `${provider.url}/v1`,
});

async function configured(yaml: string) {
  await Bun.write(join(cwd, 'clawhold.yaml'), `port: 0\n${yaml}`);
  return loadConfig({ cwd, env: environment() });
}

const ask = (model: string, key = ROOT_KEY, content = 'Hello') =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content }] }),
  });

test('a running gateway takes new keys, aliases, claws, timeouts and limits', async () => {
  expect((await ask('fast')).status).toBe(404);
  expect((await ask('openai/say-2', NEW_KEY)).status).toBe(401);
  expect((await ask('openai/delay-200')).status).toBe(200);
  expect((await ask('openai/say-2', ROOT_KEY, 'x'.repeat(3000))).status).toBe(200);

  const needsStart = await gateway.reconfigure(
    await configured(`
aliases: { fast: openai/say-2 }
keys: [{ name: website, key: ${NEW_KEY} }]
timeouts: { total_ms: 50 }
limits: { body_bytes: 2048 }
`),
  );
  expect(needsStart).toEqual([]);
  expect((await ask('fast')).status).toBe(200);
  expect((await ask('openai/say-2', NEW_KEY)).status).toBe(200);
  expect((await ask('openai/delay-200')).status).toBe(504);
  expect((await ask('openai/say-2', ROOT_KEY, 'x'.repeat(3000))).status).toBe(413);

  await gateway.reconfigure(await configured('claws: { openai: { enabled: false } }'));
  expect((await ask('fast')).status).toBe(404);
  expect((await ask('openai/say-2', NEW_KEY)).status).toBe(401);
  expect((await ask('openai/say-2')).status).toBe(400);
});

test('a queued turn is given the candidates that can be called when it starts', async () => {
  const post = (body: object) =>
    fetch(`${gateway.url}/v1/responses`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ROOT_KEY}`, 'x-session-id': 'queue' },
      body: JSON.stringify({ input: 'Hello', ...body }),
    });
  await gateway.reconfigure(await configured('aliases: { fast: openai/say-2 }'));
  const first = post({ model: 'openai/delay-300' });
  await Bun.sleep(100);
  const queued = asJson(await (await post({ model: 'fast', background: true })).json());
  expect(queued).toMatchObject({ status: 'queued' });
  await gateway.reconfigure(
    await configured(
      'aliases: { fast: [openai/say-2, local/recall] }\nclaws: { openai: { enabled: false } }',
    ),
  );
  expect((await first).status).toBe(200);
  const answered = await eventually(
    'it is answered',
    async () =>
      asJson(
        await (
          await fetch(`${gateway.url}/v1/responses/${asText(queued.id)}`, {
            headers: { authorization: `Bearer ${ROOT_KEY}` },
          })
        ).json(),
      ),
    ({ status }) => status === 'completed',
  );
  expect(answered).toMatchObject({ model: 'local/recall' });
  expect(gateway.counts()).toEqual({ running: 0, leases: 0, waiting: 0, background: 0, holds: 0, calls: 0 });
});

test('a call with an earlier key shows no key in its failure', async () => {
  const key = 'sk-earlier-key-0123456789';
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
  const upstream = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      await answered;
      const message = `Refused: ${request.headers.get('authorization')}`;
      return Response.json({ error: { message } }, { status: 400 });
    },
  });
  const house = (value: string) =>
    configured(`claws: { house: { protocol: openai-chat, base_url: '${upstream.url}', api_key: ${value} } }`);
  await gateway.reconfigure(await house(key));
  const call = ask('house/m');
  await Bun.sleep(100);
  await gateway.reconfigure(await house('sk-later-key-0123456789'));
  answer();
  const text = await (await call).text();
  expect(text).toContain('Refused: Bearer [redacted]');
  expect(text).not.toContain(key);
  await upstream.stop(true);
});

test('what is known of failing claws is kept, and new limits hold at once', async () => {
  const aliases = 'aliases: { bad: openai/reset }';
  const codeOf = async (model: string) => asJson(asJson(await (await ask(model)).json()).error).code;
  await gateway.reconfigure(await configured(`${aliases}\nbreaker: { least_calls: 2, open_ms: 60000 }`));
  expect(await codeOf('bad')).toBe('provider_unreachable');
  expect(await codeOf('bad')).toBe('claw_unavailable');
  await gateway.reconfigure(await configured('aliases: { other: openai/reset }'));
  expect(await codeOf('other')).toBe('claw_unavailable');
  await gateway.reconfigure(await configured('retries: { per_call: 0 }'));
  provider.reset();
  expect(await codeOf('openai/status-500')).toBe('provider_error');
  expect(provider.requests).toHaveLength(1);
});

test('settings that need a start are named, and the rest takes effect', async () => {
  const next = await configured('host: 127.0.0.2\naliases: { later: local/recall }\n');
  expect(await gateway.reconfigure(next)).toEqual(['host']);
  expect((await ask('later')).status).toBe(200);
});

test('counters of limits go on with the new limits', async () => {
  const keys = (limits: string) =>
    configured(`keys: [{ name: counted, key: ${NEW_KEY}, limits: ${limits} }]`);
  const left = async () => {
    const reply = await ask('openai/say-2', NEW_KEY);
    return [reply.status, reply.headers.get('x-ratelimit-remaining-requests')];
  };
  await gateway.reconfigure(await keys('{ requests_per_minute: 3 }'));
  expect(await left()).toEqual([200, '2']);
  expect(await left()).toEqual([200, '1']);
  await gateway.reconfigure(await keys('{ requests_per_minute: 2 }'));
  expect(await left()).toEqual([429, '0']);
  await gateway.reconfigure(await keys('{ requests_per_minute: 4 }'));
  expect(await left()).toEqual([200, '1']);
  await gateway.reconfigure(await keys('{}'));
  expect(await left()).toEqual([200, null]);
  await gateway.reconfigure(await keys('{ requests_per_minute: 4 }'));
  expect(await left()).toEqual([200, '0']);
});

test('a running gateway takes another embedding model for recall', async () => {
  const claws = 'claws: { openai: { models: [{ id: say-2, context: 8000 }] } }\n';
  const say = async (turn: number) => {
    const content = `Day ${turn}. ${'We walked along the harbour and talked about the weather. '.repeat(8)}`;
    const reply = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ROOT_KEY}`, 'x-session-id': 'recall' },
      body: JSON.stringify({ model: 'openai/say-2', messages: [{ role: 'user', content }], max_tokens: 100 }),
    });
    expect(reply.status).toBe(200);
  };
  expect(await gateway.reconfigure(await configured(claws))).toEqual([]);
  for (let turn = 0; turn < 70; turn++) await say(turn);
  expect(provider.embeddings).toHaveLength(0);
  for (const model of ['text-embedding-3-small', 'text-embedding-3-large']) {
    const context = `context: { embeddings: openai/${model} }\n`;
    expect(await gateway.reconfigure(await configured(claws + context))).toEqual([]);
    await say(70);
    const embedded = () =>
      new Set(provider.embeddings.filter((one) => one.model === model).flatMap(({ texts }) => texts));
    await eventually(
      `${model} has all messages`,
      () => embedded().size,
      (size) => size > 70,
    );
  }
  await gateway.reconfigure(await configured(claws));
  await say(71);
  const isSent = () =>
    provider.embeddings.some(({ texts }) => texts.some((text) => text.startsWith('Day 71')));
  expect(isSent()).toBe(false);
});
