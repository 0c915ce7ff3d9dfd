import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { DIALECTS } from '../harness/dialects.ts';
import {
  type SpawnedGateway,
  spawnGateway,
  type TestGateway,
  temporaryDirectory,
  testGateway,
} from '../harness/gateway.ts';
import { startProvider } from '../simulators/provider/provider.ts';
import { branchOf, readLog, textOf, textsOn } from './recorded.ts';
import { ScriptedClient } from './scripted-client.ts';
import { Upstream, until } from './upstream.ts';

const provider = startProvider({ keep: 100_000 });
const upstream = new Upstream(provider);
afterAll(() => provider.stop());

let count = 0;
const unique = (what: string) => `${what}-${++count}`;

/** Sends one message to a session. `variant` selects the dialect and whether it streams. */
function send(to: TestGateway, session: string, text: string, variant = 0, behaviour = 'echo') {
  const model = `groq/${behaviour}`;
  const stream = variant % 2 === 1;
  const headers = { 'x-session-id': session };
  return variant % 4 < 2
    ? to.post('/v1/chat/completions', { model, stream, messages: [{ role: 'user', content: text }] }, headers)
    : to.post('/v1/responses', { model, stream, input: text }, headers);
}

describe('writers of one session in one process', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await testGateway({
      provider: provider.url,
      env: { CLAWHOLD_LIMITS_SESSION_QUEUE: '100' },
    });
  });
  afterAll(() => gateway.stop());

  const logOf = (session: string) => readLog(gateway.dataDir, (log) => log.named(session));

  test('run in the order in which their requests arrived', async () => {
    const session = unique('order');
    const texts = Array.from({ length: 12 }, (_, index) => `${session} number ${index}`);
    const replies = [send(gateway, session, texts[0]!, 0, 'echo+delay-100')];
    await until('the first turn is running', () => upstream.contextOf(texts[0]!) !== undefined);
    for (const [index, text] of texts.slice(1).entries()) {
      replies.push(send(gateway, session, text, index));
      // No signal shows that a request has joined the queue, so wait a moment.
      await Bun.sleep(5);
    }
    await Promise.all(replies.map(async (reply) => (await reply).text()));
    expect(branchOf(await logOf(session)).map(({ input }) => textOf(input))).toEqual(texts);
  });

  test('make one chain of turns: each turn once, and each after all earlier turns', async () => {
    const sessions = [unique('chain'), unique('chain'), unique('chain')];
    const sentTexts = new Map<string, string[]>(sessions.map((session) => [session, []]));
    const writers = Array.from({ length: 60 }, async (_, writer) => {
      const session = sessions[writer % sessions.length]!;
      for (let turn = 0; turn < 5; turn++) {
        const text = `${session} ${writer}.${turn}`;
        const reply = await send(gateway, session, text, writer >> 1);
        expect(reply.status).toBe(200);
        await reply.text();
        sentTexts.get(session)!.push(text);
      }
    });
    await Promise.all(writers);
    for (const session of sessions) {
      const log = await logOf(session);
      const branch = branchOf(log);
      expect(log.turns).toHaveLength(100);
      expect(branch).toHaveLength(100);
      expect(branch.map(({ input }) => textOf(input)).sort()).toEqual(sentTexts.get(session)!.sort());
      expect(branch.every(({ state }) => state === 'completed')).toBe(true);
      const conversation = textsOn(branch);
      for (const [index, { input }] of branch.entries()) {
        expect(upstream.contextOf(textOf(input))).toEqual(conversation.slice(0, 2 * index + 1));
      }
    }
  }, 20_000);

  test('racing to create a session make only one', async () => {
    const session = unique('first');
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, index) => send(gateway, session, unique('racing'), index)),
    );
    await Promise.all(replies.map((reply) => reply.text()));
    expect(new Set(replies.map(({ headers }) => headers.get('x-clawhold-session-id'))).size).toBe(1);
    expect(replies.filter(({ headers }) => headers.get('x-clawhold-history') === 'started')).toHaveLength(1);
    expect(branchOf(await logOf(session))).toHaveLength(20);
  });
});

test('one writer more than the queue allows gets a retryable error; the others are served', async () => {
  const gateway = await testGateway({
    provider: provider.url,
    env: { CLAWHOLD_LIMITS_SESSION_QUEUE: '2' },
  });
  const session = unique('busy');
  const holder = await send(gateway, session, unique('holder'), 1, 'echo+stall-2');
  const others = [0, 1, 2].map((variant) => send(gateway, session, unique('other'), variant));
  const refused = await Promise.race(others);
  expect(refused.status).toBe(409);
  expect(refused.headers.get('x-should-retry')).toBe('true');
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await refused.json()).toMatchObject({ error: { code: 'session_busy' } });
  const elsewhere = await send(gateway, unique('elsewhere'), unique('free'));
  expect(elsewhere.status).toBe(200);
  await gateway.post(`/v1/responses/${holder.headers.get('x-clawhold-response-id')}/cancel`, {});
  const replies = await Promise.all(others);
  expect(replies.map(({ status }) => status).sort()).toEqual([200, 200, 409]);
  expect((await send(gateway, session, unique('again'))).status).toBe(200);
  await gateway.stop();
});

describe('two processes on one database', () => {
  const dataDir = temporaryDirectory();
  let gateways: SpawnedGateway[];
  beforeAll(async () => {
    const options = { dataDir, provider: provider.url, env: { CLAWHOLD_LIMITS_SESSION_QUEUE: '100' } };
    gateways = await Promise.all([spawnGateway(options), spawnGateway(options)]);
  });
  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    rmSync(dataDir, { recursive: true });
  });

  test('each sees the writes of the other at once', async () => {
    const clients = DIALECTS.flatMap((dialect) =>
      [true, false].map((stream) => new ScriptedClient({ dialect, stream, provider: 'groq' })),
    );
    await Promise.all(
      clients.map(async (client, offset) => {
        for (let turn = 0; turn < 100; turn++) {
          const attempt = await client.turn(gateways[(turn + offset) % 2]!);
          expect(attempt.completed).toBe(true);
          expect(upstream.contextOf(attempt.user)).toEqual(attempt.context);
        }
      }),
    );
  }, 20_000);

  test('racing to create a session make only one', async () => {
    for (let round = 0; round < 20; round++) {
      const session = unique('first');
      const replies = await Promise.all(
        gateways.map((gateway, index) => send(gateway, session, unique('racing'), index)),
      );
      await Promise.all(replies.map((reply) => reply.text()));
      expect(new Set(replies.map(({ headers }) => headers.get('x-clawhold-session-id'))).size).toBe(1);
    }
  });

  test('make one chain of turns per session: each turn once, and each after all earlier turns', async () => {
    const sessions = Array.from({ length: 3 }, () => unique('race'));
    const texts = sessions.map((session) => Array.from({ length: 32 }, (_, index) => `${session} ${index}`));
    const asked = sessions.flatMap((session, at) =>
      texts[at]!.map((text, index) => send(gateways[index % 2]!, session, text, index >> 1)),
    );
    const replies = await Promise.all(asked);
    await Promise.all(replies.map((reply) => reply.text()));
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
    for (const [at, session] of sessions.entries()) {
      const log = await readLog(dataDir, (open) => open.named(session));
      const branch = branchOf(log);
      expect(log.turns).toHaveLength(branch.length);
      expect(branch.map(({ input }) => textOf(input)).sort()).toEqual(texts[at]!.sort());
      const logged = textsOn(branch);
      branch.forEach(({ input }, index) => {
        expect(upstream.contextOf(textOf(input))).toEqual(logged.slice(0, 2 * index + 1));
      });
    }
  }, 20_000);

  test('killing one does not end the turns of the other', async () => {
    const session = unique('other');
    const text = `${session} one two three four five six seven`;
    const reply = await send(gateways[0]!, session, text, 1, 'echo+pace-30');
    await until('the turn is running', () => upstream.contextOf(text) !== undefined);
    await gateways[1]!.kill();
    gateways[1] = await spawnGateway({ dataDir, provider: provider.url });
    expect(await reply.text()).toEndWith('data: [DONE]\n\n');
    const { turns } = await readLog(dataDir, (log) => log.named(session));
    expect(turns.map(({ state, output }) => [state, textOf(output)])).toEqual([
      ['completed', `You said: ${text}`],
    ]);
  });
});
