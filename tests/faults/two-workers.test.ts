import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { eventually } from '../harness/eventually.ts';
import { ROOT_KEY, type SpawnedGateway, spawnGateway } from '../harness/gateway.ts';
import { completionText } from '../harness/journey.ts';
import { type KeptConnection, keepConnection } from '../harness/kept-connection.ts';
import { acceptorOf, childrenOf } from '../harness/processes.ts';
import { startProvider } from '../simulators/provider/provider.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

/**
 * One worker changes a session that the other one has in memory. Each test lets both workers use the session, changes
 * it in the first one, and asks the second one.
 */

const provider = startProvider();
afterAll(() => provider.stop());

/** One of the two workers. */
interface Worker {
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
  /** The reply to a request that succeeds, as JSON. */
  ask(method: string, path: string, body?: unknown): Promise<Json>;
  /** What the model has heard of the session, with this message. */
  say(session: string, content: string): Promise<string>;
}

function workerOf(connection: KeptConnection): Worker {
  const call: Worker['call'] = (method, path, body, headers = {}) =>
    connection.fetch(path, {
      method,
      headers: { authorization: `Bearer ${ROOT_KEY}`, 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  return {
    call,
    async ask(method, path, body) {
      const reply = await call(method, path, body);
      const answer = asJson(await reply.json());
      if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(answer)}`);
      return answer;
    },
    async say(session, content) {
      const body = { model: 'openai/recall', messages: [{ role: 'user', content }] };
      const reply = await call('POST', '/v1/chat/completions', body, { 'x-session-id': session });
      return completionText(await reply.json())
        .replace('I have heard: ', '')
        .replaceAll('"', '');
    },
  };
}

let gateway: SpawnedGateway;
let connections: KeptConnection[] = [];
/** The worker that changes, and the other one. */
let here: Worker;
let there: Worker;

describe.skipIf(process.platform !== 'linux')('a change that one worker makes', () => {
  beforeAll(async () => {
    gateway = await spawnGateway({ provider: provider.url, env: { CLAWHOLD_WORKERS: '2' } });
    const workers = childrenOf(gateway.pid);
    const port = Number(new URL(gateway.url).port);
    const found = new Map<number, KeptConnection>();
    while (found.size < 2) {
      const connection = await keepConnection(gateway.url);
      await connection.fetch('/health');
      const pid = acceptorOf(connection.port, port, workers)!;
      if (found.has(pid)) connection.close();
      else found.set(pid, connection);
    }
    connections = [...found.values()];
    [here, there] = connections.map(workerOf) as [Worker, Worker];
  }, 60_000);
  afterAll(async () => {
    for (const connection of connections) connection.close();
    await gateway.stop();
  });

  /** A session with two turns that both workers have in memory; resolves to its id. */
  async function shared(name: string): Promise<string> {
    await here.say(name, 'one');
    expect(await there.say(name, 'two')).toBe('one | two');
    const { id } = await here.ask('GET', `/v1/conversations/${name}`);
    return asText(id);
  }

  const turnsOf = async (session: string) =>
    asList((await here.ask('GET', `/admin/v1/sessions/${session}/turns`)).data);

  describe('over the management API', () => {
    const change = (session: string, body: Json) => here.ask('PATCH', `/admin/v1/sessions/${session}`, body);

    test('of a name', async () => {
      await shared('old-name');
      await change('old-name', { name: 'new-name' });
      expect(await there.say('new-name', 'three')).toBe('one | two | three');
      expect(await there.say('old-name', 'another')).toBe('another');
      expect(await here.say('new-name', 'four')).toBe('one | two | three | four');
      expect(await here.say('old-name', 'more')).toBe('another | more');
    });

    test('of the names of two sessions, which change places', async () => {
      await shared('left');
      await there.say('right', 'uno');
      await here.say('right', 'due');
      await change('left', { name: 'between' });
      await change('right', { name: 'left' });
      await change('between', { name: 'right' });
      expect(await there.say('left', 'tre')).toBe('uno | due | tre');
      expect(await there.say('right', 'three')).toBe('one | two | three');
    });

    test('that removes a name', async () => {
      const id = await shared('named');
      await change('named', { name: null });
      expect((await there.call('GET', '/v1/conversations/named')).status).toBe(404);
      expect(await there.say('named', 'another')).toBe('another');
      expect(await there.say(id, 'three')).toBe('one | two | three');
    });

    test('of tags and metadata', async () => {
      await shared('tagged');
      await change('tagged', { tags: ['vip'], metadata: { topic: 'sea' } });
      const seen = await there.ask('GET', '/admin/v1/sessions/tagged');
      expect(seen).toMatchObject({ tags: ['vip'], metadata: { topic: 'sea' } });
      expect((await there.ask('GET', '/v1/conversations/tagged')).metadata).toEqual({ topic: 'sea' });
      expect(await there.say('tagged', 'three')).toBe('one | two | three');
    });

    test('of the head', async () => {
      await shared('rewound');
      const [first] = await turnsOf('rewound');
      await here.ask('POST', '/admin/v1/sessions/rewound/rewind', { turn: first!.id });
      expect(await there.say('rewound', 'other')).toBe('one | other');
      expect(await here.say('rewound', 'more')).toBe('one | other | more');
    });

    test('of an item', async () => {
      await shared('edited');
      const [, second] = await turnsOf('edited');
      const [item] = asList(second!.input);
      const value = { type: 'message', role: 'user', content: 'changed' };
      await here.ask('POST', '/admin/v1/sessions/edited/edit', { item: item!.id, value });
      expect(await there.say('edited', 'three')).toBe('one | changed | three');
    });

    test('that copies it', async () => {
      await shared('original');
      await here.ask('POST', '/admin/v1/sessions/original/fork', { name: 'copy' });
      expect(await there.say('copy', 'three')).toBe('one | two | three');
      expect(await there.say('original', 'other')).toBe('one | two | other');
    });

    test('that deletes it and imports it again', async () => {
      const id = await shared('carried');
      const exported = await (await here.call('GET', '/admin/v1/sessions/carried/export')).text();
      await here.ask('DELETE', '/admin/v1/sessions/carried?erase=true');
      expect((await there.call('GET', `/v1/conversations/${id}`)).status).toBe(404);
      await here.ask('POST', '/admin/v1/import', exported);
      expect(await there.say('carried', 'three')).toBe('one | two | three');
      expect(await there.say(id, 'four')).toBe('one | two | three | four');
    });

    for (const erase of [false, true])
      test(`that ${erase ? 'erases' : 'deletes'} it`, async () => {
        const name = `gone-${erase}`;
        const id = await shared(name);
        const [first] = await turnsOf(name);
        await here.ask('DELETE', `/admin/v1/sessions/${name}?erase=${erase}`);
        for (const path of [`/v1/conversations/${id}`, `/v1/responses/${asText(first!.id)}`])
          expect([path, (await there.call('GET', path)).status]).toEqual([path, 404]);
        expect((await there.call('GET', `/admin/v1/sessions/${name}`)).status).toBe(404);
        const continued = { model: 'openai/recall', input: 'more', previous_response_id: first!.id };
        expect((await there.call('POST', '/v1/responses', continued)).status).toBe(400);
        expect(await there.say(name, 'another')).toBe('another');
      });

    test('while the other one runs a turn of it is refused where it must be', async () => {
      await shared('busy');
      const [first] = await turnsOf('busy');
      const body = { model: 'openai/say-200+pace-50', input: 'Run.', background: true, conversation: 'busy' };
      const { id } = await there.ask('POST', '/v1/responses', body);
      await eventually(
        'the turn runs',
        () => there.ask('GET', `/v1/responses/${asText(id)}`),
        ({ status }) => status === 'in_progress',
      );
      const refused = async (method: string, path: string, body?: Json) => {
        const reply = await here.call(method, `/admin/v1/sessions/busy${path}`, body);
        return [reply.status, asJson(asJson(await reply.json()).error).code];
      };
      const busy = [409, 'session_busy'];
      expect(await refused('POST', '/rewind', { turn: first!.id })).toEqual(busy);
      expect(await refused('DELETE', '')).toEqual(busy);
      expect(await refused('DELETE', '?erase=true')).toEqual(busy);
      await here.ask('POST', `/admin/v1/turns/${asText(id)}/cancel`);
      const ended = await eventually(
        'the turn ends',
        () => there.ask('GET', `/v1/responses/${asText(id)}`),
        ({ status }) => status !== 'in_progress',
      );
      expect(ended.status).toBe('cancelled');
    }, 30_000);

    test('by a question of an operator', async () => {
      await shared('played');
      const asked = { model: 'openai/recall', input: 'three', session: 'played' };
      const { id } = await here.ask('POST', '/admin/v1/turns', asked);
      await eventually(
        'the turn is stored',
        () => here.call('GET', `/admin/v1/turns/${asText(id)}`),
        ({ status }) => status === 200,
      );
      expect(await there.say('played', 'four')).toBe('one | two | three | four');
    });
  });

  describe('over conversations', () => {
    test('of metadata', async () => {
      await shared('described');
      await here.ask('POST', '/v1/conversations/described', { metadata: { topic: 'sea' } });
      expect((await there.ask('GET', '/v1/conversations/described')).metadata).toEqual({ topic: 'sea' });
    });

    test('that adds items', async () => {
      await shared('longer');
      const items = [{ type: 'message', role: 'user', content: 'added' }];
      await here.ask('POST', '/v1/conversations/longer/items', { items });
      expect(await there.say('longer', 'three')).toBe('one | two | added | three');
    });

    test('that removes an item', async () => {
      await shared('shorter');
      const path = '/v1/conversations/shorter/items';
      const { data } = await here.ask('GET', `${path}?order=asc`);
      const item = asText(asList(data)[0]!.id);
      await here.ask('DELETE', `${path}/${item}`);
      expect((await there.call('GET', `${path}/${item}`)).status).toBe(404);
      expect(await there.say('shorter', 'three')).toBe('two | three');
    });

    test('that deletes it', async () => {
      const id = await shared('removed');
      await here.ask('DELETE', '/v1/conversations/removed');
      expect((await there.call('GET', `/v1/conversations/${id}`)).status).toBe(404);
      expect(await there.say('removed', 'another')).toBe('another');
    });

    test('of its values', async () => {
      await shared('valued');
      const path = '/v1/conversations/valued/values/place';
      const seen = async () => (await there.ask('GET', path)).value;
      await here.ask('PUT', path, { sea: 'North' });
      expect(await seen()).toEqual({ sea: 'North' });
      const put = await there.call('PUT', path, { sea: 'Baltic' });
      const earlier = { 'if-match': put.headers.get('etag')! };
      await here.ask('PATCH', path, { depth: 55 });
      expect(await seen()).toEqual({ sea: 'Baltic', depth: 55 });
      expect((await there.call('PUT', path, 1, earlier)).status).toBe(412);
      expect((await here.call('DELETE', path)).ok).toBe(true);
      expect((await there.call('GET', path)).status).toBe(404);
    });

    test('of its pins', async () => {
      await shared('pinned');
      await there.say('pinned', 'Always answer in French.');
      await here.say('pinned', 'My name is Ada.');
      const path = '/v1/conversations/pinned/pins';
      const textsOf = async (worker: Worker) =>
        asList((await worker.ask('GET', path)).data).map(({ text }) => asText(text));
      expect(await textsOf(there)).toEqual(['Always answer in French.', 'My name is Ada.']);
      const [pin] = asList((await here.ask('GET', path)).data);
      expect((await here.call('DELETE', `${path}/${asText(pin!.id)}`)).ok).toBe(true);
      expect(await textsOf(there)).toEqual(['My name is Ada.']);
    });

    test('of one of its responses', async () => {
      await shared('answered');
      const [, second] = await turnsOf('answered');
      const path = `/v1/responses/${asText(second!.id)}`;
      expect((await there.call('GET', path)).status).toBe(200);
      expect((await here.call('DELETE', path)).ok).toBe(true);
      expect((await there.call('GET', path)).status).toBe(404);
      const continued = { model: 'openai/recall', input: 'more', previous_response_id: second!.id };
      expect((await there.call('POST', '/v1/responses', continued)).status).toBe(400);
    });
  });
});
