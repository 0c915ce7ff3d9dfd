import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import OpenAI from 'openai';
import { branchOf, readLog, textOf, textsOn } from '../faults/recorded.ts';
import { breakableConnection } from '../harness/breakable-connection.ts';
import { DIALECTS, type Dialect, FORMS, PATHS, question, textIn } from '../harness/dialects.ts';
import { type DictatedCall, type DictatedProvider, dictatedProvider } from '../harness/dictated.ts';
import { eventually } from '../harness/eventually.ts';
import { ROOT_KEY, type TestGateway, testGateway } from '../harness/gateway.ts';
import { fetchInForm } from '../harness/google-request.ts';
import { json, sdk } from '../harness/journey.ts';
import { readerOf, type StreamReader } from '../harness/reading.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { asText, type Json } from '../simulators/provider/shape.ts';

/** A longer timeout, because processes start slowly on a busy machine. */
setDefaultTimeout(20_000);

const FORK = { 'x-clawhold-when-busy': 'fork' };
const CANCEL = { 'x-clawhold-on-disconnect': 'cancel' };

/** A key whose turns fork when a session is busy, and are cancelled by a disconnect. */
const FORKING_KEY = 'sk-claw-test-forking-0123456789';
const yaml = `keys:
  - name: forking
    key: ${FORKING_KEY}
    turns: { when_busy: fork, on_disconnect: cancel }
`;

let count = 0;
const unique = (what: string) => `${what}-${++count}`;

function bodyOf(dialect: Dialect, text: string, rest: object = {}): object {
  const model = 'groq/dictated';
  return { model, ...question(dialect, text), ...rest };
}

const answerOf = textIn;

function answer(call: DictatedCall, text: string): void {
  call.say(text);
  call.end();
}

let provider: DictatedProvider;
let gateway: TestGateway;
beforeAll(async () => {
  provider = dictatedProvider();
  const env = { ...provider.env, CLAWHOLD_LIMITS_SESSION_QUEUE: '1' };
  gateway = await testGateway({ env, yaml });
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop();
});

const logOf = (session: string) => readLog(gateway.dataDir, (log) => log.named(session));

describe.each(DIALECTS)('%s: while its session is busy, a turn', (dialect) => {
  const ask = (text: string, headers: Record<string, string>) =>
    gateway.post(PATHS[dialect], bodyOf(dialect, text), headers);

  test('waits, and then includes the turn before it', async () => {
    const session = { 'x-session-id': unique('wait') };
    const first = ask('first', session);
    const held = await provider.next();
    const second = ask('second', { ...session, 'x-clawhold-when-busy': 'wait' });
    answer(held, '1');
    const next = await provider.next();
    expect(next.received).toEqual(['user: first', 'assistant: 1', 'user: second']);
    answer(next, '2');
    expect(answerOf(dialect, await json(first))).toBe('1');
    expect(answerOf(dialect, await json(second))).toBe('2');
    expect(textsOn(branchOf(await logOf(session['x-session-id'])))).toEqual(['first', '1', 'second', '2']);
  });

  const forks: [string, Record<string, string>][] = [
    ['its request', FORK],
    ['its key', { authorization: `Bearer ${FORKING_KEY}` }],
  ];
  test.each(forks)('forks if %s says so, and does not move the head of the session', async (_, headers) => {
    const name = unique('fork');
    const session = { 'x-session-id': name };
    const zero = ask('zero', session);
    answer(await provider.next(), '0');
    await zero;
    const first = ask('first', session);
    const held = await provider.next();
    const beside = ask('beside', { ...session, ...headers });
    const forked = await provider.next();
    expect(forked.received).toEqual(['user: zero', 'assistant: 0', 'user: beside']);
    answer(forked, 'b');
    const reply = await beside;
    expect(reply.headers.get('x-clawhold-history')).toBe('forked');
    expect(answerOf(dialect, await json(reply))).toBe('b');
    answer(held, '1');
    expect(answerOf(dialect, await json(first))).toBe('1');
    const { turns, head } = await logOf(name);
    expect(turns.map(({ input }) => textOf(input)).sort()).toEqual(['beside', 'first', 'zero']);
    expect(textsOn(branchOf({ turns, head }))).toEqual(['zero', '0', 'first', '1']);
    // The fork can be continued by the id of its response.
    const id = reply.headers.get('x-clawhold-response-id');
    const on = gateway.post('/v1/responses', bodyOf('responses', 'on', { previous_response_id: id }));
    const call = await provider.next();
    expect(call.received).toEqual(['user: zero', 'assistant: 0', 'user: beside', 'assistant: b', 'user: on']);
    answer(call, 'o');
    expect((await on).status).toBe(200);
  });

  test('with when-busy fork is appended if the session is free', async () => {
    const name = unique('free');
    for (const [text, reply] of [
      ['first', '1'],
      ['second', '2'],
    ] as const) {
      const asked = ask(text, { 'x-session-id': name, ...FORK });
      answer(await provider.next(), reply);
      expect((await asked).headers.get('x-clawhold-history')).not.toBe('forked');
    }
    expect(textsOn(branchOf(await logOf(name)))).toEqual(['first', '1', 'second', '2']);
  });

  test('gets a retryable error when too many wait, and can still fork', async () => {
    const session = { 'x-session-id': unique('full') };
    const first = ask('first', session);
    const held = await provider.next();
    const others = [ask('second', session), ask('third', session)];
    const refused = await Promise.race(others);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.headers.get('x-should-retry')).toBe('true');
    await expectRefusal(refused, 409, { code: 'session_busy' });
    const beside = ask('beside', { ...session, ...FORK });
    const forked = await provider.next();
    expect(forked.received).toEqual(['user: beside']);
    answer(forked, 'b');
    expect((await beside).status).toBe(200);
    answer(held, '1');
    answer(await provider.next(), '2');
    expect((await first).status).toBe(200);
    expect((await Promise.all(others)).map(({ status }) => status).sort()).toEqual([200, 409]);
  });

  test('is refused if the header has an unknown value', async () => {
    const refused = { code: 'invalid_request', param: 'x-clawhold-when-busy' };
    await expectRefusal(ask('x', { 'x-clawhold-when-busy': 'hurry' }), 400, refused);
  });
});

test('if a session stays busy for too long, the waiting turns get a retryable error', async () => {
  const env = { ...provider.env, CLAWHOLD_LIMITS_SESSION_WAIT_MS: '50' };
  const impatient = await testGateway({ env });
  const session = { 'x-session-id': unique('long') };
  const first = impatient.post('/v1/responses', bodyOf('responses', 'first'), session);
  const held = await provider.next();
  for (const dialect of DIALECTS) {
    for (const stream of [true, false]) {
      const asked = await impatient.post(PATHS[dialect], bodyOf(dialect, 'second', { stream }), session);
      expect(Number(asked.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(asked.headers.get('x-should-retry')).toBe('true');
      await expectRefusal(asked, 409, { code: 'session_busy' });
    }
  }
  const { id } = await json(impatient.fetch(`/v1/conversations/${session['x-session-id']}`));
  const items = [{ type: 'message', role: 'user', content: 'x' }];
  const added = impatient.post(`/v1/conversations/${asText(id)}/items`, { items });
  await expectRefusal(added, 409, { code: 'session_busy' });
  const background = { background: true };
  const patient = await json(
    impatient.post('/v1/responses', bodyOf('responses', 'later', background), session),
  );
  answer(held, '1');
  expect((await first).status).toBe(200);
  const later = await provider.next();
  expect(later.received).toEqual(['user: first', 'assistant: 1', 'user: later']);
  answer(later, '2');
  await eventually(
    'the turn that waits longer is answered',
    () => json(impatient.fetch(`/v1/responses/${asText(patient.id)}`)),
    ({ status }) => status === 'completed',
  );
  await impatient.stop();
});

test("the SDK's own retries succeed when the session is free", async () => {
  const env = { ...provider.env, CLAWHOLD_LIMITS_SESSION_WAIT_MS: '20' };
  const impatient = await testGateway({ env });
  const defaultHeaders = { 'x-session-id': unique('retry') };
  const turnedAway = Promise.withResolvers<void>();
  const client = new OpenAI({
    ...{ baseURL: `${impatient.url}/v1`, apiKey: ROOT_KEY, maxRetries: 5, defaultHeaders },
    async fetch(url, init) {
      const reply = await fetch(url, init);
      if (reply.status === 409) turnedAway.resolve();
      return reply;
    },
  });
  const first = client.responses.create({ model: 'groq/dictated', input: 'first' });
  const held = await provider.next();
  const refused = await sdk(impatient.url)
    .responses.create({ model: 'groq/dictated', input: 'refused' }, { headers: defaultHeaders })
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(OpenAI.ConflictError);
  const second = client.responses.create({ model: 'groq/dictated', input: 'second' }).withResponse();
  await turnedAway.promise;
  answer(held, '1');
  const next = await provider.next();
  expect(next.received).toEqual(['user: first', 'assistant: 1', 'user: second']);
  answer(next, '2');
  expect((await second).data.output_text).toBe('2');
  expect((await first).output_text).toBe('1');
  await impatient.stop();
});

describe('a session that another gateway on the same database writes to', () => {
  let neighbour: TestGateway;
  beforeAll(async () => {
    const env = { ...provider.env, CLAWHOLD_LIMITS_SESSION_WAIT_MS: '2000' };
    neighbour = await testGateway({ env, yaml, dataDir: gateway.dataDir });
  });
  afterAll(() => neighbour.stop());

  test.each(DIALECTS)('%s: is waited for or forked', async (dialect) => {
    const session = { 'x-session-id': unique('shared') };
    const ask = (text: string, headers: Record<string, string> = {}) =>
      neighbour.post(PATHS[dialect], bodyOf(dialect, text), { ...session, ...headers });
    const first = gateway.post(PATHS[dialect], bodyOf(dialect, 'first'), session);
    const held = await provider.next();
    const waiting = ask('second');
    const beside = ask('beside', FORK);
    const forked = await provider.next();
    expect(forked.received).toEqual(['user: beside']);
    answer(forked, 'b');
    expect((await beside).headers.get('x-clawhold-history')).toBe('forked');
    answer(held, '1');
    const next = await provider.next();
    expect(next.received).toEqual(['user: first', 'assistant: 1', 'user: second']);
    answer(next, '2');
    expect([(await first).status, (await waiting).status]).toEqual([200, 200]);
    expect(textsOn(branchOf(await logOf(session['x-session-id'])))).toEqual(['first', '1', 'second', '2']);
  });

  test('is given up after the wait limit', async () => {
    const env = { ...provider.env, CLAWHOLD_LIMITS_SESSION_WAIT_MS: '50' };
    const impatient = await testGateway({ env, dataDir: gateway.dataDir });
    const session = { 'x-session-id': unique('shared') };
    const first = gateway.post('/v1/responses', bodyOf('responses', 'first'), session);
    const held = await provider.next();
    const refused = await impatient.post('/v1/responses', bodyOf('responses', 'second'), session);
    expect(refused.headers.get('x-should-retry')).toBe('true');
    await expectRefusal(refused, 409, { code: 'session_busy' });
    answer(held, '1');
    expect((await first).status).toBe(200);
    await impatient.stop();
  });
});

describe.each(DIALECTS)('%s: a client that disconnects', (dialect) => {
  const tools = [FORMS[dialect].tool({ name: 'weather' })];

  /** A stream whose client has read two words. */
  async function underWay(headers: Record<string, string>, rest: object = {}) {
    const leaving = new AbortController();
    const asked = gateway.fetch(PATHS[dialect], {
      method: 'POST',
      body: JSON.stringify(bodyOf(dialect, 'first', { stream: true, ...rest })),
      headers: { 'content-type': 'application/json', ...headers },
      signal: leaving.signal,
    });
    const call = await provider.next();
    call.say('one');
    call.say(' two');
    const reply = await asked;
    const reader = readerOf(reply);
    await reader.until('two');
    return { call, reader, leaving, id: reply.headers.get('x-clawhold-response-id') ?? '' };
  }

  const ended = (id: string): Promise<Json> =>
    eventually(
      'the turn has ended',
      () => json(gateway.fetch(`/v1/responses/${id}`)),
      ({ status }) => status !== 'in_progress',
    );

  /** The lines that the provider receives for the next turn of the session. */
  async function nextContext(session: Record<string, string>): Promise<string[]> {
    const asked = gateway.post(PATHS[dialect], bodyOf(dialect, 'next', { tools }), session);
    const call = await provider.next();
    answer(call, 'n');
    expect((await asked).status).toBe(200);
    return call.received;
  }

  async function leave({
    leaving,
    reader,
  }: {
    leaving: AbortController;
    reader: StreamReader;
  }): Promise<void> {
    leaving.abort();
    await reader.rest().catch(() => {});
  }

  test('does not stop its turn', async () => {
    const session = { 'x-session-id': unique('run-on') };
    const { call, id, ...client } = await underWay(session);
    await leave(client);
    call.say(' three');
    call.end();
    const done = await ended(id);
    expect(done).toMatchObject({ status: 'completed', output: [{ content: [{ text: 'one two three' }] }] });
    expect(await nextContext(session)).toEqual(['user: first', 'assistant: one two three', 'user: next']);
  });

  const cancels: [string, Record<string, string>][] = [
    ['its request', CANCEL],
    ['its key', { authorization: `Bearer ${FORKING_KEY}` }],
  ];
  test.each(cancels)(
    'stops the provider call at once if %s says so; the partial answer is kept',
    async (_, headers) => {
      const session = { 'x-session-id': unique('cancel') };
      const { call, id, ...client } = await underWay({ ...session, ...headers });
      await leave(client);
      await call.disconnected;
      const cancelled = await ended(id);
      expect(cancelled).toMatchObject({
        status: 'cancelled',
        error: null,
        output: [{ status: 'incomplete', content: [{ text: 'one two' }] }],
      });
      expect(await nextContext(session)).toEqual(['user: first', 'assistant: one two', 'user: next']);
      const { turns } = await logOf(session['x-session-id']);
      expect(turns[0]).toMatchObject({ id: id.slice('resp_'.length), state: 'cancelled' });
    },
  );

  test('in the middle of a tool call leaves no call without an output', async () => {
    const session = { 'x-session-id': unique('tool') };
    const { call, id, reader, leaving } = await underWay({ ...session, ...CANCEL }, { tools });
    call.callTool('weather', '{"ci');
    if (FORMS[dialect].hasWholeCalls) await Bun.sleep(200);
    else await reader.until('ci');
    await leave({ leaving, reader });
    await call.disconnected;
    const cancelled = await ended(id);
    expect(cancelled).toMatchObject({
      status: 'cancelled',
      output: [
        { content: [{ text: 'one two' }] },
        { type: 'function_call', arguments: '{"ci', status: 'incomplete' },
      ],
    });
    expect(await nextContext(session)).toEqual(['user: first', 'assistant: one two', 'user: next']);
  });

  test('before the first word, or before a JSON answer, stops the provider call too', async () => {
    for (const stream of [true, false]) {
      const session = { 'x-session-id': unique('early') };
      const leaving = new AbortController();
      const asked = gateway.fetch(PATHS[dialect], {
        method: 'POST',
        body: JSON.stringify(bodyOf(dialect, 'first', { stream })),
        headers: { 'content-type': 'application/json', ...session, ...CANCEL },
        signal: leaving.signal,
      });
      const call = await provider.next();
      leaving.abort();
      await asked.catch(() => {});
      await call.disconnected;
      // The turn has no output, so it is not on the branch.
      expect(await nextContext(session)).toEqual(['user: next']);
    }
  });

  test('does not stop the turn while others read it; the last reader that disconnects does', async () => {
    const session = { 'x-session-id': unique('company') };
    const key = { 'idempotency-key': unique('key') };
    const headers = { ...session, ...key, ...CANCEL };
    const { call, id, ...first } = await underWay(headers);
    const leaving = new AbortController();
    const again = await gateway.fetch(PATHS[dialect], {
      method: 'POST',
      body: JSON.stringify(bodyOf(dialect, 'first', { stream: true })),
      headers: { 'content-type': 'application/json', ...headers },
      signal: leaving.signal,
    });
    expect(again.headers.get('x-clawhold-replayed')).toBe('true');
    const reader = readerOf(again);
    await reader.until('two');
    await leave(first);
    call.say(' three');
    await reader.until('three');
    expect(await json(gateway.fetch(`/v1/responses/${id}`))).toMatchObject({ status: 'in_progress' });
    await leave({ leaving, reader });
    await call.disconnected;
    const cancelled = await ended(id);
    expect(cancelled).toMatchObject({
      status: 'cancelled',
      output: [{ content: [{ text: 'one two three' }] }],
    });
  });

  test('and sends the same request again has it executed again', async () => {
    for (const stream of [true, false]) {
      const connection = await breakableConnection(gateway.url);
      const session = { 'x-session-id': unique('back') };
      const key = { 'idempotency-key': unique('key') };
      const repeated = { 'x-stainless-retry-count': '1' };
      const ways: [Record<string, string>, Record<string, string>][] = [
        [key, key],
        [{ 'x-stainless-retry-count': '0' }, repeated],
      ];
      for (const [first, again] of ways) {
        const ask = (url: string, headers: Record<string, string>) =>
          fetchInForm(url, PATHS[dialect], {
            method: 'POST',
            body: JSON.stringify(bodyOf(dialect, 'first', { stream })),
            headers: { authorization: `Bearer ${ROOT_KEY}`, ...session, ...CANCEL, ...headers },
          });
        const asked = ask(connection.url, first).catch(() => {});
        const call = await provider.next();
        connection.cut();
        await call.disconnected;
        await asked;
        const second = ask(gateway.url, again);
        answer(await provider.next(), 'whole');
        const reply = await second;
        expect(reply.headers.get('x-clawhold-replayed')).toBeNull();
        expect(await reply.text()).toContain('whole');
      }
      await connection.stop();
    }
  });

  test('does not stop a turn that it only followed', async () => {
    const { call, id, reader } = await underWay({ 'x-session-id': unique('reader'), ...CANCEL });
    const url = `/v1/responses/${id}?stream=true`;
    const leaving = new AbortController();
    const other = readerOf(await gateway.fetch(url, { signal: leaving.signal }));
    await other.until('two');
    await leave({ leaving, reader: other });
    call.say(' three');
    call.end();
    await reader.rest();
    expect(await ended(id)).toMatchObject({ status: 'completed' });
  });

  test('is refused if the header has an unknown value', async () => {
    const headers = { 'x-clawhold-on-disconnect': 'panic' };
    const refused = { code: 'invalid_request', param: 'x-clawhold-on-disconnect' };
    await expectRefusal(gateway.post(PATHS[dialect], bodyOf(dialect, 'x'), headers), 400, refused);
  });
});
