import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { eventually } from '../harness/eventually.ts';
import { type Journey, json, serverEvents, startJourney } from '../harness/journey.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { SocketClient } from '../harness/socket.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

/** Values of a conversation that a request for a turn sets together with its answer. */

const SET = 'x-clawhold-set';

let journey: Journey;

beforeAll(async () => {
  journey = await startJourney();
});
afterAll(() => journey.end());

let count = 0;
const newName = () => `set-${++count}`;
const respond = (body: Json, headers: Record<string, string>) =>
  journey.gateway.post('/v1/responses', { model: 'openai/recall', input: 'one', ...body }, headers);
const chat = (body: Json, headers: Record<string, string>) =>
  journey.gateway.post(
    '/v1/chat/completions',
    { model: 'openai/recall', messages: [{ role: 'user', content: 'one' }], ...body },
    headers,
  );
const values = async (name: string) => {
  const { data } = await json(journey.gateway.fetch(`/v1/conversations/${name}/values`));
  return Object.fromEntries(asList(data).map(({ key, value, version }) => [asText(key), [value, version]]));
};

describe('a turn that completes', () => {
  const requests: [string, (headers: Record<string, string>) => Promise<Response>][] = [
    ['a response', (headers) => respond({}, headers)],
    ['a stream of a response', (headers) => respond({ stream: true }, headers)],
    ['a response that is kept in its session alone', (headers) => respond({ store: false }, headers)],
    ['a chat completion', (headers) => chat({}, headers)],
    ['a stream of a chat completion', (headers) => chat({ stream: true }, headers)],
    ['a side request', (headers) => chat({}, { ...headers, 'x-clawhold-branch': 'side' })],
  ];

  test.each(requests)('sets the values of %s', async (_, request) => {
    const name = newName();
    for (const version of [1, 2]) {
      const reply = await request({ 'x-session-id': name, [SET]: `step=${version}, plan={"a":["}",1]}` });
      expect(reply.status).toBe(200);
      await reply.text();
      expect(await values(name)).toEqual({ step: [version, version], plan: [{ a: ['}', 1] }, version] });
    }
  });

  test('sets the values of a background response', async () => {
    const name = newName();
    await respond({ background: true }, { 'x-session-id': name, [SET]: 'step=1' });
    const found = await eventually(
      'the value is set',
      () => values(name),
      (set) => 'step' in set,
    );
    expect(found).toEqual({ step: [1, 1] });
  });

  test('sets the values of several headers, and replaces earlier ones', async () => {
    const id = asText((await json(journey.gateway.post('/v1/conversations', {}))).id);
    const path = `/v1/conversations/${id}/values/b`;
    await journey.gateway.fetch(path, { method: 'PUT', body: '"before"' });
    const headers = new Headers({ 'content-type': 'application/json' });
    for (const value of ['a="\\u00e4,b=2"', 'b=null', 'c.d=[1,{"e":"\\""}],f=-1e3'])
      headers.append(SET, value);
    const body = JSON.stringify({ model: 'openai/recall', input: 'one', conversation: id });
    const reply = await journey.gateway.fetch('/v1/responses', { method: 'POST', headers, body });
    expect(reply.status).toBe(200);
    const expected = { a: ['ä,b=2', 1], b: [null, 2], 'c.d': [[1, { e: '"' }], 1], f: [-1000, 1] };
    expect(await values(id)).toEqual(expected);
  });

  test('sets the values of each response on a WebSocket', async () => {
    const name = newName();
    const headers = { 'x-session-id': name, [SET]: 'step=1' };
    const socket = await SocketClient.open(journey.gateway, { headers });
    for (const version of [1, 2]) {
      socket.create({ model: 'openai/recall', input: 'one' });
      while ((await socket.next()).type !== 'response.completed');
      expect(await values(name)).toEqual({ step: [1, version] });
    }
    socket.close();
  });

  test('sets them once, also if the request is sent again', async () => {
    const name = newName();
    const headers = { 'x-session-id': name, 'idempotency-key': crypto.randomUUID(), [SET]: 'step=1' };
    for (const replayed of [null, 'true'])
      expect((await respond({}, headers)).headers.get('x-clawhold-replayed')).toBe(replayed);
    expect(await values(name)).toEqual({ step: [1, 1] });
    const other = respond({}, { ...headers, [SET]: 'step=2' });
    await expectRefusal(other, 422, { code: 'idempotency_key_reused' });
  });

  test('sets them in the conversation of the response that it continues', async () => {
    const name = newName();
    const { id } = await json(respond({}, { 'x-session-id': name }));
    await respond({ previous_response_id: asText(id) }, { [SET]: 'step=1' });
    expect(await values(name)).toEqual({ step: [1, 1] });
  });

  test('has set them before its stream ends', async () => {
    const name = newName();
    const stream = await respond({ stream: true }, { 'x-session-id': name, [SET]: 'step=1' });
    let text = '';
    for await (const chunk of stream.body!) {
      text += new TextDecoder().decode(chunk);
      if (text.includes('response.completed')) break;
    }
    expect(await values(name)).toEqual({ step: [1, 1] });
    expect(serverEvents(text).events.length).toBeGreaterThan(0);
  });
});

describe('a turn that does not complete sets nothing:', () => {
  test('it fails, or is cut', async () => {
    const name = newName();
    const headers = { 'x-session-id': name, [SET]: 'step=1' };
    for (const behaviour of ['status-500', 'error-2', 'filter', 'long']) {
      const body = { model: `openai/${behaviour}`, ...(behaviour === 'long' && { max_output_tokens: 1 }) };
      const reply = await respond(body, headers);
      expect([behaviour, asText((await json(reply)).status)]).not.toEqual([behaviour, 'completed']);
    }
    expect(await json(respond({}, { 'x-session-id': name }))).toMatchObject({ status: 'completed' });
    expect(await values(name)).toEqual({});
  });

  test('it is cancelled', async () => {
    const name = newName();
    const headers = { 'x-session-id': name, [SET]: 'step=1' };
    const body = { model: 'openai/say-200+pace-10', background: true };
    const { id } = await json(respond(body, headers));
    const cancelled = journey.gateway.post(`/v1/responses/${asText(id)}/cancel`, {});
    expect(await json(cancelled)).toMatchObject({ status: 'cancelled' });
    expect(await json(respond({}, { 'x-session-id': name }))).toMatchObject({ status: 'completed' });
    expect(await values(name)).toEqual({});
  });
});

describe('a request is refused before its turn starts', () => {
  const refused = { code: 'invalid_request', param: SET };

  test('where the header is malformed', async () => {
    const name = newName();
    for (const header of [
      '',
      'a',
      'a=',
      '=1',
      'a=1,',
      'a=1,a=2',
      'a b=1',
      'a={',
      'a="',
      'a=x',
      '..=1',
      'ä=1',
      'a="ä"',
    ])
      await expectRefusal(respond({}, { 'x-session-id': name, [SET]: header }), 400, refused);
    const deep = `a=${'['.repeat(300)}${']'.repeat(300)}`;
    await expectRefusal(chat({}, { 'x-session-id': name, [SET]: deep }), 400, refused);
    // No session was made.
    const path = `/v1/conversations/${name}/values`;
    await expectRefusal(journey.gateway.fetch(path), 404, { code: 'session_not_found' });
  });

  test('where the turn is not kept, or has no conversation', async () => {
    const name = newName();
    const inSession = { 'x-session-id': name, [SET]: 'a=1' };
    const chain = await json(respond({}, {}));
    const requests = [
      respond({}, { ...inSession, 'x-clawhold-keep': 'false' }),
      respond({}, { [SET]: 'a=1' }),
      respond({ store: false }, { [SET]: 'a=1' }),
      respond({ previous_response_id: asText(chain.id) }, { [SET]: 'a=1' }),
      chat({}, { [SET]: 'a=1' }),
      chat({}, { [SET]: 'a=1', 'idempotency-key': crypto.randomUUID() }),
      chat({ store: true }, { [SET]: 'a=1' }),
    ];
    for (const request of requests) await expectRefusal(request, 400, refused);
  });

  test('where a limit would be exceeded', async () => {
    const id = asText((await json(journey.gateway.post('/v1/conversations', {}))).id);
    const put = (key: string) =>
      journey.gateway.fetch(`/v1/conversations/${id}/values/${key}`, { method: 'PUT', body: '1' });
    await Promise.all(Array.from({ length: 255 }, (_, i) => put(`k${i}`)));
    const over = respond({ conversation: id }, { [SET]: 'k0=2,new=1,newer=1' });
    await expectRefusal(over, 413, { code: 'value_over_limit' });
    expect((await respond({ conversation: id }, { [SET]: 'k0=2,new=1' })).status).toBe(200);
    const page = await json(journey.gateway.fetch(`/v1/conversations/${id}/values?limit=1&order=desc`));
    expect(asJson(asList(page.data)[0]).key).toBe('new');
    const items = await json(journey.gateway.fetch(`/v1/conversations/${id}/items`));
    expect(asList(items.data)).toHaveLength(2);
  });
});
