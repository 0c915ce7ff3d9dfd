import { afterEach, beforeEach, describe, expect, setSystemTime, test } from 'bun:test';
import { asking, KINDS } from '../harness/asking.ts';
import { FORMS } from '../harness/dialects.ts';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { SocketClient } from '../harness/socket.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';
import { asText, type Json } from '../simulators/provider/shape.ts';

/** A session stays with the claw and the credential that probably have it in their prompt cache. */

/** A server before the simulated provider. It refuses calls with some keys. */
interface Door {
  url: string;
  /** The keys of the calls so far. */
  keys: string[];
  /** The status for a key. */
  refused: Map<string, number>;
  stop(): Promise<void>;
}

function startDoor(provider: Provider): Door {
  const keys: string[] = [];
  const refused = new Map<string, number>();
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const key = (request.headers.get('authorization') ?? '').replace('Bearer ', '');
      const { pathname } = new URL(request.url);
      if (request.method !== 'POST') return new Response();
      keys.push(key);
      const status = refused.get(key);
      const body = await request.text();
      if (status) return Response.json({ error: { message: 'Not with this key.' } }, { status });
      return fetch(provider.url + pathname, { method: 'POST', headers: request.headers, body });
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, keys, refused, stop: () => server.stop(true) };
}

let provider: Provider;
let door: Door;
let gateway: TestGateway;
beforeEach(() => {
  provider = startProvider();
  door = startDoor(provider);
});
afterEach(async () => {
  setSystemTime();
  await gateway.stop();
  await door.stop();
  provider.stop();
});

async function open(yaml: string, env: Record<string, string> = {}): Promise<void> {
  gateway = await testGateway({
    provider: provider.url,
    yaml,
    env: { GROQ_BASE_URL: `${door.url}/v1`, ...env },
  });
}

const INSTANCES = `
claws:
  groq: { instances: [{ name: one, api_key: sk-one }, { name: two, api_key: sk-two }] }
aliases:
  turns: { strategy: round_robin, models: [openai/echo, gemini/echo, deepseek/echo] }
  cheap: { strategy: least_cost, models: [groq/echo] }
`;

describe.each(KINDS)('%s, streamed: %p', (dialect, stream) => {
  const ask = asking(() => gateway, dialect, stream);
  let session = 0;
  const named = () => ({ 'x-session-id': `${dialect}-${stream}-${session++}` });

  test('a session of a round_robin alias stays, and a new session moves on', async () => {
    await open(INSTANCES);
    const firsts = new Set<string | null>();
    for (let number = 0; number < 3; number++) {
      const headers = named();
      const first = await ask({ model: 'turns' }, headers);
      expect(first.route).toBe('alias=turns; strategy=round_robin; reason=strategy');
      for (let turn = 0; turn < 3; turn++) {
        const next = await ask({ model: 'turns' }, headers);
        expect([next.by, next.route] as unknown[]).toEqual([
          ...[first.by, 'alias=turns; strategy=round_robin; reason=affinity'],
        ]);
      }
      firsts.add(first.by);
    }
    expect(firsts.size).toBe(3);
  });

  test('a session leaves a claw that fails, and stays with the next one', async () => {
    await open(INSTANCES);
    const headers = named();
    const simulate = { ...headers, 'x-clawhold-simulate': 'openai/*=provider_overloaded' };
    await ask({ model: 'turns', provider: { order: ['openai'] } }, headers);
    const moved = await ask({ model: 'turns' }, simulate);
    expect(moved).toMatchObject({ status: 200, route: expect.stringContaining('reason=fallback') });
    expect(moved.by).not.toBe('openai/echo');
    expect(await ask({ model: 'turns' }, headers)).toMatchObject({ by: moved.by });
  });

  test('a session may move when the cache has probably forgotten it', async () => {
    await open(INSTANCES);
    const headers = named();
    const first = await ask({ model: 'turns' }, headers);
    setSystemTime(Date.now() + 4 * 60_000);
    expect((await ask({ model: 'turns' }, headers)).by).toBe(first.by);
    setSystemTime(Date.now() + 2 * 60 * 60_000);
    const later = await ask({ model: 'turns' }, headers);
    expect(later.route).toContain('reason=strategy');
    expect(later.by).not.toBe(first.by);
  });

  test('a wish of the request comes before affinity', async () => {
    await open(INSTANCES);
    const headers = named();
    await ask({ model: 'turns', provider: { only: ['openai'] } }, headers);
    const wished = await ask({ model: 'turns', provider: { order: ['gemini'] } }, headers);
    expect(wished).toMatchObject({ by: 'gemini/echo', route: expect.stringContaining('reason=wish') });
  });

  test.each([401, 429, 402])(
    'a session goes on with the other credential after %p, and stays there',
    async (status) => {
      await open(INSTANCES);
      const headers = named();
      const turn = async (model: string): Promise<string[]> => {
        door.keys.length = 0;
        const { status: answered, by } = await ask({ model }, headers);
        expect([answered, by] as unknown[]).toEqual([200, 'groq/echo']);
        return [...door.keys];
      };
      const [first = ''] = await turn('groq/echo');
      const other = first === 'sk-one' ? 'sk-two' : 'sk-one';
      expect(await turn('groq/echo')).toEqual([first]);
      door.refused.set(first, status);
      expect(await turn('groq/echo')).toEqual([first, other]);
      door.refused.clear();
      expect(await turn('groq/echo')).toEqual([other]);
      expect(await turn('groq/echo')).toEqual([other]);
      expect(await turn('cheap')).toEqual([other]);
    },
  );

  test('requests without a session share the credentials by their weight', async () => {
    await open(INSTANCES.replace('api_key: sk-two', 'api_key: sk-two, weight: 3'));
    for (let turn = 0; turn < 60; turn++) await ask({ model: 'groq/echo' });
    const share = door.keys.filter((key) => key === 'sk-two').length / 60;
    expect(share).toBeGreaterThan(0.5);
    expect(share).toBeLessThan(0.97);
  });

  if (FORMS[dialect].hasOpenaiSettings)
    test('requests with one prompt_cache_key have one credential', async () => {
      await open(INSTANCES);
      for (let turn = 0; turn < 12; turn++) await ask({ model: 'groq/echo', prompt_cache_key: 'shared' });
      expect(new Set(door.keys).size).toBe(1);
      for (let turn = 0; turn < 12; turn++)
        await ask({ model: 'groq/echo', prompt_cache_key: `key ${turn}` });
      expect(new Set(door.keys).size).toBe(2);
    });

  test('without any credential that works, the error is that of the credential', async () => {
    await open(INSTANCES);
    for (const key of ['sk-one', 'sk-two']) door.refused.set(key, 401);
    const { status, error, raw } = await ask({ model: 'groq/echo' });
    expect([status, error?.code] as unknown[]).toEqual([502, 'provider_auth_failed']);
    expect((error!.attempts as Json[]).map(({ model }) => asText(model)).toSorted()).toEqual([
      ...['groq/echo@one', 'groq/echo@two'],
    ]);
    expect(raw).not.toContain('sk-');
    expect(raw).not.toContain(door.url);
  });
});

test('over a WebSocket, a session stays with its claw, also by its last response alone', async () => {
  await open(INSTANCES);
  const socket = await SocketClient.open(gateway);
  const first = await socket.ask({ model: 'turns', input: 'Hello' });
  for (let turn = 0, last = first; turn < 3; turn++) {
    last = await socket.ask({ model: 'turns', input: 'Again', previous_response_id: last.id });
    expect(last.model).toBe(asText(first.model));
  }
  expect((await socket.ask({ model: 'turns', input: 'Hello' })).model).not.toBe(asText(first.model));
  socket.close();
});
