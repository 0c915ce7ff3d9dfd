import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { rmSync } from 'node:fs';
import OpenAI from 'openai';
import { branchOf, readLog, textOf } from '../faults/recorded.ts';
import { breakableConnection } from '../harness/breakable-connection.ts';
import { DIALECTS, type Dialect, FORMS, PATHS, pathOf, question } from '../harness/dialects.ts';
import { type DictatedCall, type DictatedProvider, dictatedProvider } from '../harness/dictated.ts';
import { eventually } from '../harness/eventually.ts';
import {
  OTHER_KEY,
  ROOT_KEY,
  type SpawnedGateway,
  spawnGateway,
  type TestGateway,
  temporaryDirectory,
  testGateway,
} from '../harness/gateway.ts';
import { json } from '../harness/journey.ts';
import { after, blocksOf, numberOf, readerOf, withoutComments } from '../harness/reading.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { asJson, asList, asText } from '../simulators/provider/shape.ts';

/** The error that the dictated provider reports for each of its failures. */
const SERVER_ERROR = { provider_error: { type: 'server_error' } };

/** A longer timeout, because processes start slowly on a busy machine. */
setDefaultTimeout(20_000);

const HEADERS = ['idempotency-key', 'x-idempotency-key'] as const;

let count = 0;
const unique = (what: string) => `${what}-${++count}`;

interface Asking {
  text: string;
  stream?: boolean;
  rest?: object;
}

function bodyOf(dialect: Dialect, { text, stream = false, rest }: Asking): object {
  const model = 'groq/dictated';
  return { model, stream, ...question(dialect, text), ...rest };
}

const replayed = (reply: Response) => reply.headers.get('x-clawhold-replayed') === 'true';

function answer(call: DictatedCall): void {
  call.say('one');
  call.say(' two');
  call.end();
}

let provider: DictatedProvider;
let gateway: TestGateway;
beforeAll(async () => {
  provider = dictatedProvider();
  gateway = await testGateway({ env: provider.env });
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop();
});

/** Runs `work`, answers all provider calls at once, and counts them. */
async function counted<Result>(work: () => Promise<Result>): Promise<{ result: Result; calls: number }> {
  const before = provider.calls();
  provider.answerAutomatically(answer);
  try {
    return { result: await work(), calls: provider.calls() - before };
  } finally {
    provider.answerAutomatically(undefined);
  }
}

describe.each(DIALECTS)('%s with a key', (dialect) => {
  describe.each(HEADERS)('in %s', (header) => {
    test('streams one turn to two simultaneous requests and to a later one', async () => {
      const key = { [header]: unique('key') };
      const body = bodyOf(dialect, { text: unique('text'), stream: true });
      const before = provider.calls();
      const first = gateway.post(PATHS[dialect], body, key);
      const call = await provider.next();
      call.say('one');
      const second = await gateway.post(PATHS[dialect], body, key);
      const reader = readerOf(second);
      await reader.until('one');
      call.say(' two');
      call.end();
      const live = await (await first).text();
      const third = await gateway.post(PATHS[dialect], body, key);
      expect(await reader.rest()).toBe(live);
      expect(await third.text()).toBe(live);
      expect([await first, second, third].map(replayed)).toEqual([false, true, true]);
      expect(provider.calls()).toBe(before + 1);
    });

    test('answers simultaneous and later requests with the same JSON body', async () => {
      const key = { [header]: unique('key') };
      const body = bodyOf(dialect, { text: unique('text') });
      const before = provider.calls();
      const together = [1, 2, 3].map(() => gateway.post(PATHS[dialect], body, key));
      answer(await provider.next());
      const replies = await Promise.all(together);
      replies.push(await gateway.post(PATHS[dialect], body, key));
      const texts = await Promise.all(replies.map((reply) => reply.text()));
      expect(texts[0]).toContain('one two');
      expect(new Set(texts).size).toBe(1);
      expect(replies.filter(replayed)).toHaveLength(3);
      expect(replayed(replies.at(-1)!)).toBe(true);
      expect(provider.calls()).toBe(before + 1);
    });
  });

  test('is read from both headers; two equal values are one key', async () => {
    const key = unique('key');
    const body = bodyOf(dialect, { text: unique('text') });
    const both = { 'idempotency-key': key, 'x-idempotency-key': key };
    const { result, calls } = await counted(async () => [
      await gateway.post(PATHS[dialect], body, both),
      await gateway.post(PATHS[dialect], body, { 'idempotency-key': `"${key}"` }),
      await gateway.post(PATHS[dialect], body, { 'x-idempotency-key': key }),
    ]);
    expect(result.map(replayed)).toEqual([false, true, true]);
    expect(calls).toBe(1);
  });

  test('refuses a different body, and the same body in a different session, during the turn and afterwards', async () => {
    const key = { 'idempotency-key': unique('key') };
    const body = bodyOf(dialect, { text: unique('text') });
    const first = gateway.post(PATHS[dialect], body, key);
    const call = await provider.next();
    const others = () =>
      Promise.all([
        expectRefusal(gateway.post(PATHS[dialect], bodyOf(dialect, { text: 'other' }), key), 422, REUSED),
        expectRefusal(gateway.post(PATHS[dialect], body, { ...key, 'x-session-id': 'other' }), 422, REUSED),
      ]);
    await others();
    answer(call);
    expect((await first).status).toBe(200);
    await others();
  });

  test('is separate for each tenant and each route', async () => {
    const key = { 'idempotency-key': unique('key') };
    const text = unique('text');
    const others = DIALECTS.flatMap((other): [Dialect, string][] => [
      [other, ROOT_KEY],
      [other, OTHER_KEY],
    ]);
    const { result, calls } = await counted(() =>
      Promise.all(
        others.map(([to, apiKey]) => {
          const headers = { ...key, authorization: `Bearer ${apiKey}` };
          return gateway.post(PATHS[to], bodyOf(to, { text: `${text} ${dialect}` }), headers);
        }),
      ),
    );
    expect(result.map(({ status }) => status)).toEqual(others.map(() => 200));
    expect(result.some(replayed)).toBe(false);
    expect(calls).toBe(others.length);
  });

  test.each(['', 'two words', 'k'.repeat(256), 'cl\u00e9', '"open', '""'])(
    'refuses %p as a key',
    async (key) => {
      const body = bodyOf(dialect, { text: unique('text') });
      for (const header of HEADERS) {
        const refused = { code: 'invalid_idempotency_key', param: header };
        await expectRefusal(gateway.post(PATHS[dialect], body, { [header]: key }), 400, refused);
      }
    },
  );

  test('refuses two different keys', async () => {
    const keys = { 'idempotency-key': 'a', 'x-idempotency-key': 'b' };
    const refused = { code: 'invalid_idempotency_key' };
    await expectRefusal(gateway.post(PATHS[dialect], bodyOf(dialect, { text: 'x' }), keys), 400, refused);
  });

  test.each([true, false])('repeats a final error (stream: %p)', async (stream) => {
    const key = { 'idempotency-key': unique('key') };
    const body = bodyOf(dialect, { text: unique('text'), stream });
    const before = provider.calls();
    provider.answerAutomatically((call) => call.refuse(400));
    const replies = [await gateway.post(PATHS[dialect], body, key)];
    provider.answerAutomatically(answer);
    replies.push(await gateway.post(PATHS[dialect], body, key));
    provider.answerAutomatically(undefined);
    for (const reply of replies)
      await expectRefusal(reply, 400, { code: 'provider_rejected_request', ...SERVER_ERROR });
    expect(replies.map(replayed)).toEqual([false, true]);
    expect(provider.calls()).toBe(before + 1);
  });

  test.each([true, false])('executes again after a temporary error (stream: %p)', async (stream) => {
    const key = { 'idempotency-key': unique('key') };
    const body = bodyOf(dialect, { text: unique('text'), stream });
    const failing = [1, 2].map(() => gateway.post(PATHS[dialect], body, key));
    (await provider.next()).refuse(503);
    for (const reply of failing)
      await expectRefusal(reply, 503, { code: 'provider_overloaded', ...SERVER_ERROR });
    const { result, calls } = await counted(async () => [
      await gateway.post(PATHS[dialect], body, key),
      await gateway.post(PATHS[dialect], body, key),
    ]);
    expect(await result[0]!.text()).toBe(await result[1]!.text());
    expect(result.map(replayed)).toEqual([false, true]);
    expect(calls).toBe(1);
  });

  test('replays a stream that broke off, up to its end', async () => {
    const key = { 'idempotency-key': unique('key'), 'x-clawhold-when-broken': 'fail' };
    const rest = FORMS[dialect].anyObject;
    const body = bodyOf(dialect, { text: unique('text'), stream: true, rest });
    const asked = gateway.post(PATHS[dialect], body, key);
    const call = await provider.next();
    call.say('{"one":');
    const reader = readerOf(await asked);
    await reader.until('one');
    call.breakOff();
    const live = await reader.rest();
    expect(live).toContain('provider_protocol_error');
    const { result, calls } = await counted(() => gateway.post(PATHS[dialect], body, key));
    expect(await result.text()).toBe(live);
    expect(calls).toBe(0);
  });

  test('can be used again after a request that could not be executed', async () => {
    const key = { 'idempotency-key': unique('key') };
    const unknown = bodyOf(dialect, { text: 'x', rest: { model: 'nobody/nothing' } });
    const wrong = bodyOf(dialect, { text: 'x', rest: FORMS[dialect].limit(-1) });
    expect((await gateway.post(PATHS[dialect], unknown, key)).ok).toBe(false);
    expect((await gateway.post(PATHS[dialect], wrong, key)).status).toBe(400);
    const { result } = await counted(() => gateway.post(PATHS[dialect], bodyOf(dialect, { text: 'x' }), key));
    expect(result.status).toBe(200);
  });

  test('keeps a turn that is not stored only for its key', async () => {
    const key = { 'idempotency-key': unique('key') };
    const body = bodyOf(dialect, { text: unique('text'), rest: { store: false } });
    const { result, calls } = await counted(async () => [
      await gateway.post(PATHS[dialect], body, key),
      await gateway.post(PATHS[dialect], body, key),
    ]);
    expect(calls).toBe(1);
    expect(result.map(replayed)).toEqual([false, true]);
    expect(result.map(({ headers }) => headers.get('x-clawhold-response-id'))).toEqual([null, null]);
    const [first, second] = await Promise.all(result.map(json));
    expect(second).toEqual(first);
    const tail = asText(first?.id ?? first?.responseId).replace(/^(resp_|chatcmpl-|msg_)/, '');
    for (const path of DIALECTS.map((other) => pathOf(other, `resp_${tail}`))) {
      await expectRefusal(gateway.fetch(path), 404, { code: 'response_not_found' });
      await expectRefusal(gateway.fetch(`${path}?stream=true`), 404, { code: 'response_not_found' });
    }
    const chained = { model: 'groq/dictated', input: 'x', previous_response_id: `resp_${tail}` };
    const refused = { code: 'previous_response_not_found' };
    await expectRefusal(gateway.post('/v1/responses', chained), 400, refused);
    const list = await json(gateway.fetch('/v1/chat/completions?limit=100'));
    expect(asList(list.data).filter(({ id }) => asText(id).endsWith(tail))).toEqual([]);
  });
});

const REUSED = { code: 'idempotency_key_reused' };

test('a background response with a key is one response, also after a cancel', async () => {
  const key = { 'idempotency-key': unique('key') };
  const body = bodyOf('responses', { text: unique('text'), rest: { background: true } });
  const [first, second] = await Promise.all([1, 2].map(() => json(gateway.post('/v1/responses', body, key))));
  const call = await provider.next();
  expect(second?.id).toBe(first?.id);
  expect(await json(gateway.post('/v1/responses', body, key))).toMatchObject({ id: first?.id });
  const cancelled = await json(gateway.post(`/v1/responses/${asText(first?.id)}/cancel`, {}));
  await call.disconnected;
  expect(await json(gateway.post('/v1/responses', body, key))).toEqual(cancelled);
});

describe('writes other than turns, with a key', () => {
  const message = (content: string) => ({ type: 'message', role: 'user', content });
  const itemsOf = async (id: unknown) =>
    asList((await json(gateway.fetch(`/v1/conversations/${asText(id)}/items?order=asc`))).data);

  /** Sends a request twice at the same time and once later. One is executed, and all get its answer. */
  async function sendThreeTimes(path: string, body: object, header: string) {
    const key = { [header]: unique('key') };
    const replies = await Promise.all([1, 2].map(() => gateway.post(path, body, key)));
    replies.push(await gateway.post(path, body, key));
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(replies.filter(replayed)).toHaveLength(2);
    expect(replayed(replies.at(-1)!)).toBe(true);
    const bodies = await Promise.all(replies.map((reply) => reply.text()));
    expect(new Set(bodies).size).toBe(1);
    await expectRefusal(gateway.post(path, { ...body, metadata: { other: 'x' } }, key), 422, REUSED);
    return asJson(JSON.parse(bodies[0]!));
  }

  test.each(HEADERS)('%s: a conversation is created once', async (header) => {
    const made = await sendThreeTimes('/v1/conversations', { items: [message('one')] }, header);
    expect(await itemsOf(made.id)).toHaveLength(1);
    const empty = await sendThreeTimes('/v1/conversations', { metadata: { a: 'b' } }, header);
    expect(empty).toMatchObject({ object: 'conversation', metadata: { a: 'b' } });
  });

  test.each(HEADERS)('%s: items are added once', async (header) => {
    const { id } = await json(gateway.post('/v1/conversations', {}));
    const items = [message('one'), message('two')];
    const added = await sendThreeTimes(`/v1/conversations/${asText(id)}/items`, { items }, header);
    expect((await itemsOf(id)).map((item) => item.id)).toEqual(asList(added.data).map((item) => item.id));
  });

  test.each(HEADERS)(
    '%s: a repeated request does not reset the metadata of a conversation',
    async (header) => {
      const { id } = await json(gateway.post('/v1/conversations', {}));
      const path = `/v1/conversations/${asText(id)}`;
      const updated = await sendThreeTimes(path, { metadata: { a: '1' } }, header);
      expect(updated.metadata).toEqual({ a: '1' });
      const key = { [header]: unique('key') };
      await gateway.post(path, { metadata: { a: '2' } }, key);
      await gateway.post(path, { metadata: { a: '3' } });
      expect(replayed(await gateway.post(path, { metadata: { a: '2' } }, key))).toBe(true);
      expect((await json(gateway.fetch(path))).metadata).toEqual({ a: '3' });
    },
  );

  test.each(HEADERS)(
    '%s: a repeated request does not reset the metadata of a chat completion',
    async (header) => {
      const body = bodyOf('chat', { text: unique('text'), rest: { store: true } });
      const { result } = await counted(() => json(gateway.post(PATHS.chat, body)));
      const path = `/v1/chat/completions/${asText(result.id)}`;
      const updated = await sendThreeTimes(path, { metadata: { a: '1' } }, header);
      expect(updated).toMatchObject({ id: result.id, metadata: { a: '1' } });
      const key = { [header]: unique('key') };
      await gateway.post(path, { metadata: { a: '2' } }, key);
      await gateway.post(path, { metadata: { a: '3' } });
      expect(replayed(await gateway.post(path, { metadata: { a: '2' } }, key))).toBe(true);
      expect((await json(gateway.fetch(path))).metadata).toEqual({ a: '3' });
    },
  );

  test('one key can be used on each route', async () => {
    const key = { 'idempotency-key': unique('key') };
    const conversations = await Promise.all([1, 2].map(() => json(gateway.post('/v1/conversations', {}))));
    const replies = await Promise.all([
      gateway.post('/v1/conversations', {}, key),
      ...conversations.map(({ id }) =>
        gateway.post(`/v1/conversations/${asText(id)}/items`, { items: [message('x')] }, key),
      ),
      ...conversations.map(({ id }) =>
        gateway.post(`/v1/conversations/${asText(id)}`, { metadata: { a: 'x' } }, key),
      ),
    ]);
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(replies.some(replayed)).toBe(false);
  });
});

test('keys are deleted after their retention', async () => {
  const forgetful = await testGateway({
    env: { ...provider.env, CLAWHOLD_RETENTION_IDEMPOTENCY_MS: '1' },
  });
  const key = { 'idempotency-key': unique('key') };
  const { result, calls } = await counted(async () => {
    const first = await forgetful.post(PATHS.responses, bodyOf('responses', { text: 'one' }), key);
    const made = Date.now();
    while (Date.now() <= made + 1) await Bun.sleep(1);
    const second = await forgetful.post(PATHS.responses, bodyOf('responses', { text: 'two' }), key);
    return [first, second];
  });
  expect(result.map(({ status }) => status)).toEqual([200, 200]);
  expect(result.some(replayed)).toBe(false);
  expect(calls).toBe(2);
  await forgetful.stop();
});

describe('an SDK that retries by itself', () => {
  /** Cuts the client's connection when the provider has the call. The SDK retries over a new connection. */
  async function cutOnce(dialect: Dialect, stream: boolean) {
    const session = unique('session');
    const connection = await breakableConnection(gateway.url);
    const defaultHeaders = { 'x-session-id': session };
    const client = new OpenAI({
      baseURL: `${connection.url}/v1`,
      apiKey: ROOT_KEY,
      maxRetries: 2,
      defaultHeaders,
    });
    const before = provider.calls();
    const asked = requestOf(client, dialect, stream, session);
    const call = await provider.next();
    connection.cut();
    const text = asked.then((reply) => (stream ? readAll(reply) : JSON.stringify(reply)));
    // A stream is read from the retry on; a JSON answer is there when the retry arrives.
    if (stream) await untilConnected(connection, 2);
    answer(call);
    expect(await text).toContain(stream ? ' two' : 'one two');
    expect(connection.connections()).toBe(2);
    expect(provider.calls()).toBe(before + 1);
    await connection.stop();
    return readLog(gateway.dataDir, (log) => log.named(session));
  }

  function requestOf(client: OpenAI, dialect: Dialect, stream: boolean, text: string): Promise<unknown> {
    const model = 'groq/dictated';
    // The SDKs of Anthropic and OpenAI retry in the same way.
    if (dialect === 'messages') {
      return client.post('/messages', { body: bodyOf(dialect, { text, stream }), stream });
    }
    return dialect === 'responses'
      ? client.responses.create({ model, stream, input: text })
      : client.chat.completions.create({ model, stream, messages: [{ role: 'user', content: text }] });
  }

  async function readAll(reply: unknown): Promise<string> {
    let text = '';
    for await (const event of reply as AsyncIterable<unknown>) text += JSON.stringify(event);
    return text;
  }

  async function untilConnected(connection: { connections(): number }, wanted: number): Promise<void> {
    while (connection.connections() < wanted) await Bun.sleep(5);
  }

  const variants = DIALECTS.flatMap((dialect) => [true, false].map((stream) => [dialect, stream] as const));
  test('gets the answer of the turn that its first request began', async () => {
    const sessions: Awaited<ReturnType<typeof cutOnce>>[] = [];
    // One at a time, because the calls could not be distinguished. The SDK waits half a second before a retry.
    for (const [dialect, stream] of variants) sessions.push(await cutOnce(dialect, stream));
    for (const session of sessions) {
      expect(session.turns).toHaveLength(1);
      expect(textOf(branchOf(session)[0]!.output)).toBe('one two');
    }
  });
});

test.each(DIALECTS)(
  '%s: only the retry count distinguishes a repetition from a new request',
  async (dialect) => {
    const session = unique('session');
    const body = bodyOf(dialect, { text: 'the same' });
    const ask = (count: string | undefined) =>
      gateway.post(PATHS[dialect], body, {
        'x-session-id': session,
        ...(count !== undefined && { 'x-stainless-retry-count': count }),
      });
    const { result, calls } = await counted(async () => {
      const replies: Response[] = [];
      for (const count of ['1', undefined, '0', '0', '1', '2']) replies.push(await ask(count));
      return replies;
    });
    expect(result.map(replayed)).toEqual([false, false, false, false, true, true]);
    expect(calls).toBe(4);
    const bodies = await Promise.all(result.map(json));
    const ids = bodies.map(({ id }) => id);
    expect(ids.slice(4)).toEqual([ids[3], ids[3]]);
    const { turns } = await readLog(gateway.dataDir, (log) => log.named(session));
    expect(turns).toHaveLength(4);
  },
);

test.each(DIALECTS)('%s: after kill -9, keys find their running and their ended turns', async (dialect) => {
  const dataDir = temporaryDirectory();
  const session = unique('session');
  const ended = { ...{ 'idempotency-key': unique('key') }, 'x-session-id': session };
  const running = { ...{ 'idempotency-key': unique('key') }, 'x-session-id': session };
  const first = await spawnGateway({ env: provider.env, dataDir });
  const before = bodyOf(dialect, { text: 'before', stream: true });
  const body = bodyOf(dialect, { text: 'cut', stream: true });
  const whole = await counted(async () => (await first.post(PATHS[dialect], before, ended)).text());
  const asked = first.post(PATHS[dialect], body, running);
  const call = await provider.next();
  call.say('one two');
  const reader = readerOf(await asked);
  await reader.until('two');
  await first.kill();
  await reader.rest().catch(() => {});
  const second = await spawnGateway({ env: provider.env, dataDir });
  const seen = blocksOf(reader.text());
  const last = numberOf(seen.at(-1)!)!;
  const again = second.post(PATHS[dialect], body, { ...running, 'last-event-id': String(last) });
  const rescue = await provider.next();
  rescue.say(' three');
  rescue.end();
  const reply = await again;
  expect(replayed(reply)).toBe(true);
  const rest = withoutComments(await reply.text());
  const live = await (await second.post(PATHS[dialect], body, running)).text();
  expect(seen.join('') + rest).toBe(live);
  expect(after(live, last)).toBe(rest);
  expect(rest).toContain(' three');
  const replay = await second.post(PATHS[dialect], before, ended);
  expect(await replay.text()).toBe(whole.result);
  expect(replayed(replay)).toBe(true);
  await second.stop();
  const { turns } = await readLog(dataDir, (log) => log.named(session));
  expect(turns.map(({ output }) => textOf(output))).toEqual(['one two', 'one two three']);
  rmSync(dataDir, { recursive: true });
});

describe('two processes on one database that get one key at the same time', () => {
  const dataDir = temporaryDirectory();
  let gateways: SpawnedGateway[];
  beforeAll(async () => {
    const options = { env: provider.env, dataDir };
    gateways = await Promise.all([spawnGateway(options), spawnGateway(options)]);
  });
  afterAll(async () => {
    await Promise.all(gateways.map((one) => one.stop()));
    rmSync(dataDir, { recursive: true });
  });

  const variants = DIALECTS.flatMap((dialect) => [true, false].map((stream) => [dialect, stream] as const));
  test.each(variants)('%s (stream: %p): execute the request once', async (dialect, stream) => {
    const rounds = 5;
    const { calls } = await counted(async () => {
      for (let round = 0; round < rounds; round++) {
        const key = { 'idempotency-key': unique('key') };
        const body = bodyOf(dialect, { text: unique('text'), stream });
        const replies = await Promise.all(
          [0, 1, 0, 1].map((at) => gateways[at]!.post(PATHS[dialect], body, key)),
        );
        const texts = await Promise.all(replies.map((reply) => reply.text()));
        expect(texts[0]).toContain('two');
        expect(new Set(texts.map(withoutComments)).size).toBe(1);
        expect(replies.filter(replayed)).toHaveLength(3);
      }
    });
    expect(calls).toBe(rounds);
  });

  test('can follow a turn that the other process runs', async () => {
    const key = { 'idempotency-key': unique('key') };
    const body = bodyOf('responses', { text: unique('text'), stream: true });
    const first = gateways[0]!.post(PATHS.responses, body, key);
    const call = await provider.next();
    call.say('one');
    const reader = readerOf(await gateways[1]!.post(PATHS.responses, body, key));
    await reader.until('one');
    call.say(' two');
    await reader.until(' two');
    call.end();
    expect(await reader.rest()).toBe(await (await first).text());
  });

  test('show a background response that the other process runs', async () => {
    const asked = bodyOf('responses', { text: unique('text'), rest: { background: true } });
    const { id } = await json(gateways[0]!.post(PATHS.responses, asked));
    const path = `/v1/responses/${asText(id)}`;
    const call = await provider.next();
    const becomes = (status: string) =>
      eventually(
        `it is ${status}`,
        () => json(gateways[1]!.fetch(path)),
        (response) => response.status === status,
      );
    await becomes('in_progress');
    const reader = readerOf(await gateways[1]!.fetch(`${path}?stream=true`));
    call.say('one');
    await reader.until('one');
    call.say(' two');
    call.end();
    const whole = await (await gateways[0]!.fetch(`${path}?stream=true`)).text();
    expect(await reader.rest()).toBe(whole);
    expect(await becomes('completed')).toMatchObject({ output: [{ content: [{ text: 'one two' }] }] });
  });

  test('cancel a response that the other process runs', async () => {
    const asked = bodyOf('responses', { text: unique('text'), rest: { background: true } });
    const { id } = await json(gateways[0]!.post(PATHS.responses, asked));
    const call = await provider.next();
    call.say('one');
    const path = `/v1/responses/${asText(id)}`;
    const reader = readerOf(await gateways[1]!.fetch(`${path}?stream=true`));
    await reader.until('one');
    const cancelled = await gateways[1]!.post(`${path}/cancel`, {});
    expect(cancelled.status).toBe(200);
    expect(await json(cancelled)).toMatchObject({ id, status: 'cancelled' });
    await call.disconnected;
    expect(await json(gateways[0]!.fetch(path))).toMatchObject({ status: 'cancelled' });
    const again = await gateways[0]!.post(`${path}/cancel`, {});
    expect(again.status).toBe(200);
  });

  test('create one conversation, and add items once', async () => {
    for (let round = 0; round < 5; round++) {
      const key = { 'idempotency-key': unique('key') };
      const body = { items: [{ type: 'message', role: 'user', content: 'one' }] };
      const made = await Promise.all(gateways.map((one) => json(one.post('/v1/conversations', body, key))));
      expect(new Set(made.map(({ id }) => id)).size).toBe(1);
      const path = `/v1/conversations/${asText(made[0]?.id)}/items`;
      const added = await Promise.all(gateways.map((one) => json(one.post(path, body, key))));
      expect(added[1]).toEqual(added[0]!);
      expect(asList((await json(gateways[0]!.fetch(path))).data)).toHaveLength(2);
    }
  });
});
