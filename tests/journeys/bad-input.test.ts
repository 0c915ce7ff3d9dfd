import { afterAll, beforeAll, beforeEach, describe, expect, spyOn, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { OTHER_KEY, ROOT_KEY, temporaryDirectory } from '../harness/gateway.ts';
import { unfinishedTurns } from '../harness/journal.ts';
import { type Journey, json, sessionLog, startJourney } from '../harness/journey.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

const CHAT = '/v1/chat/completions';
const RESPONSES = '/v1/responses';
const CONVERSATIONS = '/v1/conversations';
const LIMIT = 64 * 1024;
/** Well-formed ids of things that never were. */
const NO_RESPONSE = `resp_${'0'.repeat(33)}`;
const NO_CONVERSATION = `conv_${'0'.repeat(20)}`;
const NO_ITEM = `msg_${'0'.repeat(33)}i0`;

type RouteTable = Record<string, Record<string, unknown>>;

const directory = temporaryDirectory();
const dataDir = join(directory, 'data');
let journey: Journey;
let routes: RouteTable = {};
/** A session with one turn, and what it holds. */
let conversation = '';
let response = '';
let item = '';
let before: string[] = [];

beforeAll(async () => {
  const serve = spyOn(Bun, 'serve');
  journey = await startJourney({ dataDir, env: { CLAWHOLD_LIMITS_BODY_BYTES: String(LIMIT) } });
  routes = (serve.mock.calls[0]![0] as unknown as { routes: RouteTable }).routes;
  serve.mockRestore();
  const { headers } = await journey.gateway.post(
    CHAT,
    { model: 'openai/recall', messages: [{ role: 'user', content: 'one' }] },
    { 'x-session-id': 'kept' },
  );
  conversation = headers.get('x-clawhold-session-id') ?? '';
  response = headers.get('x-clawhold-response-id') ?? '';
  const items = await json(journey.gateway.fetch(`${CONVERSATIONS}/${conversation}/items`));
  item = asText(asList(items.data)[0]?.id);
  before = await sessionLog(journey.gateway, conversation);
});
beforeEach(() => journey.provider.reset());
afterAll(async () => {
  await journey.end();
  rmSync(directory, { recursive: true, force: true });
});

/** A refused request: its envelope is whole, and nothing came of it. */
async function expectRefused(
  answer: Response | Promise<Response>,
  status: number,
  expected: { code: string; param?: string | null; message?: RegExp },
): Promise<void> {
  const reply = await answer;
  const body = await json(reply);
  expect(reply.status).toBe(status);
  expect(Object.keys(body)).toEqual(['error']);
  expect(body.error).toMatchObject({
    type: expect.any(String),
    ...expected,
    message: expect.stringMatching(expected.message ?? /./),
  });
  expect(Object.keys(asJson(body.error)).sort()).toEqual(['code', 'message', 'param', 'type']);
  expect(reply.headers.get('x-request-id')).toBeTruthy();
  await expectUntouched();
}

async function expectUntouched(): Promise<void> {
  expect(await sessionLog(journey.gateway, conversation)).toEqual(before);
}

const inKept = { 'x-session-id': 'kept' };
const said = { messages: [{ role: 'user', content: 'two' }] };
const chat = (fields: Json, headers: Record<string, string> = inKept) =>
  journey.gateway.post(CHAT, { model: 'openai/recall', ...said, ...fields }, headers);
const respond = (fields: Json, headers: Record<string, string> = {}) =>
  journey.gateway.post(RESPONSES, { model: 'openai/recall', input: 'two', ...fields }, headers);
const inConversation = (fields: Json) => respond({ conversation, ...fields });

describe('a body that is no request', () => {
  const paths = [CHAT, RESPONSES, CONVERSATIONS];

  test.each(paths)('%s: not JSON', async (path) => {
    for (const body of ['', '{"model":', 'hello', '{"a":1}x', '\u0000']) {
      if (path === CONVERSATIONS && body === '') continue;
      await expectRefused(journey.gateway.post(path, body, inKept), 400, {
        code: 'invalid_json',
        param: null,
      });
    }
  });

  test.each(paths)('%s: JSON that is no object', async (path) => {
    for (const body of ['[]', '"text"', '1', 'null', 'true']) {
      await expectRefused(journey.gateway.post(path, body, inKept), 400, { code: 'invalid_request' });
    }
  });

  test.each(paths)('%s: over the limit, as its length says', async (path) => {
    const body = JSON.stringify({ model: 'openai/recall', ...said, input: 'x'.repeat(LIMIT) });
    await expectRefused(journey.gateway.post(path, body, inKept), 413, { code: 'body_too_large' });
  });

  test.each(paths)('%s: over the limit, chunk by chunk', async (path) => {
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        if (sent++ > 64) controller.close();
        else controller.enqueue(new TextEncoder().encode('x'.repeat(4096)));
      },
    });
    const answer = journey.gateway.fetch(path, { method: 'POST', body, headers: inKept });
    await expectRefused(answer, 413, { code: 'body_too_large' });
  });

  test('one that just fits is taken', async () => {
    const empty = JSON.stringify({ model: 'openai/say-1', messages: [{ role: 'user', content: '' }] });
    const fits = JSON.stringify({
      model: 'openai/say-1',
      messages: [{ role: 'user', content: 'x'.repeat(LIMIT - empty.length) }],
    });
    expect((await journey.gateway.post(CHAT, fits)).status).toBe(200);
  });
});

describe('a field of a wrong type, named', () => {
  const CASES: [string, Json][] = [
    ['model', { model: 7 }],
    ['model', { model: '' }],
    ['model', { model: 'x'.repeat(20_000) }],
    ['messages', { messages: 'hello' }],
    ['messages', { messages: [] }],
    ['messages[0]', { messages: ['hello'] }],
    ['messages[0].role', { messages: [{ role: 'wizard', content: 'x' }] }],
    ['messages[0].content', { messages: [{ role: 'user', content: 7 }] }],
    ['messages[0].content', { messages: [{ role: 'user' }] }],
    ['messages[0].content[0]', { messages: [{ role: 'user', content: [7] }] }],
    ['messages[0].content[0].text', { messages: [{ role: 'user', content: [{ type: 'text', text: 7 }] }] }],
    ['messages[0].content[0].image_url', { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }],
    ['messages[0].content[0].file', { messages: [{ role: 'user', content: [{ type: 'file', file: 'x' }] }] }],
    ['messages[0].tool_call_id', { messages: [{ role: 'tool', content: 'x' }] }],
    ['messages[0].tool_calls', { messages: [{ role: 'assistant', tool_calls: 'x' }] }],
    ['messages[0].tool_calls[0]', { messages: [{ role: 'assistant', tool_calls: [{}] }] }],
    ['temperature', { temperature: 'hot' }],
    ['temperature', { temperature: 3 }],
    ['n', { n: 0 }],
    ['stream', { stream: 'yes' }],
    ['max_tokens', { max_tokens: -1 }],
    ['max_completion_tokens', { max_completion_tokens: 1.5 }],
    ['tools[0].function', { tools: [{ type: 'function', function: {} }] }],
    ['metadata', { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, 'v'])) }],
    ['metadata.k', { metadata: { k: 'x'.repeat(513) } }],
  ];

  test.each(CASES)('chat: %s', async (param, fields) => {
    await expectRefused(chat(fields), 400, { code: 'invalid_request', param });
  });

  const RESPONSE_CASES: [string, Json][] = [
    ['model', { model: null }],
    ['input', { input: 7 }],
    ['input', { input: {} }],
    ['input[0]', { input: ['hello'] }],
    ['input[0].type', { input: [{ content: 'x' }] }],
    ['input[0].role', { input: [{ role: 'wizard', content: 'x' }] }],
    ['input[0].content', { input: [{ role: 'user', content: 7 }] }],
    ['input[0].content[0]', { input: [{ role: 'user', content: ['x'] }] }],
    ['input[0].content[0].text', { input: [{ role: 'user', content: [{ type: 'input_text' }] }] }],
    ['input[0].call_id', { input: [{ type: 'function_call', name: 'f', arguments: '{}' }] }],
    ['input[0].output', { input: [{ type: 'function_call_output', call_id: 'c', output: 7 }] }],
    ['input[0].summary', { input: [{ type: 'reasoning' }] }],
    ['input[0].id', { input: [{ type: 'item_reference' }] }],
    ['truncation', { truncation: 'maybe' }],
    ['max_output_tokens', { max_output_tokens: 'many' }],
    ['tools[0].name', { tools: [{ type: 'function' }] }],
    ['tools[0].type', { tools: [{}] }],
    ['metadata', { metadata: 'x' }],
    ['background', { background: true, store: false, conversation: undefined }],
  ];

  test.each(RESPONSE_CASES)('responses: %s', async (param, fields) => {
    await expectRefused(inConversation(fields), 400, { code: 'invalid_request', param });
  });

  const text = { type: 'message', role: 'user', content: 'x' };
  const CONVERSATION_CASES: [string, string, Json][] = [
    ['items', '', { items: 'x' }],
    ['items', '', { items: Array.from({ length: 21 }, () => text) }],
    ['items[1].role', '', { items: [text, { ...text, role: 'wizard' }] }],
    ['metadata.k', '', { metadata: { k: 7 } }],
    ['items', '/items', {}],
    ['items', '/items', { items: [] }],
    ['items[0]', '/items', { items: [7] }],
    ['metadata', '/', {}],
  ];

  test.each(CONVERSATION_CASES)('conversations: %s of %p', async (param, sub, fields) => {
    const path = sub === '' ? CONVERSATIONS : `${CONVERSATIONS}/${conversation}${sub === '/' ? '' : sub}`;
    await expectRefused(journey.gateway.post(path, fields), 400, { code: 'invalid_request', param });
  });

  test.each(['limit=0', 'limit=101', 'limit=x', 'order=up'])('a page with %s', async (query) => {
    const path = `${CONVERSATIONS}/${conversation}/items?${query}`;
    await expectRefused(journey.gateway.fetch(path), 400, {
      code: 'invalid_request',
      param: query.split('=')[0],
    });
  });
});

describe('a model that cannot be asked', () => {
  const ask = [
    ['chat', chat],
    ['responses', inConversation],
  ] as const;

  test.each(ask)('%s: an unknown one is answered with the nearest names', async (_, call) => {
    await expectRefused(call({ model: 'gpt-4o-minni' }), 404, {
      code: 'model_not_found',
      param: 'model',
      message: /Did you mean .*gpt-4o-mini/,
    });
    expect(journey.provider.requests).toEqual([]);
  });

  test.each(ask)('%s: one of a provider without a key names the variable', async (_, call) => {
    await expectRefused(call({ model: 'mistral/mistral-large-latest' }), 400, {
      code: 'provider_not_configured',
      message: /MISTRAL_API_KEY/,
    });
  });

  test.each(ask)('%s: one whose provider breaks its protocol says what was expected', async (_, call) => {
    for (const provider of ['openai', 'anthropic', 'gemini']) {
      await expectRefused(call({ model: `${provider}/badjson` }), 502, {
        code: 'provider_protocol_error',
        message: /a JSON object was expected/,
      });
      await expectRefused(call({ model: `${provider}/wrong-shape` }), 502, {
        code: 'provider_protocol_error',
        message: /[Ee]xpected|it has no `choices`/,
      });
    }
  });
});

describe('a session id that cannot be one', () => {
  const BAD = ['x'.repeat(256), 'two words', 'café', 'tab\tbed'];

  test.each(BAD)('%p', async (id) => {
    await expectRefused(chat({ conversation: id }, {}), 400, {
      code: 'invalid_session_id',
      param: 'conversation',
    });
    await expectRefused(chat({ session_id: id }, {}), 400, {
      code: 'invalid_session_id',
      param: 'session_id',
    });
    await expectRefused(respond({ conversation: id }), 400, {
      code: 'invalid_session_id',
      param: 'conversation',
    });
    await expectRefused(respond({ conversation: { id } }), 400, { code: 'invalid_session_id' });
    const path = `${CONVERSATIONS}/${encodeURIComponent(id)}`;
    await expectRefused(journey.gateway.fetch(path), 400, { code: 'invalid_session_id' });
  });

  test.each(['x'.repeat(256), 'two words'])('%p in a header', async (id) => {
    await expectRefused(chat({}, { 'x-session-id': id }), 400, {
      code: 'invalid_session_id',
      param: 'x-session-id',
    });
  });

  test.each([[7], [true], [[]], [{}]])('%p, which is no text', async (id) => {
    await expectRefused(chat({ session_id: id }, {}), 400, { code: 'invalid_session_id' });
    await expectRefused(respond({ conversation: id }), 400, { code: 'invalid_session_id' });
  });

  test('an id that looks like ours but is not', async () => {
    await expectRefused(chat({ conversation: 'conv_nonsense' }, {}), 404, { code: 'session_not_found' });
  });
});

describe('a state that cannot be continued', () => {
  test('both `conversation` and `previous_response_id`', async () => {
    await expectRefused(inConversation({ previous_response_id: response }), 400, {
      code: 'conflicting_state',
    });
  });

  test('a response of another session than the named one', async () => {
    await journey.gateway.post(CHAT, { model: 'openai/say-1', ...said }, { 'x-session-id': 'elsewhere' });
    const answer = respond({ previous_response_id: response }, { 'x-session-id': 'elsewhere' });
    await expectRefused(answer, 400, { code: 'conflicting_state', param: 'previous_response_id' });
  });

  test.each([NO_RESPONSE, 'resp_x', 'x'])('the unknown response %s', async (id) => {
    await expectRefused(respond({ previous_response_id: id }), 400, {
      code: 'previous_response_not_found',
      param: 'previous_response_id',
    });
  });

  test('an unknown conversation, and a name that nobody has given', async () => {
    await expectRefused(respond({ conversation: NO_CONVERSATION }), 404, { code: 'session_not_found' });
    await expectRefused(respond({ conversation: 'nobody' }), 404, { code: 'session_not_found' });
    await expectRefused(chat({ conversation: NO_CONVERSATION }, {}), 404, { code: 'session_not_found' });
  });

  test('an unknown item', async () => {
    const input = [{ type: 'item_reference', id: NO_ITEM }];
    await expectRefused(respond({ input }), 404, { code: 'item_not_found' });
  });
});

describe('what belongs to another tenant does not exist', () => {
  /** The same call for something that is there and something that never was: answered alike. */
  async function expectAlike(
    call: (id: string) => Promise<Response>,
    real: string,
    never: string,
  ): Promise<void> {
    const [theirs, nobodys] = await Promise.all([call(real), call(never)]);
    const mask = async (answer: Response, id: string) =>
      JSON.stringify(await json(answer))
        .replaceAll(id, '<id>')
        .replaceAll(conversation, '<id>');
    expect(theirs.status).toBe(nobodys.status);
    expect(theirs.status).toBeGreaterThanOrEqual(400);
    expect(await mask(theirs, real)).toBe((await mask(nobodys, never)).replaceAll(NO_CONVERSATION, '<id>'));
    await expectUntouched();
  }

  const other = (path: string, method = 'GET', body?: Json) =>
    journey.gateway.fetch(path, { key: OTHER_KEY, method, body: body && JSON.stringify(body) });

  test.each([
    ['GET', ''],
    ['DELETE', ''],
    ['POST', '/cancel'],
    ['GET', '/input_items'],
  ])('its responses: %s %s', (method, sub) =>
    expectAlike((id) => other(`${RESPONSES}/${id}${sub}`, method), response, NO_RESPONSE),
  );

  test('its responses, by previous_response_id', () =>
    expectAlike(
      (previous_response_id) =>
        other(RESPONSES, 'POST', { model: 'openai/recall', input: 'x', previous_response_id }),
      response,
      NO_RESPONSE,
    ));

  const item1 = { type: 'message', role: 'user', content: 'x' };
  test.each([
    ['GET', '', undefined],
    ['POST', '', { metadata: {} }],
    ['DELETE', '', undefined],
    ['GET', '/items', undefined],
    ['POST', '/items', { items: [item1] }],
  ] as const)('its conversations: %s %s', (method, sub, body) =>
    expectAlike((id) => other(`${CONVERSATIONS}/${id}${sub}`, method, body), conversation, NO_CONVERSATION),
  );

  test('its conversations, in a request for a turn', async () => {
    await expectAlike(
      (id) => other(RESPONSES, 'POST', { model: 'openai/recall', input: 'x', conversation: id }),
      conversation,
      NO_CONVERSATION,
    );
    await expectAlike(
      (id) => other(CHAT, 'POST', { model: 'openai/recall', ...said, conversation: id }),
      conversation,
      NO_CONVERSATION,
    );
  });

  test.each(['GET', 'DELETE'])('its items: %s', (method) =>
    expectAlike((id) => other(`${CONVERSATIONS}/${conversation}/items/${id}`, method), item, NO_ITEM),
  );

  test('its items, by reference', () =>
    expectAlike(
      (id) => other(RESPONSES, 'POST', { model: 'openai/recall', input: [{ type: 'item_reference', id }] }),
      item,
      NO_ITEM,
    ));

  test('its stored completions', async () => {
    const stored = await json(chat({ store: true }, {}));
    const path = `${CHAT}/${asText(stored.id)}`;
    for (const [method, sub] of [
      ['GET', ''],
      ['POST', ''],
      ['DELETE', ''],
      ['GET', '/messages'],
    ] as const) {
      const answer = other(path + sub, method, method === 'POST' ? { metadata: {} } : undefined);
      await expectRefused(answer, 404, { code: 'response_not_found' });
    }
    expect((await json(other(CHAT))).data).toEqual([]);
    expect((await journey.gateway.fetch(path)).status).toBe(200);
  });
});

describe('the door', () => {
  const OPEN = ['/health', '/health/readiness', '/readyz', '/health/liveliness', '/livez'];
  const everyRoute = () =>
    Object.entries(routes).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => [method, path] as const),
    );

  test('asks for a key on every route but health', async () => {
    const closed = everyRoute().filter(([, path]) => !OPEN.includes(path));
    expect(closed.length).toBeGreaterThan(20);
    for (const [method, path] of closed) {
      const url = journey.gateway.url + path.replaceAll(/:\w+/g, 'x').replace('*', 'x');
      for (const [headers, code] of [
        [{}, 'missing_key'],
        [{ authorization: 'Bearer ' }, 'missing_key'],
        [{ authorization: `Basic ${ROOT_KEY}` }, 'missing_key'],
        [{ authorization: 'Bearer sk-claw-wrong' }, 'invalid_key'],
        [{ 'x-api-key': 'sk-claw-wrong' }, 'invalid_key'],
      ] as [Record<string, string>, string][]) {
        const answer = await fetch(url, { method, headers, body: method === 'POST' ? '{}' : undefined });
        expect([method, path, answer.status]).toEqual([method, path, 401]);
        expect(answer.headers.get('www-authenticate')).toBe('Bearer');
        expect(asJson((await json(answer)).error).code).toBe(code);
      }
    }
    await expectUntouched();
  });

  test('tells nothing of unknown paths without a key', async () => {
    for (const path of ['/', '/v2/x', '/v1', '/admin', '/metrics', `${RESPONSES}/`]) {
      expect((await fetch(journey.gateway.url + path)).status).toBe(401);
      await expectRefused(journey.gateway.fetch(path), 404, { code: 'not_found' });
    }
  });

  test('is open for health, which tells of nobody', async () => {
    for (const path of OPEN) expect((await fetch(journey.gateway.url + path)).status).toBe(200);
  });

  test('takes the key in `x-api-key`, too', async () => {
    const answer = await fetch(`${journey.gateway.url}/v1/models`, { headers: { 'x-api-key': ROOT_KEY } });
    expect(answer.status).toBe(200);
  });

  test('names the methods that a path takes', async () => {
    const answer = await journey.gateway.fetch(`${RESPONSES}/${response}`, { method: 'PUT' });
    expect(answer.headers.get('allow')).toBe('GET, DELETE');
    await expectRefused(answer, 405, { code: 'method_not_allowed' });
  });
});

test('nothing of all this is left half-written', async () => {
  await journey.end();
  expect(await unfinishedTurns(dataDir)).toEqual([]);
});
