import { Database } from 'bun:sqlite';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type DictatedProvider, dictatedProvider } from '../harness/dictated.ts';
import { eventually } from '../harness/eventually.ts';
import { spawnGateway, type TestGateway, temporaryDirectory, testGateway } from '../harness/gateway.ts';
import { completionText, json, responseText, serverEvents, sessionLog } from '../harness/journey.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { SocketClient } from '../harness/socket.ts';
import { startProvider } from '../simulators/provider/provider.ts';
import { asList, asText, type Json } from '../simulators/provider/shape.ts';

/** Turns that are kept in their session alone, and turns that are not kept. */

const DIALECTS = ['chat', 'responses'] as const;
type Dialect = (typeof DIALECTS)[number];
const PATHS: Record<Dialect, string> = { chat: '/v1/chat/completions', responses: '/v1/responses' };
const UNKEPT = { 'x-clawhold-keep': 'false' };
/** A key of the root key's tenant that forbids keeping. */
const FORBIDDING = 'sk-claw-test-forbidding-0123456789';
const YAML = `keys:\n  - { name: reader, key: ${FORBIDDING}, keep: false }\n`;

const provider = startProvider();
let dictated: DictatedProvider;
let gateway: TestGateway;
let session = '';
let count = 0;

beforeAll(async () => {
  dictated = dictatedProvider();
  gateway = await testGateway({ provider: provider.url, env: dictated.env, yaml: YAML });
});
beforeEach(() => {
  session = `keeping-${count++}`;
});
afterAll(async () => {
  await gateway.stop();
  await dictated.stop();
  provider.stop();
});

const named = () => ({ 'x-session-id': session });
const bodyOf = (dialect: Dialect, text: string, more: Json = {}): Json => ({
  model: 'openai/recall',
  ...(dialect === 'chat' ? { messages: [{ role: 'user', content: text }] } : { input: text }),
  ...more,
});
const ask = (dialect: Dialect, text: string, more?: Json, headers: Record<string, string> = {}) =>
  gateway.post(PATHS[dialect], bodyOf(dialect, text, more), { ...named(), ...headers });
const textOf = (dialect: Dialect, body: Json) =>
  dialect === 'chat' ? completionText(body) : responseText(body);
const log = () => sessionLog(gateway, session);
const idOf = (body: Json) => asText(body.id);

/** How many rows of each kind the store has, and how many bytes the journal. */
function contents(): Record<string, number> {
  const database = new Database(join(gateway.dataDir, 'clawhold.db'), { readonly: true });
  const tables = ['sessions', 'turns', 'claims', 'leases'];
  const counts = tables.map((table) => {
    const row = database.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get();
    return [table, row!.n];
  });
  database.close();
  return Object.fromEntries(counts);
}

describe.each(DIALECTS)('%s with `store: false` in a session', (dialect) => {
  test('is kept in the session, and cannot be fetched', async () => {
    const first = await ask(dialect, 'one', { store: false });
    expect(first.headers.get('x-clawhold-kept')).toBe('session');
    expect(first.headers.get('x-clawhold-history')).toBe('started');
    expect(first.headers.get('x-clawhold-response-id')).toBeNull();
    const body = await json(first);
    if (dialect === 'responses')
      expect(body).toMatchObject({ store: false, conversation: { id: expect.any(String) } });
    await expectRefusal(gateway.fetch(`${PATHS[dialect]}/${idOf(body)}`), 404, {
      code: 'response_not_found',
    });
    const second = await ask(dialect, 'two', { store: false });
    expect(second.headers.get('x-clawhold-history')).toBe('appended');
    expect(textOf(dialect, await json(second))).toBe('I have heard: "one" | "two"');
    expect(await log()).toHaveLength(4);
  });

  test('cannot be listed, deleted or continued by its id', async () => {
    const id = idOf(await json(ask(dialect, 'one', { store: false })));
    const refused = { code: 'response_not_found' };
    await expectRefusal(gateway.fetch(`${PATHS[dialect]}/${id}`, { method: 'DELETE' }), 404, refused);
    const previous_response_id = id.replace('chatcmpl-', 'resp_');
    const next = { model: 'openai/recall', input: 'two', previous_response_id };
    await expectRefusal(gateway.post('/v1/responses', next), 400, { code: 'previous_response_not_found' });
    const listed = asList((await json(gateway.fetch(PATHS.chat))).data);
    expect(listed.map(idOf)).not.toContain(id);
    // A request that names the session continues it there.
    const within = await json(gateway.post('/v1/responses', { ...next, store: false }, named()));
    expect(responseText(within)).toBe('I have heard: "one" | "two"');
    expect(await log()).toHaveLength(4);
  });

  test('a stream says so, too', async () => {
    const reply = await ask(dialect, 'one', { store: false, stream: true });
    expect(reply.headers.get('x-clawhold-kept')).toBe('session');
    const { events } = serverEvents(await reply.text());
    if (dialect === 'responses')
      for (const type of ['response.created', 'response.completed'])
        expect(events.find(({ event }) => event === type)?.data.response).toMatchObject({ store: false });
    expect(await log()).toHaveLength(2);
  });

  test('ends with its client, so that the next request need not wait', async () => {
    await (await ask(dialect, 'zero', { store: false })).text();
    const leaving = new AbortController();
    const reply = gateway.fetch(PATHS[dialect], {
      method: 'POST',
      body: JSON.stringify(bodyOf(dialect, 'one', { model: 'groq/m', store: false, stream: true })),
      headers: { 'content-type': 'application/json', ...named() },
      signal: leaving.signal,
    });
    const asked = await dictated.next();
    asked.say('I ');
    await (await reply).body!.getReader().read();
    leaving.abort();
    await asked.disconnected;
    const next = await json(ask(dialect, 'two', { store: false }));
    expect(textOf(dialect, next)).toBe('I have heard: "zero" | "one" | "two"');
    expect((await log()).slice(2, 4)).toEqual(['user: one', 'assistant: I ']);
  });

  test('is not deferred, because it cannot be fetched later', async () => {
    const reply = ask(dialect, 'one', { model: 'groq/m', store: false }, { 'x-clawhold-when-down': 'defer' });
    dictated.answerAutomatically((asked) => asked.refuse(503));
    const { status } = await reply;
    dictated.answerAutomatically(undefined);
    expect(status).toBeGreaterThanOrEqual(500);
  });

  test('with an idempotency key: the same answer again', async () => {
    const headers = { 'idempotency-key': session };
    const first = await ask(dialect, 'one', { store: false }, headers);
    const again = await ask(dialect, 'one', { store: false }, headers);
    expect(again.headers.get('x-clawhold-replayed')).toBe('true');
    expect(again.headers.get('x-clawhold-kept')).toBe('session');
    expect(await again.json()).toEqual(await first.json());
    expect(await log()).toHaveLength(2);
  });
});

test('responses: a conversation in the body keeps the turn, too', async () => {
  const { id } = await json(gateway.post('/v1/conversations', {}));
  const body = bodyOf('responses', 'one', { store: false, conversation: id });
  const reply = await gateway.post(PATHS.responses, body);
  expect(reply.headers.get('x-clawhold-kept')).toBe('session');
  expect(await sessionLog(gateway, asText(id))).toHaveLength(2);
});

test('without a session, `store: false` is kept nowhere', async () => {
  const reply = await gateway.post(PATHS.responses, bodyOf('responses', 'one', { store: false }));
  expect(reply.headers.get('x-clawhold-kept')).toBe('none');
  const stored = await gateway.post(PATHS.responses, bodyOf('responses', 'one'));
  expect(stored.headers.get('x-clawhold-kept')).toBeNull();
});

describe.each(DIALECTS)('%s with `x-clawhold-keep: false`', (dialect) => {
  const READERS = [
    ['by the header', {}, UNKEPT],
    ['by the key', {}, { authorization: `Bearer ${FORBIDDING}` }],
    ['over `store: true`', { store: true }, UNKEPT],
  ] as const;

  test.each(READERS)('%s: reads the session and writes nothing', async (_, more, headers) => {
    await (await ask(dialect, 'one')).text();
    const before = contents();
    const reply = await ask(dialect, 'two', more, { ...headers, 'idempotency-key': session });
    expect(reply.headers.get('x-clawhold-kept')).toBe('none');
    expect(reply.headers.get('x-clawhold-history')).toBe('appended');
    const body = await json(reply);
    expect(textOf(dialect, body)).toBe('I have heard: "one" | "two"');
    if (dialect === 'responses') expect(body).toMatchObject({ store: false, conversation: null });
    await expectRefusal(gateway.fetch(`${PATHS[dialect]}/${idOf(body)}`), 404, {
      code: 'response_not_found',
    });
    expect(contents()).toEqual(before);
    expect(await log()).toHaveLength(2);
  });

  test('makes no session', async () => {
    const before = contents();
    const reply = await ask(dialect, 'one', {}, UNKEPT);
    expect(reply.headers.get('x-clawhold-history')).toBeNull();
    expect(reply.headers.get('x-clawhold-session-id')).toBeNull();
    expect(textOf(dialect, await json(reply))).toBe('I have heard: "one"');
    expect(contents()).toEqual(before);
    await expectRefusal(gateway.fetch(`/v1/conversations/${session}`), 404, { code: 'session_not_found' });
  });

  test('recognises a full history', async () => {
    await (await ask(dialect, 'one')).text();
    const items = [
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'I have heard: "one"' },
      { role: 'user', content: 'two' },
    ];
    const history = dialect === 'chat' ? { messages: items } : { input: items };
    const reply = await ask(dialect, '', history, UNKEPT);
    expect(reply.headers.get('x-clawhold-history')).toBe('matched');
    expect(textOf(dialect, await json(reply))).toBe('I have heard: "one" | "two"');
  });

  test('does not wait for a turn that writes to the session, and takes no lease', async () => {
    await (await ask(dialect, 'zero')).text();
    const writing = ask(dialect, 'one', { model: 'groq/m' });
    const asked = await dictated.next();
    expect(textOf(dialect, await json(ask(dialect, 'two', {}, UNKEPT)))).toBe('I have heard: "zero" | "two"');
    asked.say('I');
    asked.end();
    expect((await writing).status).toBe(200);
    const reading = ask(dialect, 'three', { model: 'groq/m' }, UNKEPT);
    const read = await dictated.next();
    expect(contents().leases).toBe(0);
    expect((await ask(dialect, 'four')).status).toBe(200);
    read.say('I');
    read.end();
    await (await reading).text();
    expect((await log()).filter((line) => line.startsWith('user: '))).toEqual([
      'user: zero',
      'user: one',
      'user: four',
    ]);
  });

  test('another word is refused', async () => {
    const refused = { code: 'invalid_request', param: 'x-clawhold-keep' };
    await expectRefusal(ask(dialect, 'one', {}, { 'x-clawhold-keep': 'no' }), 400, refused);
  });
});

describe('what is not kept', () => {
  test('reads the branch of a response', async () => {
    const first = await json(ask('responses', 'one'));
    const before = contents();
    const next = bodyOf('responses', 'two', { previous_response_id: first.id });
    const reply = await json(gateway.post(PATHS.responses, next, UNKEPT));
    expect(responseText(reply)).toBe('I have heard: "one" | "two"');
    expect(contents()).toEqual(before);
  });

  test('cannot run in the background', async () => {
    const refused = { code: 'invalid_request', param: 'background' };
    await expectRefusal(ask('responses', 'one', { background: true }, UNKEPT), 400, refused);
  });

  test('names a conversation that does not exist: an error', async () => {
    const conversation = 'conv_00000000000000000000';
    const body = bodyOf('responses', 'one', { conversation });
    await expectRefusal(gateway.post(PATHS.responses, body, UNKEPT), 404, { code: 'session_not_found' });
    const header = { ...UNKEPT, 'x-session-id': conversation };
    await expectRefusal(ask('chat', 'one', {}, header), 404, { code: 'session_not_found' });
  });

  test('a key that forbids keeping cannot store anything', async () => {
    await (await ask('chat', 'one', { store: true })).text();
    const [stored] = asList((await json(gateway.fetch(`${PATHS.chat}?order=desc`))).data);
    const items = [{ role: 'user', content: 'two' }];
    const requests: [string, Json][] = [
      ['/v1/conversations', { items }],
      [`/v1/conversations/${session}`, { metadata: { a: 'b' } }],
      [`/v1/conversations/${session}/items`, { items }],
      [`${PATHS.chat}/${idOf(stored!)}`, { metadata: { a: 'b' } }],
    ];
    const headers = { authorization: `Bearer ${FORBIDDING}` };
    for (const [path, body] of requests)
      await expectRefusal(gateway.post(path, body, headers), 403, { code: 'keeping_forbidden' });
  });
});

describe('on a WebSocket', () => {
  const body = { model: 'openai/recall', store: false };

  test('`store: false` is kept in the session, and can be continued on the socket', async () => {
    const socket = await SocketClient.open(gateway, { headers: named() });
    const first = await socket.ask({ ...body, input: 'one' });
    expect(first).toMatchObject({ store: false, conversation: { id: expect.any(String) } });
    await expectRefusal(gateway.fetch(`${PATHS.responses}/${idOf(first)}`), 404, {
      code: 'response_not_found',
    });
    const second = await socket.ask({ ...body, input: 'two', previous_response_id: first.id });
    expect(responseText(second)).toBe('I have heard: "one" | "two"');
    expect(await log()).toHaveLength(4);
    socket.close();
  });

  test('a turn ends when the socket closes', async () => {
    const socket = await SocketClient.open(gateway, { headers: named() });
    socket.create({ ...body, model: 'groq/m', input: 'one' });
    const asked = await dictated.next();
    asked.say('I ');
    await socket.until('response.output_text.delta');
    socket.close();
    await asked.disconnected;
    await eventually('the turn is recorded', log, (lines) => lines.length === 2);
    expect(textOf('responses', await json(ask('responses', 'two', { store: false })))).toBe(
      'I have heard: "one" | "two"',
    );
  });

  test('with `x-clawhold-keep: false`, the session is read, and nothing is written', async () => {
    const kept = await SocketClient.open(gateway, { headers: named() });
    await kept.ask({ ...body, input: 'one' });
    kept.close();
    const before = contents();
    const socket = await SocketClient.open(gateway, { headers: { ...named(), ...UNKEPT } });
    const first = await socket.ask({ ...body, input: 'two' });
    expect(first).toMatchObject({ store: false, conversation: null });
    const second = await socket.ask({ ...body, input: 'three', previous_response_id: first.id });
    expect(responseText(second)).toBe('I have heard: "one" | "two" | "three"');
    expect(contents()).toEqual(before);
    socket.close();
  });
});

test('a turn whose client is gone with the gateway does not go on, and its session does', async () => {
  const dataDir = temporaryDirectory();
  const first = await spawnGateway({ env: dictated.env, dataDir });
  const stream = bodyOf('responses', 'one', { model: 'groq/m', store: false, stream: true });
  const reply = first.post(PATHS.responses, stream, named());
  const asked = await dictated.next();
  asked.say('I ');
  await (await reply).body!.getReader().read();
  await first.kill();
  const calls = dictated.calls();
  const second = await spawnGateway({ env: dictated.env, dataDir });
  const body = bodyOf('responses', 'two', { model: 'groq/m', stream: true });
  const next = second.post(PATHS.responses, body, named());
  const called = await dictated.next();
  expect(called.received).toEqual(['user: one', 'assistant: I ', 'user: two']);
  expect(dictated.calls()).toBe(calls + 1);
  called.say('I');
  called.end();
  await (await next).text();
  await Promise.all([first.stop(), second.stop()]);
  rmSync(dataDir, { recursive: true });
});
