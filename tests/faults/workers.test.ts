import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandLine } from '../harness/command.ts';
import { eventually } from '../harness/eventually.ts';
import {
  fetchAnew,
  ROOT_KEY,
  type SpawnedGateway,
  spawnGateway,
  temporaryDirectory,
} from '../harness/gateway.ts';
import { json } from '../harness/journey.ts';
import { childrenOf, isRunning } from '../harness/processes.ts';
import { startProvider } from '../simulators/provider/provider.ts';
import { asList, asText, type Json } from '../simulators/provider/shape.ts';

/** Several processes that serve one port are one gateway to its callers. Every request makes a connection of its own. */

const REQUESTS = 25;
const STREAMS = 3;
const LIMITED_KEY = 'sk-limited-0123456789';
const STREAMING_KEY = 'sk-streaming-0123456789';
/** Enough connections that one worker of two gets all of them once in a million runs. */
const MANY = 20;

const yaml = (more = '') => `
keys:
  - { name: limited, key: ${LIMITED_KEY}, limits: { requests_per_minute: ${REQUESTS} } }
  - { name: streaming, key: ${STREAMING_KEY}, limits: { streams: ${STREAMS} } }
${more}
`;

const provider = startProvider();
afterAll(() => provider.stop());

interface Several extends SpawnedGateway {
  /** The processes of the workers. */
  workers(): number[];
  configure(text: string): void;
}

async function spawnWorkers(workers: number, more: Record<string, string> = {}): Promise<Several> {
  const folder = temporaryDirectory();
  const config = join(folder, 'gateway.yaml');
  writeFileSync(config, yaml());
  const env = {
    CLAWHOLD_WORKERS: String(workers),
    CLAWHOLD_CONFIG: config,
    CLAWHOLD_LOG_LEVEL: 'info',
    ...more,
  };
  const gateway = await spawnGateway({ provider: provider.url, env });
  return {
    ...gateway,
    workers: () => childrenOf(gateway.pid),
    configure: (text) => writeFileSync(config, text),
    async stop() {
      await gateway.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const times = <Value>(count: number, make: (index: number) => Promise<Value>): Promise<Value[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));

interface Begun {
  id: string;
  /** Sequence numbers that were read. */
  last: number;
  /** Reads on to the end; rejects where the connection breaks. */
  rest(): Promise<void>;
}

/** A stream of a stored response, of which the first deltas were read. */
async function begin(gateway: SpawnedGateway, body: Json, headers = {}): Promise<Begun> {
  const reply = await gateway.post('/v1/responses', { stream: true, ...body }, headers);
  expect(reply.status).toBe(200);
  const reader = reply.body!.getReader();
  const decoder = new TextDecoder();
  let text = '';
  while (!text.includes('output_text.delta')) {
    const { value, done } = await reader.read();
    if (done) throw new Error(text);
    text += decoder.decode(value, { stream: true });
  }
  const numbers = [...text.matchAll(/"sequence_number":(\d+)/g)].map(([, number]) => Number(number));
  return {
    id: /"id":"(resp_[^"]+)"/.exec(text)![1]!,
    last: numbers.at(-1)!,
    async rest() {
      while (!(await reader.read()).done);
    },
  };
}

const stored = (gateway: SpawnedGateway, id: string): Promise<Json> =>
  json(gateway.fetch(`/v1/responses/${id}`));

const textOf = (response: Json): string =>
  asList(response.output)
    .flatMap((item) => asList(item.content))
    .map((part) => asText(part.text))
    .join('');

const ask = (gateway: SpawnedGateway, key: string, body: Json) =>
  gateway.fetch('/v1/chat/completions', {
    key,
    method: 'POST',
    body: JSON.stringify({ messages: [{ role: 'user', content: 'Hello' }], ...body }),
    headers: { 'content-type': 'application/json' },
  });

const onLinux = describe.skipIf(process.platform !== 'linux');

onLinux('four workers', () => {
  let gateway: Several;
  beforeAll(async () => {
    gateway = await spawnWorkers(4);
  }, 60_000);
  afterAll(() => gateway.stop());

  test('are four processes, and ready', async () => {
    expect(gateway.workers()).toHaveLength(4);
    const replies = await times(MANY, () => gateway.fetch('/health'));
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
  });

  test('hold limits exactly', async () => {
    const replies = await times(3 * REQUESTS, () => ask(gateway, LIMITED_KEY, { model: 'openai/say-1' }));
    const statuses = replies.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(REQUESTS);
    expect(statuses.filter((status) => status === 429)).toHaveLength(2 * REQUESTS);
    await Promise.all(replies.map((reply) => reply.text()));
  }, 30_000);

  test('hold limits of streams exactly, and give them back', async () => {
    const streams = async () => {
      const body = { model: 'openai/say-5+pace-40', stream: true };
      const replies = await times(4 * STREAMS, () => ask(gateway, STREAMING_KEY, body));
      await Promise.all(replies.map((reply) => reply.text()));
      return replies.filter(({ status }) => status === 200).length;
    };
    expect(await streams()).toBe(STREAMS);
    expect(await streams()).toBe(STREAMS);
  }, 30_000);

  test('go on with one session', async () => {
    for (let turn = 0; turn < 12; turn++) {
      const reply = await gateway.post(
        '/v1/chat/completions',
        { model: 'openai/echo', messages: [{ role: 'user', content: `turn ${turn}` }] },
        { 'x-session-id': 'any-worker' },
      );
      expect(reply.status).toBe(200);
      await reply.text();
    }
    const page = await json(gateway.fetch('/v1/conversations/any-worker/items?order=asc&limit=100'));
    const asked = asList(page.data).filter(({ role }) => role === 'user');
    expect(asked.map(({ content }) => asText(asList(content)[0]!.text))).toEqual(
      Array.from({ length: 12 }, (_, turn) => `turn ${turn}`),
    );
  }, 30_000);

  test('resume the streams of one another', async () => {
    const { id, last, rest } = await begin(gateway, { model: 'openai/say-30+pace-20', input: 'Count.' });
    const read = async () => {
      const path = `/v1/responses/${id}?stream=true&starting_after=${last}`;
      const text = await (await gateway.fetch(path)).text();
      const events = [...text.matchAll(/^data: (\{.*)$/gm)].map(([, data]) => JSON.parse(data!) as Json);
      const numbers = events.map(({ sequence_number }) => sequence_number);
      expect(numbers[0]).toBe(last + 1);
      return { numbers, text: textOf((events.at(-1)!.response ?? {}) as Json) };
    };
    const [first, ...others] = await times(8, read);
    await rest();
    expect(first!.text).toBe(textOf(await stored(gateway, id)));
    for (const other of others) expect(other).toEqual(first!);
  }, 30_000);

  test('cancel the turns of one another', async () => {
    const begun = await times(6, () =>
      begin(gateway, { model: 'openai/say-400+pace-50', input: 'Count.', background: true }),
    );
    const cancelled = await Promise.all(
      begun.map(({ id }) => json(gateway.post(`/v1/responses/${id}/cancel`, {}))),
    );
    expect(new Set(cancelled.map(({ status }) => status))).toEqual(new Set(['cancelled']));
  }, 30_000);

  test('forget the sessions that one of them has deleted', async () => {
    const ask = () =>
      gateway.post(
        '/v1/chat/completions',
        { model: 'openai/echo', messages: [{ role: 'user', content: 'Hello' }] },
        { 'x-session-id': 'deleted-again' },
      );
    for (let round = 0; round < 3; round++) {
      for (let turn = 0; turn < MANY; turn++) expect([turn, (await ask()).status]).toEqual([turn, 200]);
      const path = '/v1/conversations/deleted-again';
      expect((await gateway.fetch(path, { method: 'DELETE' })).status).toBe(200);
    }
  }, 60_000);

  test('tell operators what runs in all of them', async () => {
    const begun = await times(6, () => begin(gateway, { model: 'openai/say-40+pace-50', input: 'Run.' }));
    const ids = begun.map(({ id }) => id).sort();
    for (let look = 0; look < 6; look++) {
      const { data } = await json(gateway.fetch('/admin/v1/turns/running'));
      expect(
        asList(data)
          .map(({ id }) => asText(id))
          .sort(),
      ).toEqual(ids);
    }
    await Promise.all(begun.map(({ rest }) => rest()));
  }, 30_000);

  test('tell operators what happens in all of them', async () => {
    const reply = await gateway.fetch('/admin/v1/events');
    const reader = reply.body!.getReader();
    let text = '';
    void (async () => {
      const decoder = new TextDecoder();
      for (let part = await reader.read(); !part.done; part = await reader.read())
        text += decoder.decode(part.value, { stream: true });
    })().catch(() => {});
    const ended = () => [...text.matchAll(/"type":"turn_ended".*?"turn":"([^"]+)"/g)].map(([, id]) => id!);
    // The other workers learn of the reader a moment after it has come.
    await eventually(
      'every turn is shown',
      async () => {
        const asked = await times(MANY, () =>
          json(gateway.post('/v1/responses', { model: 'openai/say-1', input: 'Hi' })),
        );
        await Bun.sleep(300);
        const shown = new Set(ended());
        return asked.filter(({ id }) => !shown.has(asText(id))).length;
      },
      (hidden) => hidden === 0,
    );
    await reader.cancel();
    expect(new Set(ended()).size).toBe(ended().length);
  }, 30_000);

  test('show operators what any of them has stored', async () => {
    for (let turn = 0; turn < 8; turn++) {
      const session = `surveyed-${turn}`;
      const body = { model: 'openai/say-1', messages: [{ role: 'user', content: 'Hi' }] };
      await (await gateway.post('/v1/chat/completions', body, { 'x-session-id': session })).text();
      const { data } = await json(gateway.fetch('/admin/v1/sessions?limit=100'));
      expect(asList(data).map(({ name }) => name)).toContain(session);
    }
  }, 30_000);

  test('find the turn of a retry where it runs', async () => {
    const bodyOf = (index: number) => ({ model: 'openai/say-8+delay-700', input: `Retried ${index}.` });
    const post = (index: number, headers = {}) => json(gateway.post('/v1/responses', bodyOf(index), headers));
    const first = times(8, (index) => post(index, { 'x-stainless-retry-count': '0' }));
    await eventually(
      'all requests are at the provider',
      () => provider.requests.filter(({ body }) => JSON.stringify(body).includes('Retried ')).length,
      (count) => count >= 8,
    );
    const again = await times(8, (index) => post(index, { 'x-stainless-retry-count': '1' }));
    expect(again.map(({ id }) => id)).toEqual((await first).map(({ id }) => id));
    const asked = provider.requests.filter(({ body }) => JSON.stringify(body).includes('Retried '));
    expect(asked).toHaveLength(8);
  }, 30_000);

  test('know what browser has signed out', async () => {
    const path = '/admin/v1/sign-in';
    const headers = { 'x-requested-with': 'test', 'content-type': 'application/json' };
    const body = JSON.stringify({ key: ROOT_KEY });
    const signedIn = await fetchAnew(gateway.url + path, { method: 'POST', headers, body });
    const cookie = signedIn.headers.get('set-cookie')!.split(';')[0]!;
    const statuses = async () => {
      const replies = await times(MANY, () =>
        fetchAnew(`${gateway.url}/admin/v1/claws`, { headers: { ...headers, cookie } }),
      );
      return new Set(replies.map(({ status }) => status));
    };
    expect(await statuses()).toEqual(new Set([200]));
    await fetchAnew(gateway.url + path, { method: 'DELETE', headers: { ...headers, cookie } });
    await eventually('all workers refuse the cookie', statuses, (seen) => seen.size === 1 && seen.has(401));
  }, 30_000);

  // The last test that signs in: nobody can for a minute.
  test('count wrong keys of sign-ins exactly', async () => {
    const headers = { 'x-requested-with': 'test', 'content-type': 'application/json' };
    const signIn = (key: string) =>
      fetchAnew(`${gateway.url}/admin/v1/sign-in`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ key }),
      });
    const replies = await times(2 * MANY, (index) => signIn(`sk-wrong-${index}`));
    const statuses = replies.map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(10);
    expect(statuses.filter((status) => status === 429)).toHaveLength(2 * MANY - 10);
    const right = await times(MANY, () => signIn(ROOT_KEY));
    expect(new Set(right.map(({ status }) => status))).toEqual(new Set([429]));
  }, 30_000);

  test('count together', async () => {
    const metrics = async () => {
      const text = await (await gateway.fetch('/metrics')).text();
      return Number(/^clawhold_turns_total\{state="completed"\} (\d+)$/m.exec(text)?.[1] ?? 0);
    };
    const before = await metrics();
    await times(MANY, () => json(gateway.post('/v1/responses', { model: 'openai/say-1', input: 'Hi' })));
    for (let look = 0; look < 6; look++) expect(await metrics()).toBe(before + MANY);
  }, 30_000);

  test('take a configuration, all of them or none', async () => {
    const knows = async () => {
      const replies = await times(MANY, () =>
        ask(gateway, LIMITED_KEY.replace('limited', 'later'), { model: 'x' }),
      );
      return new Set(replies.map(({ status }) => status));
    };
    const reload = () => gateway.fetch('/admin/reload', { method: 'POST' });
    const later = `  - { name: later, key: ${LIMITED_KEY.replace('limited', 'later')} }`;
    gateway.configure(yaml(`${later}\nlimits: { body_bytes: wrong }`));
    expect((await reload()).status).toBe(422);
    expect(await knows()).toEqual(new Set([401]));
    gateway.configure(yaml(later));
    expect(await json(reload())).toMatchObject({ state: 'applied' });
    expect((await knows()).has(401)).toBe(false);
    // Also without a request: by the signal, or because the file changed.
    gateway.configure(yaml());
    process.kill(gateway.pid, 'SIGHUP');
    await eventually('no worker knows the key', knows, (seen) => seen.size === 1 && seen.has(401));
  }, 30_000);
});

onLinux('two workers', () => {
  test('know the health of a model from one another', async () => {
    const gateway = await spawnWorkers(2, { CLAWHOLD_BREAKER_LEAST_CALLS: '5' });
    const model = 'groq/say-1+status-500';
    const post = () => gateway.post('/v1/responses', { model, input: 'Health' });
    const calls = () =>
      provider.requests.filter(({ body }) => JSON.stringify(body).includes('Health')).length;
    await eventually(
      'the breaker opens',
      async () => (await json(post())).error as Json,
      ({ code }) => code === 'claw_unavailable',
    );
    await Bun.sleep(200);
    const before = calls();
    const replies = await times(MANY, async () => (await json(post())).error as Json);
    expect(new Set(replies.map(({ code }) => code))).toEqual(new Set(['claw_unavailable']));
    expect(calls()).toBe(before);
    await gateway.stop();
  }, 60_000);

  test('are replaced one after the other for a setting that needs a start', async () => {
    const gateway = await spawnWorkers(2);
    const before = gateway.workers();
    const counted = async () =>
      /^clawhold_turns_total.* (\d+)$/m.exec(await (await gateway.fetch('/metrics')).text())?.[1];
    const { id } = await json(gateway.post('/v1/responses', { model: 'openai/say-1', input: 'Stay' }));
    gateway.configure(yaml('telemetry: { service_name: renamed }'));
    const reloaded = await json(gateway.fetch('/admin/reload', { method: 'POST' }));
    expect(reloaded).toEqual({ state: 'applied', changed: ['telemetry.service_name'], restart: [] });
    await eventually(
      'both are new',
      gateway.workers,
      (now) => now.length === 2 && now.every((pid) => !before.includes(pid)),
    );
    expect(await counted()).toBe('1');
    // A worker that is started after this belongs to the same gateway.
    gateway.configure(yaml('storage: { kind: memory }'));
    expect(await json(gateway.fetch('/admin/reload', { method: 'POST' }))).toMatchObject({
      restart: ['storage.kind'],
    });
    const [killed] = gateway.workers();
    process.kill(killed!, 'SIGKILL');
    await eventually(
      'the worker is back',
      gateway.workers,
      (now) => now.length === 2 && !now.includes(killed!),
    );
    for (let look = 0; look < 4; look++) {
      await Bun.sleep(250);
      const replies = await times(MANY, () => gateway.fetch(`/v1/responses/${asText(id)}`));
      expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
    }
    await gateway.stop();
  }, 60_000);

  test('end where one of them cannot start, with its reason', async () => {
    const folder = temporaryDirectory();
    await Bun.write(join(folder, 'data', 'clawhold.db'), 'This is no database, but a text.'.repeat(40));
    const { clawhold } = commandLine(folder);
    const { code, err } = await clawhold(['start'], { env: { CLAWHOLD_WORKERS: '2' } });
    expect(code).toBe(1);
    expect(err).toContain('clawhold.db');
    const memory = { CLAWHOLD_WORKERS: '2', CLAWHOLD_STORAGE_KIND: 'memory' };
    expect((await clawhold(['start'], { env: memory })).err).toContain('workers: 2 is not possible');
    rmSync(folder, { recursive: true });
  }, 60_000);

  test('finish the turns of one that was killed, and start it again', async () => {
    const gateway = await spawnWorkers(2);
    const begun = await times(MANY, () =>
      begin(gateway, { model: 'openai/say-25+pace-60', input: 'Go on.' }),
    );
    const [killed, other] = gateway.workers();
    const read = begun.map(({ rest }) =>
      rest().then(
        () => 'whole',
        () => 'broken',
      ),
    );
    process.kill(killed!, 'SIGKILL');
    expect(new Set(await Promise.all(read))).toEqual(new Set(['whole', 'broken']));
    for (const { id } of begun) {
      const ended = await eventually(
        'the turn ends',
        () => stored(gateway, id),
        ({ status }) => status !== 'in_progress',
      );
      expect(ended.status).toBe('completed');
      expect(textOf(ended).split(' ').length).toBeGreaterThan(10);
    }
    const now = await eventually('the worker is back', gateway.workers, ({ length }) => length === 2);
    expect(now).toContain(other!);
    expect(now).not.toContain(killed!);
    await gateway.stop();
  }, 60_000);

  test('find the turn of a retry at once after the death of its worker', async () => {
    const gateway = await spawnWorkers(2);
    const send = (index: number, retries: number) =>
      begin(
        gateway,
        { model: 'openai/say-25+pace-60', input: `Again ${index}.` },
        { 'x-stainless-retry-count': String(retries) },
      );
    // The kernel may still give a new connection to the dead worker: clients try again.
    const retried = (index: number, retries = 1): Promise<Begun> =>
      send(index, retries).catch((error: { code?: string }) => {
        if (error.code !== 'ECONNRESET' || retries === 5) throw error;
        return retried(index, retries + 1);
      });
    const begun = await times(MANY, (index) => send(index, 0));
    const again = begun.map(async ({ id, rest }, index) => {
      const isWhole = await rest().then(
        () => true,
        () => false,
      );
      return isWhole ? undefined : { id, now: (await retried(index)).id };
    });
    process.kill(gateway.workers()[0]!, 'SIGKILL');
    const broken = (await Promise.all(again)).filter((one) => one !== undefined);
    expect(broken.length).toBeGreaterThan(0);
    expect(broken.map(({ now }) => now)).toEqual(broken.map(({ id }) => id));
    await gateway.stop();
  }, 60_000);

  test('leave their turns to a gateway that is started after the death of their supervisor', async () => {
    const gateway = await spawnWorkers(2);
    const body = (index: number) => ({ model: 'openai/say-60+pace-100', input: `Left ${index}.` });
    const begun = await times(MANY, (index) =>
      begin(gateway, body(index), { 'x-stainless-retry-count': '0' }),
    );
    const old = gateway.workers();
    await gateway.kill();
    const next = await spawnGateway({
      ...{ provider: provider.url, dataDir: gateway.dataDir, env: { CLAWHOLD_WORKERS: '2' } },
    });
    const again = await times(MANY, (index) => begin(next, body(index), { 'x-stainless-retry-count': '1' }));
    expect(again.map(({ id }) => id)).toEqual(begun.map(({ id }) => id));
    expect(old.filter(isRunning)).toHaveLength(2);
    await Promise.all([...begun, ...again].map(({ rest }) => rest()));
    for (const { id } of begun) expect((await stored(next, id)).status).toBe('completed');
    await next.stop();
    await gateway.stop();
  }, 60_000);

  test('answer what runs before they stop', async () => {
    const gateway = await spawnWorkers(2);
    const begun = await times(MANY, () => begin(gateway, { model: 'openai/say-10+pace-60', input: 'Stop.' }));
    const stopped = gateway.stop();
    await Promise.all(begun.map(({ rest }) => rest()));
    await stopped;
    expect(() => process.kill(gateway.pid, 0)).toThrow();
  }, 60_000);

  test('stop when their supervisor is killed', async () => {
    const gateway = await spawnWorkers(2);
    const workers = gateway.workers();
    await gateway.kill();
    await eventually(
      'all workers have ended',
      () => workers.filter(isRunning),
      ({ length }) => length === 0,
    );
    await gateway.stop();
  }, 60_000);
});
