import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT_KEY, spawnGateway, temporaryDirectory } from '../harness/gateway.ts';
import { startProvider } from '../simulators/provider/provider.ts';
import { type GatewayProcess, startProcess } from './gateway-process.ts';
import { branchOf, readLog, textOf, textsOn } from './recorded.ts';
import { Upstream, until } from './upstream.ts';

const upstream = new Upstream(startProvider());
const provider = upstream.provider.url;
afterAll(() => upstream.provider.stop());

const directories: string[] = [];
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true });
});
let dataDir: string;
beforeEach(() => {
  dataDir = temporaryDirectory();
  directories.push(dataDir);
});

const started: GatewayProcess[] = [];
afterAll(() => {
  for (const gateway of started) gateway.kill();
});

function start(drainMs: number): GatewayProcess {
  const env = { CLAWHOLD_SHUTDOWN_DRAIN_MS: String(drainMs) };
  const gateway = startProcess({ dataDir, provider, env });
  started.push(gateway);
  return gateway;
}

interface Question {
  dialect?: 'chat' | 'responses';
  stream?: boolean;
  behaviour: string;
  session: string;
  text: string;
}

async function ask(gateway: GatewayProcess, question: Question): Promise<Response> {
  const { dialect = 'chat', stream = true, behaviour, session, text } = question;
  const body = { model: `groq/${behaviour}`, stream };
  const messages = [{ role: 'user', content: text }];
  const path = dialect === 'chat' ? '/v1/chat/completions' : '/v1/responses';
  return fetch(`${await gateway.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ROOT_KEY}`, 'x-session-id': session },
    body: JSON.stringify(dialect === 'chat' ? { ...body, messages } : { ...body, input: text }),
  });
}

const isRunning = (text: string) =>
  until('the provider has the request', () => upstream.contextOf(text) !== undefined);

const WORDS = 'one two three four five six seven eight nine ten';

let count = 0;
const unique = () => `${++count} ${WORDS}`;

describe('SIGTERM, with enough time', () => {
  test('lets streams, JSON answers and abandoned turns end, then exits with 0', async () => {
    const gateway = start(10_000);
    const texts = { chat: unique(), responses: unique(), json: unique(), abandoned: unique() };
    const common = { behaviour: 'echo+pace-30' };
    const replies = [
      ask(gateway, { ...common, session: 'chat', text: texts.chat }),
      ask(gateway, { ...common, session: 'responses', text: texts.responses, dialect: 'responses' }),
      ask(gateway, { behaviour: 'echo+delay-300', session: 'json', text: texts.json, stream: false }),
    ];
    const abandoned = await ask(gateway, { ...common, session: 'abandoned', text: texts.abandoned });
    await abandoned.body!.cancel();
    await Promise.all(Object.values(texts).map(isRunning));
    gateway.terminate();
    const [chat, responses, json] = await Promise.all(replies.map(async (reply) => (await reply).text()));
    expect(chat).toEndWith('data: [DONE]\n\n');
    expect(responses).toContain('event: response.completed');
    expect(json).toContain(`You said: ${texts.json}`);
    expect(await gateway.exited).toBe(0);
    await readLog(dataDir, async (log) => {
      for (const [session, text] of Object.entries(texts)) {
        expect(textsOn(branchOf(await log.named(session)))).toEqual([text, `You said: ${text}`]);
      }
    });
  }, 20_000);

  test('accepts no new requests', async () => {
    const gateway = start(10_000);
    const text = unique();
    const running = await ask(gateway, { behaviour: 'echo+pace-40', session: 's', text });
    gateway.terminate();
    // A probe that is sent at the moment of the signal may be answered or reset.
    while (!REFUSED.has(await readiness(gateway)));
    expect(upstream.provider.requests.at(-1)!.aborted).toBe(false);
    await expect(running.text()).resolves.toEndWith('data: [DONE]\n\n');
    expect(await gateway.exited).toBe(0);
  });

  test('runs the turns that wait for their session', async () => {
    const gateway = start(10_000);
    const texts = [unique(), unique(), unique(), unique()];
    const behaviour = 'echo+delay-500';
    const first = ask(gateway, { behaviour, session: 'queue', text: texts[0]! });
    await isRunning(texts[0]!);
    const waiting = texts.slice(1).map((text) => ask(gateway, { behaviour, session: 'queue', text }));
    // No signal shows that a request has joined the queue, so wait. The first turn runs longer than this.
    await Bun.sleep(50);
    gateway.terminate();
    const answers = await Promise.all([first, ...waiting].map(async (reply) => (await reply).text()));
    for (const answer of answers) expect(answer).toEndWith('data: [DONE]\n\n');
    expect(await gateway.exited).toBe(0);
    const branch = await readLog(dataDir, async (log) => branchOf(await log.named('queue')));
    expect(branch.map(({ input }) => textOf(input)).sort()).toEqual(texts.sort());
  }, 20_000);

  test('leaves one whole database file and no journal', async () => {
    const gateway = start(10_000);
    await (await ask(gateway, { behaviour: 'echo', session: 's', text: unique() })).text();
    gateway.terminate();
    expect(await gateway.exited).toBe(0);
    expect(readdirSync(dataDir).filter((name) => name.startsWith('clawhold.db'))).toEqual(['clawhold.db']);
    expect(readdirSync(join(dataDir, 'journal'))).toEqual([]);
  });
});

const REFUSED = new Set<unknown>([503, 'ECONNREFUSED', 'ConnectionRefused']);

/** The status of the readiness probe, or the reason why there was no connection. */
async function readiness(gateway: GatewayProcess): Promise<unknown> {
  return fetch(`${await gateway.url}/readyz`).then(
    ({ status }) => status,
    (error: { code: string }) => error.code,
  );
}

describe('SIGTERM, with too little time', () => {
  test('ends a chat stream with an error and keeps the partial answer as incomplete', async () => {
    const gateway = start(200);
    const text = unique();
    const reply = await ask(gateway, { behaviour: 'echo+stall-5', session: 's', text });
    gateway.terminate();
    const events = await reply.text();
    expect(events).toContain('"code":"shutting_down"');
    expect(events).not.toContain('[DONE]');
    expect(await gateway.exited).toBe(0);
    const [turn] = await readLog(dataDir, async (log) => branchOf(await log.named('s')));
    expect(turn).toMatchObject({ state: 'incomplete', error: { code: 'shutting_down' } });
    expect(textOf(turn!.output)).toBe(`You said: ${text.split(' ').slice(0, 3).join(' ')}`);
  });

  test('ends a responses stream as incomplete, with the error', async () => {
    const gateway = start(200);
    const question = { dialect: 'responses' as const, behaviour: 'echo+stall-5', session: 's' };
    const reply = await ask(gateway, { ...question, text: unique() });
    gateway.terminate();
    const events = await reply.text();
    expect(events).toMatch(/event: response\.incomplete\n.*"error":{"code":"shutting_down"/);
    expect(await gateway.exited).toBe(0);
  });

  test('answers clients that wait for a JSON answer with 503', async () => {
    const gateway = start(200);
    const text = unique();
    const question = { behaviour: 'silent', session: 's', stream: false };
    const reply = ask(gateway, { ...question, text });
    await isRunning(text);
    const behind = ask(gateway, { ...question, text: unique() });
    await Bun.sleep(50);
    gateway.terminate();
    for (const { status, headers } of await Promise.all([reply, behind])) {
      expect(status).toBe(503);
      expect(headers.get('x-should-retry')).toBe('true');
    }
    expect(await gateway.exited).toBe(0);
  });

  test('leaves sessions that continue after the next start', async () => {
    const gateway = start(200);
    const text = unique();
    const reply = await ask(gateway, { behaviour: 'echo+stall-5', session: 's', text });
    gateway.terminate();
    await reply.text();
    await gateway.exited;
    const successor = await spawnGateway({ dataDir, provider });
    const next = unique();
    const body = { model: 'anthropic/echo', messages: [{ role: 'user', content: next }] };
    const answer = await successor.post('/v1/chat/completions', body, { 'x-session-id': 's' });
    expect(answer.status).toBe(200);
    const partial = `You said: ${text.split(' ').slice(0, 3).join(' ')}`;
    expect(upstream.contextOf(next)).toEqual([text, partial, next]);
    await successor.stop();
  });
});
