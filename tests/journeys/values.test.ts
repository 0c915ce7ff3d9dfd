import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { OTHER_KEY } from '../harness/gateway.ts';
import {
  completionText,
  type Journey,
  json,
  responseText,
  sessionLog,
  startJourney,
} from '../harness/journey.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { asList, asText, type Json } from '../simulators/provider/shape.ts';

/** Values of conversations: small typed state beside the messages. */

const CONVERSATIONS = '/v1/conversations';
/** A key of the root key's tenant that forbids keeping. */
const KEPT_OUT = 'sk-claw-test-kept-out-0123456789';
const YAML = `keys:
  - { name: other, key: ${OTHER_KEY}, tenant: other }
  - { name: kept-out, key: ${KEPT_OUT}, keep: false }
`;

let journey: Journey;

beforeAll(async () => {
  journey = await startJourney({ yaml: YAML });
});
afterAll(() => journey.end());

const as = (key: string) => ({ authorization: `Bearer ${key}` });
const create = async (headers?: Record<string, string>) =>
  asText((await json(journey.gateway.post(CONVERSATIONS, {}, headers))).id);
const pathOf = (id: string, key: string) => `${CONVERSATIONS}/${id}/values/${key}`;

function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const text = body === undefined ? undefined : JSON.stringify(body);
  return journey.gateway.fetch(path, { method, headers, body: text });
}
const put = (id: string, key: string, body: unknown, headers?: Record<string, string>) =>
  call('PUT', pathOf(id, key), body, headers);
const patch = (id: string, key: string, body: unknown, headers?: Record<string, string>) =>
  call('PATCH', pathOf(id, key), body, headers);
const get = (id: string, key: string, headers?: Record<string, string>) =>
  call('GET', pathOf(id, key), undefined, headers);
const remove = (id: string, key: string, headers?: Record<string, string>) =>
  call('DELETE', pathOf(id, key), undefined, headers);
const list = (id: string, query = '') => json(call('GET', `${CONVERSATIONS}/${id}/values${query}`));
const keysOf = (page: Json) => asList(page.data).map(({ key }) => asText(key));
const respond = (body: Json, headers?: Record<string, string>) =>
  journey.gateway.post('/v1/responses', { model: 'openai/recall', ...body }, headers);

/** Expects a 412 with the version that the value has. */
async function expectUnmet(reply: Response, code: string, version: number | undefined) {
  expect(reply.headers.get('etag')).toBe(version === undefined ? null : `"${version}"`);
  await expectRefusal(reply, 412, { code });
}

describe('a value', () => {
  test('is any JSON, and is read as it was written', async () => {
    const id = await create();
    for (const value of [null, false, 0, -1.5e300, '', 'ü🦞\u0000', [], {}, { a: [{ b: null }] }]) {
      const reply = await put(id, 'any', value);
      const written = await json(reply);
      expect([reply.status, written.value]).toEqual([200, value]);
      const read = await get(id, 'any');
      expect(await json(read)).toEqual(written);
      expect(read.headers.get('etag')).toBe(`"${Number(written.version)}"`);
    }
  });

  test('has an id, a version and its times', async () => {
    const id = await create();
    const since = Math.floor(Date.now() / 1000);
    const first = await json(put(id, 'plan', { a: 1 }));
    expect(first).toEqual({
      id: `val_${id.slice('conv_'.length)}.plan`,
      object: 'conversation.value',
      key: 'plan',
      value: { a: 1 },
      version: 1,
      created_at: expect.any(Number),
      updated_at: expect.any(Number),
    });
    expect(Number(first.created_at)).toBeGreaterThanOrEqual(since);
    expect(await json(put(id, 'plan', 2))).toMatchObject({ version: 2, created_at: first.created_at });
  });

  test('is found by the name of the session', async () => {
    await respond({ input: 'one' }, { 'x-session-id': 'trip' });
    await put('trip', 'plan', 1);
    expect(await json(get('trip', 'plan'))).toMatchObject({ value: 1 });
  });

  test('is patched by RFC 7396', async () => {
    const id = await create();
    await expectRefusal(patch(id, 'plan', { a: 1 }), 404, { code: 'value_not_found' });
    await put(id, 'plan', { title: 'Goodbye!', author: { first: 'Ada', last: 'L' }, tags: ['a', 'b'] });
    const change = { title: 'Hello!', author: { last: null }, tags: ['c'], phone: '1' };
    expect(await json(patch(id, 'plan', change))).toMatchObject({
      value: { title: 'Hello!', author: { first: 'Ada' }, tags: ['c'], phone: '1' },
      version: 2,
    });
  });

  test('is deleted, and its next version is a new one', async () => {
    const id = await create();
    await put(id, 'plan', 1);
    await put(id, 'plan', 2);
    const reply = await json(remove(id, 'plan'));
    expect(reply).toMatchObject({ object: 'conversation.value.deleted', deleted: true });
    for (const again of [get(id, 'plan'), remove(id, 'plan')])
      await expectRefusal(again, 404, { code: 'value_not_found' });
    await expectUnmet(await put(id, 'plan', 3, { 'if-match': '"2"' }), 'value_changed', undefined);
    expect(await json(put(id, 'plan', 3))).toMatchObject({ version: 3 });
  });

  test('goes with its conversation', async () => {
    await respond({ input: 'one' }, { 'x-session-id': 'gone' });
    await put('gone', 'plan', 1);
    await call('DELETE', `${CONVERSATIONS}/gone`);
    await expectRefusal(get('gone', 'plan'), 404, { code: 'session_not_found' });
    await respond({ input: 'one' }, { 'x-session-id': 'gone' });
    await expectRefusal(get('gone', 'plan'), 404, { code: 'value_not_found' });
    expect(await list('gone')).toMatchObject({ data: [] });
  });

  test('of another tenant does not exist, and a conversation must', async () => {
    const id = await create();
    await put(id, 'plan', 1);
    const unknown = `conv_${'0'.repeat(20)}`;
    const calls = (of: string, headers: Record<string, string>) => [
      get(of, 'plan', headers),
      put(of, 'plan', 2, headers),
      patch(of, 'plan', 2, headers),
      remove(of, 'plan', headers),
      call('GET', `${CONVERSATIONS}/${of}/values`, undefined, headers),
    ];
    for (const refused of [...calls(id, as(OTHER_KEY)), ...calls(unknown, {})])
      await expectRefusal(refused, 404, { code: 'session_not_found' });
    expect(await json(get(id, 'plan'))).toMatchObject({ value: 1, version: 1 });
  });

  test('can be read and not written with a key that forbids keeping', async () => {
    const id = await create();
    await put(id, 'plan', 1);
    const headers = as(KEPT_OUT);
    expect(await json(get(id, 'plan', headers))).toMatchObject({ value: 1 });
    for (const refused of [
      put(id, 'plan', 2, headers),
      patch(id, 'plan', 2, headers),
      remove(id, 'plan', headers),
    ])
      await expectRefusal(refused, 403, { code: 'keeping_forbidden' });
    const set = { ...headers, 'x-session-id': id, 'x-clawhold-set': 'plan=2' };
    await expectRefusal(respond({ input: 'one' }, set), 403, { code: 'keeping_forbidden' });
    expect(await json(get(id, 'plan'))).toMatchObject({ value: 1, version: 1 });
  });
});

describe('a condition', () => {
  test('of a version lets one of many changes through', async () => {
    const id = await create();
    await put(id, 'n', { from: -1 });
    for (let version = 1; version <= 4; version++) {
      const racing = Array.from({ length: 16 }, (_, from) => {
        const headers = { 'if-match': `"${version}"` };
        return from % 2 ? put(id, 'n', { from }, headers) : patch(id, 'n', { from }, headers);
      });
      const replies = await Promise.all(racing);
      const won = replies.findIndex(({ status }) => status === 200);
      expect(replies.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(15).fill(412)]);
      expect(await json(get(id, 'n'))).toMatchObject({ value: { from: won }, version: version + 1 });
      for (const reply of replies.filter(({ status }) => status === 412))
        await expectUnmet(reply, 'value_changed', version + 1);
    }
  });

  test('that there is none computes once', async () => {
    const id = await create();
    const headers = { 'if-none-match': '*' };
    const replies = await Promise.all(
      Array.from({ length: 64 }, (_, from) => put(id, 'once', from, headers)),
    );
    const won = replies.filter(({ status }) => status === 200);
    expect(won).toHaveLength(1);
    expect(await json(get(id, 'once'))).toEqual(await json(won[0]!));
    for (const reply of replies) if (reply !== won[0]) await expectUnmet(reply, 'value_exists', 1);
  });

  test('of a patch without one loses no change', async () => {
    const id = await create();
    await put(id, 'sum', {});
    await Promise.all(Array.from({ length: 32 }, (_, from) => patch(id, 'sum', { [`k${from}`]: from })));
    const { value, version } = await json(get(id, 'sum'));
    expect([Object.keys(value as Json).length, version]).toEqual([32, 33]);
  });

  test('holds for a deletion, and may be a weak tag or *', async () => {
    const id = await create();
    await expectUnmet(await put(id, 'a', 1, { 'if-match': '*' }), 'value_changed', undefined);
    await put(id, 'a', 1);
    await expectUnmet(await remove(id, 'a', { 'if-match': '"2"' }), 'value_changed', 1);
    expect((await put(id, 'a', 2, { 'if-match': '*' })).status).toBe(200);
    expect((await remove(id, 'a', { 'if-match': 'W/"2"' })).status).toBe(200);
  });

  test('that is malformed is refused', async () => {
    const id = await create();
    await put(id, 'a', 1);
    for (const tag of ['1', '"one"', '"1", "2"', '']) {
      const refused = put(id, 'a', 2, { 'if-match': tag });
      await expectRefusal(refused, 400, { code: 'invalid_request', param: 'if-match' });
    }
    const none = { code: 'invalid_request', param: 'if-none-match' };
    await expectRefusal(put(id, 'a', 2, { 'if-none-match': '"1"' }), 400, none);
    await expectRefusal(put(id, 'a', 2, { 'if-none-match': '*', 'if-match': '"1"' }), 400, none);
    await expectRefusal(patch(id, 'a', 2, { 'if-none-match': '*' }), 400, none);
    await expectRefusal(remove(id, 'a', { 'if-none-match': '*' }), 400, none);
  });
});

describe('a write that is sent again', () => {
  test('is executed once and gets its first answer', async () => {
    const id = await create();
    await put(id, 'a', {});
    const headers = { 'idempotency-key': crypto.randomUUID() };
    const writes = [
      () => put(id, 'once', 1, { ...headers, 'if-none-match': '*' }),
      () => patch(id, 'a', { b: 1 }, headers),
    ];
    for (const write of writes) {
      const first = await write();
      const again = await write();
      expect([again.status, again.headers.get('x-clawhold-replayed')]).toEqual([200, 'true']);
      expect(again.headers.get('etag')).toBe(first.headers.get('etag'));
      expect(await json(again)).toEqual(await json(first));
    }
    // Keys of different routes are independent; another condition makes another request.
    await expectRefusal(put(id, 'once', 1, headers), 422, { code: 'idempotency_key_reused' });
  });

  test('does not overwrite, or show as its own, what came after it', async () => {
    const id = await create();
    const headers = { 'idempotency-key': crypto.randomUUID() };
    await put(id, 'a', 1, headers);
    await put(id, 'a', 2);
    await expectUnmet(await put(id, 'a', 1, headers), 'value_changed', 2);
    expect(await json(get(id, 'a'))).toMatchObject({ value: 2, version: 2 });
  });
});

describe('a request that is', () => {
  test('malformed is refused', async () => {
    const id = await create();
    for (const key of ['a%20b', 'a%2Fb', '%C3%A4', 'x'.repeat(129)])
      for (const refused of [put(id, key, 1), get(id, key)])
        await expectRefusal(refused, 400, { code: 'invalid_request', param: 'key' });
    const path = pathOf(id, 'a');
    const bodies = {
      '': 'invalid_json',
      '{': 'invalid_json',
      [`${'['.repeat(300)}${']'.repeat(300)}`]: 'invalid_request',
    };
    for (const [body, code] of Object.entries(bodies))
      await expectRefusal(journey.gateway.fetch(path, { method: 'PUT', body }), 400, { code });
    expect((await put(id, 'x'.repeat(128), 1)).status).toBe(200);
  });

  test('over a limit is refused, and changes nothing', async () => {
    const id = await create();
    const most = 64 * 1024 - 2;
    expect((await put(id, 'large', 'x'.repeat(most))).status).toBe(200);
    await expectRefusal(put(id, 'larger', 'x'.repeat(most + 1)), 413, { code: 'value_over_limit' });
    await expectRefusal(patch(id, 'large', 'ü'.repeat(most)), 413, { code: 'value_over_limit' });
    expect(keysOf(await list(id))).toEqual(['large']);
    expect(await json(get(id, 'large'))).toMatchObject({ version: 1 });
  });
});

describe('the list of values', () => {
  test('is paged by key, in both directions, also when values come and go', async () => {
    const id = await create();
    const keys = Array.from({ length: 25 }, (_, i) => `k${String(i).padStart(2, '0')}`);
    await Promise.all(keys.map((key) => put(id, key, key)));
    const first = await list(id);
    expect([first.object, keysOf(first), first.has_more]).toEqual(['list', keys.slice(0, 20), true]);
    await remove(id, 'k19');
    const rest = await list(id, `?after=${asText(first.last_id)}`);
    expect([keysOf(rest), rest.has_more]).toEqual([keys.slice(20), false]);
    const last = await list(id, '?order=desc&limit=2');
    expect(keysOf(last)).toEqual(['k24', 'k23']);
    expect(keysOf(await list(id, `?order=desc&limit=2&after=${asText(last.last_id)}`))).toEqual([
      'k22',
      'k21',
    ]);
    const path = `${CONVERSATIONS}/${id}/values?after=k19`;
    await expectRefusal(call('GET', path), 404, { code: 'value_not_found', param: 'after' });
  });
});

describe('a value that a request names', () => {
  const text = (json: string) => `Stored value "plan":\n${json}`;

  test('is a message with its JSON, in responses, chat and the items of a conversation', async () => {
    const id = await create();
    const { id: value } = await json(put(id, 'plan', { steps: ['one', 2] }));
    const reference = { type: 'item_reference', id: asText(value) };
    const stored = text('{"steps":["one",2]}');
    const response = await json(respond({ input: [reference, { role: 'user', content: 'go' }] }));
    expect(responseText(response)).toBe(`I have heard: "${stored}" | "go"`);
    const items = await json(
      journey.gateway.fetch(`/v1/responses/${asText(response.id)}/input_items?order=asc`),
    );
    expect(asList(items.data)[0]).toMatchObject({ type: 'message', role: 'user' });
    const messages = [reference, { role: 'user', content: 'go' }];
    const completion = journey.gateway.post('/v1/chat/completions', { model: 'openai/recall', messages });
    expect(completionText(await json(completion))).toBe(`I have heard: "${stored}" | "go"`);
    // Also of another conversation, and later changes do not change what was said.
    const other = await create();
    await journey.gateway.post(`${CONVERSATIONS}/${other}/items`, { items: [reference] });
    await put(id, 'plan', 'changed');
    expect(await sessionLog(journey.gateway, other)).toEqual([`user: ${stored}`]);
  });

  test('is sent by the types of the SDK', async () => {
    const id = await create();
    const { id: value } = await json(put(id, 'plan', 1));
    const response = await journey.client.responses.create({
      model: 'openai/recall',
      conversation: id,
      input: [{ type: 'item_reference', id: asText(value) }],
    });
    expect(response.output_text).toBe(`I have heard: "${text('1')}"`);
  });

  test('is a 404 with the field where there is none', async () => {
    const id = await create();
    const { id: value } = await json(put(id, 'plan', 1));
    await remove(id, 'plan');
    const mine = await json(put(id, 'mine', 1));
    for (const [named, headers] of [
      [value, {}],
      [mine.id, as(OTHER_KEY)],
    ] as const) {
      const reference = { type: 'item_reference', id: named };
      const of = (param: string) => ({ code: 'value_not_found', param });
      await expectRefusal(respond({ input: [reference] }, headers), 404, of('input[0].id'));
      const messages = [{ role: 'user', content: 'go' }, reference];
      const chat = journey.gateway.post(
        '/v1/chat/completions',
        { model: 'openai/recall', messages },
        headers,
      );
      await expectRefusal(chat, 404, of('messages[1].id'));
    }
  });
});
