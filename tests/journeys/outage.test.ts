import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { DIALECTS, type Dialect, FORMS, PATHS, question } from '../harness/dialects.ts';
import { eventually } from '../harness/eventually.ts';
import { spawnGateway, type TestGateway, testGateway } from '../harness/gateway.ts';
import { json } from '../harness/journey.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';

setDefaultTimeout(20_000);

/** By default, the times of the breaker are 20 times as long. */
const OPEN_MS = 500;
const LEAST_CALLS = 5;

/** A server before the simulated provider that can fail every request. */
interface Front {
  url: string;
  /** Requests since the last reset. */
  requests: number;
  isDown: boolean;
  stop(): Promise<void>;
}

function startFront(provider: Provider): Front {
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      front.requests++;
      const body = await request.text();
      if (front.isDown) return Response.json({ error: { message: 'It is down.' } }, { status: 500 });
      const { pathname } = new URL(request.url);
      return fetch(provider.url + pathname, { method: 'POST', headers: request.headers, body });
    },
  });
  const front: Front = {
    url: `http://127.0.0.1:${server.port}`,
    requests: 0,
    isDown: false,
    stop: () => server.stop(true),
  };
  return front;
}

let provider: Provider;
let front: Front;
let gateway: TestGateway;
beforeAll(() => {
  provider = startProvider();
  front = startFront(provider);
});
afterAll(async () => {
  await front.stop();
  provider.stop();
});

async function open(env: Record<string, string> = {}): Promise<void> {
  Object.assign(front, { requests: 0, isDown: false });
  gateway = await testGateway({
    provider: provider.url,
    env: {
      GROQ_BASE_URL: `${front.url}/v1`,
      CLAWHOLD_BREAKER_LEAST_CALLS: String(LEAST_CALLS),
      CLAWHOLD_BREAKER_OPEN_MS: String(OPEN_MS),
      CLAWHOLD_BREAKER_WINDOW_MS: '5000',
      CLAWHOLD_BREAKER_PAUSE_MS: '30000',
      ...env,
    },
  });
}
afterEach(() => gateway.stop());

const KINDS = DIALECTS.flatMap((dialect) => [true, false].map((stream) => [dialect, stream] as const));

async function ask(dialect: Dialect, stream: boolean, model: string, fallbacks: string[] = []) {
  const input = question(dialect, 'hi');
  const reply = await gateway.post(PATHS[dialect], { model, fallbacks, stream, ...input });
  const { status, headers } = reply;
  return { status, headers, by: headers.get('x-clawhold-model-id'), text: await reply.text() };
}

const failing = async () => (await json(gateway.fetch('/health'))).claws;

describe.each(KINDS)('an outage of a provider (%s, streamed: %p)', (dialect, stream) => {
  test('costs the provider few requests and callers nothing, and it is used again soon after it', async () => {
    await open();
    expect((await ask(dialect, stream, 'groq/say-3', ['openai/say-3'])).by).toContain('groq');
    front.isDown = true;
    front.requests = 0;
    const downAt = performance.now();
    for (let turn = 0; turn < 60; turn++) {
      const { status, text, by } = await ask(dialect, stream, 'groq/say-3', ['openai/say-3']);
      expect([status, by]).toEqual([200, 'openai/say-3']);
      expect(text).toContain('word3');
    }
    const periods = 1 + Math.ceil((performance.now() - downAt) / OPEN_MS);
    // A turn makes two calls, and the pause between two probes doubles.
    expect(front.requests).toBeLessThanOrEqual(LEAST_CALLS + 1 + Math.ceil(Math.log2(periods + 1)));
    expect(await failing()).toMatchObject([{ name: 'groq' }]);
    front.isDown = false;
    const recoveredAt = performance.now();
    const downMs = recoveredAt - downAt;
    await eventually(
      'the provider is called again',
      () => ask(dialect, stream, 'groq/say-3', ['openai/say-3']),
      ({ by }) => by === 'groq/say-3',
    );
    // Two probes, after at most as long as the provider was down and the first pause.
    expect(performance.now() - recoveredAt).toBeLessThan(downMs + 2 * OPEN_MS);
    await ask(dialect, stream, 'groq/say-3');
    expect(await failing()).toBeUndefined();
  });

  test('is an error in no time where no other model is left', async () => {
    await open({ CLAWHOLD_BREAKER_OPEN_MS: '60000' });
    front.isDown = true;
    for (let turn = 0; turn < LEAST_CALLS; turn++) await ask(dialect, stream, 'groq/say-3');
    const { requests } = front;
    const { status, text, headers } = await ask(dialect, stream, 'groq/say-3');
    expect(status).toBe(503);
    expect(text).toContain('claw_unavailable');
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(50);
    expect(front.requests).toBe(requests);
    front.isDown = false;
    expect((await ask(dialect, stream, 'groq/say-4')).status).toBe(200);
  });

  test.each(['context', 'rigid'])('is not what errors of requests are: %s', async (behaviour) => {
    await open();
    const model = `groq/${behaviour}+say-2`;
    const input = question(dialect, 'hi');
    for (let turn = 0; turn < 30; turn++) {
      const reply = await gateway.post(PATHS[dialect], {
        model,
        stream,
        ...FORMS[dialect].temperature(0.5),
        ...input,
      });
      expect(reply.status).toBe(400);
      await reply.text();
    }
    expect(front.requests).toBe(30);
    expect(await failing()).toBeUndefined();
  });

  test('is not what a content filter does', async () => {
    await open();
    front.isDown = false;
    for (let turn = 0; turn < 30; turn++) await ask(dialect, stream, 'groq/say-2+filter');
    expect(front.requests).toBe(30);
    expect(await failing()).toBeUndefined();
  });
});

test('answers that break off open the breaker, too', async () => {
  await open({ GROQ_BASE_URL: `${provider.url}/v1`, CLAWHOLD_BREAKER_OPEN_MS: '60000' });
  const model = 'cut-2+say-5';
  for (let turn = 0; turn < 10; turn++) {
    const { status, text } = await ask('chat', true, `groq/${model}`, ['openai/say-5']);
    expect(status).toBe(200);
    expect(text).toContain('[DONE]');
  }
  const calls = provider.requests.filter((request) => request.model === model);
  expect(calls.length).toBeLessThanOrEqual(LEAST_CALLS + 1);
  expect(await failing()).toEqual([{ name: 'groq', state: 'open' }]);
});

test('the log says when calls stop, probe and resume', async () => {
  await open();
  const logged = await spawnGateway({
    provider: provider.url,
    env: {
      GROQ_BASE_URL: `${front.url}/v1`,
      CLAWHOLD_LOG_LEVEL: 'info',
      CLAWHOLD_BREAKER_LEAST_CALLS: '2',
      CLAWHOLD_BREAKER_OPEN_MS: '100',
    },
  });
  try {
    const request = { model: 'groq/say-1', messages: [{ role: 'user', content: 'hi' }] };
    front.isDown = true;
    await logged.post('/v1/chat/completions', request);
    front.isDown = false;
    await Bun.sleep(150);
    for (let turn = 0; turn < 2; turn++) await logged.post('/v1/chat/completions', request);
    const lines = await eventually('the lines are written', logged.log, (log) =>
      log.includes('calls resumed'),
    );
    const about = lines
      .split('\n')
      .filter((line) => line.includes('"calls '))
      .map((line) => JSON.parse(line));
    const claw = { provider: 'groq', model: 'say-1' };
    expect(about).toMatchObject([
      { level: 40, ...claw, msg: 'calls stopped', reason: 'failures', forMs: 100 },
      { level: 30, ...claw, msg: 'calls probe the provider' },
      { level: 30, ...claw, msg: 'calls resumed' },
    ]);
  } finally {
    await logged.stop();
  }
});

describe.each(KINDS)('a pause that a provider asks for (%s, streamed: %p)', (dialect, stream) => {
  test('is kept, with the error of the provider', async () => {
    await open();
    const model = 'groq/status-429+retry-7';
    expect((await ask(dialect, stream, model)).headers.get('retry-after')).toBe('7');
    const { status, text, headers } = await ask(dialect, stream, model);
    expect([status, front.requests]).toEqual([429, 1]);
    expect(text).toContain('rate_limited');
    expect(['6', '7']).toContain(headers.get('retry-after')!);
    expect((await ask(dialect, stream, model, ['openai/say-2'])).by).toBe('openai/say-2');
    expect(await failing()).toBeUndefined();
  });

  test('is waited for if it is short', async () => {
    await open();
    const { status, by } = await ask(dialect, stream, 'groq/once-status-429+retry-1+say-2', ['openai/say-2']);
    expect([status, by, front.requests]).toEqual([200, 'groq/once-status-429+retry-1+say-2', 2]);
    provider.reset();
  });
});

test('a provider that is slow does not keep others waiting, and one caller too many goes to the next model', async () => {
  await open({ CLAWHOLD_BULKHEAD_MAX: '2', CLAWHOLD_BULKHEAD_QUEUE: '1', CLAWHOLD_BULKHEAD_QUEUE_MS: '100' });
  const stuck = [1, 2].map(() => ask('chat', true, 'groq/delay-1500+say-1'));
  await eventually(
    'the slow calls run',
    () => front.requests,
    (requests) => requests === 2,
  );
  const [alone, led] = await Promise.all([
    ask('chat', false, 'groq/say-2'),
    ask('chat', false, 'groq/say-2', ['openai/say-3']),
  ]);
  expect([alone.status, alone.headers.get('retry-after')]).toEqual([429, '1']);
  expect(alone.text).toContain('claw_busy');
  expect(led.by).toBe('openai/say-3');
  expect((await ask('chat', false, 'openai/say-2')).status).toBe(200);
  for (const { status } of await Promise.all(stuck)) expect(status).toBe(200);
  expect((await ask('chat', false, 'groq/say-2')).status).toBe(200);
});
