import { afterEach, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningGateway, startGateway } from '../../src/main.ts';
import { DIALECTS, type Dialect, PATHS, question } from '../harness/dialects.ts';
import { eventually } from '../harness/eventually.ts';
import { ROOT_KEY, temporaryDirectory } from '../harness/gateway.ts';
import { fetchInForm } from '../harness/google-request.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';
import type { Json } from '../simulators/provider/shape.ts';

/** After any outcome, a turn holds nothing of its caller's limits. */

let provider: Provider;
let gateway: RunningGateway;
let cwd: string;
let isStopped = false;

const LIMIT = '{ requests_per_minute: 1000, tokens_per_minute: 1000000, streams: 100 }';
const YAML = `
port: 0
shutdown: { drain_ms: 50 }
turns: { background: 1 }
rate_limits:
  global: ${LIMIT}
  per_key: ${LIMIT}
  per_user: ${LIMIT}
  per_model: { openai/say-2: ${LIMIT} }
`;

async function start(): Promise<void> {
  cwd = temporaryDirectory();
  provider = startProvider();
  isStopped = false;
  await Bun.write(join(cwd, 'clawhold.yaml'), YAML);
  const env = {
    CLAWHOLD_DATA_DIR: join(cwd, 'data'),
    CLAWHOLD_ROOT_KEY: ROOT_KEY,
    CLAWHOLD_DETECT: 'false',
    CLAWHOLD_LOG_LEVEL: 'error',
    OPENAI_API_KEY: 'sk-simulated',
    OPENAI_BASE_URL: `${provider.url}/v1`,
  };
  gateway = await startGateway(await loadConfig({ cwd, env }), env);
}

async function stop(): Promise<void> {
  if (!isStopped) await gateway.stop();
  isStopped = true;
}

afterEach(async () => {
  await stop();
  provider.stop();
  rmSync(cwd, { recursive: true, force: true });
});

const headers = { authorization: `Bearer ${ROOT_KEY}`, 'content-type': 'application/json' };
const ask = (dialect: Dialect, body: Json, init: RequestInit = {}) =>
  fetchInForm(gateway.url, PATHS[dialect], {
    ...{ method: 'POST', ...init, headers: { ...headers, ...init.headers } },
    body: JSON.stringify({ ...input(dialect), user: 'ann', ...body }),
  });
const input = (dialect: Dialect): Json => question(dialect, 'Hi');

const noneHeld = () =>
  eventually(
    'nothing is held',
    () => gateway.counts().holds,
    (holds) => holds === 0,
  );

const OUTCOMES = [
  'say-2',
  'long',
  'refuse',
  'filter',
  'cut-1',
  'cut-0',
  'error-1',
  'garbage-1',
  'reset',
  'badjson',
  'no-finish',
  'status-400',
  'status-429',
  'status-500',
  'context',
  'auth',
];

test.each(DIALECTS)(
  'of %s, however its provider answers',
  async (dialect) => {
    await start();
    for (const outcome of OUTCOMES) {
      for (const stream of [false, true]) {
        const reply = await ask(dialect, { model: `openai/${outcome}`, stream });
        await reply.text();
        await noneHeld();
      }
    }
    // Rescues wait for each other.
  },
  30_000,
);

test.each(DIALECTS)('of %s, whose client leaves or whose session does not exist', async (dialect) => {
  await start();
  for (const stream of [false, true]) {
    const leaving = new AbortController();
    const asked = ask(
      dialect,
      { model: stream ? 'openai/say-50+pace-50' : 'openai/say-50+delay-10000', stream, store: false },
      { signal: leaving.signal },
    );
    asked.catch(() => {});
    await eventually(
      'the turn runs',
      () => gateway.counts().holds,
      (holds) => holds === 1,
    );
    leaving.abort();
    await noneHeld();
    const lost = { 'x-clawhold-session-id': 'conv_0123456789' };
    expect((await ask(dialect, { model: 'openai/say-2', stream }, { headers: lost })).status).toBe(404);
    await noneHeld();
  }
});

test('of background turns that run, wait, are cancelled, or stay for the next process', async () => {
  await start();
  const background = async () => {
    const reply = await ask('responses', { model: 'openai/say-50+pace-50', background: true });
    return ((await reply.json()) as { id: string }).id;
  };
  const ids = [await background(), await background(), await background()];
  expect(gateway.counts().holds).toBe(3);
  for (const id of ids.slice(1)) {
    const cancelled = await fetch(`${gateway.url}/v1/responses/${id}/cancel`, { method: 'POST', headers });
    expect(cancelled.status).toBe(200);
  }
  await eventually(
    'one turn holds its share',
    () => gateway.counts().holds,
    (holds) => holds === 1,
  );
  await background();
  const running = ask('chat', { model: 'openai/say-50+pace-50', stream: true });
  running.catch(() => {});
  await eventually(
    'three turns hold their share',
    () => gateway.counts().holds,
    (holds) => holds === 3,
  );
  await stop();
  expect(gateway.counts().holds).toBe(0);
});
