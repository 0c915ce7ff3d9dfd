import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { temporaryDirectory } from '../harness/gateway.ts';
import { unfinishedTurns } from '../harness/journal.ts';
import { type Journey, sessionLog, startJourney } from '../harness/journey.ts';
import { expectRefusal } from '../harness/refusal.ts';
import type { Json } from '../simulators/provider/shape.ts';

const CHAT = '/v1/chat/completions';
const RESPONSES = '/v1/responses';
const MESSAGES = '/v1/messages';
const CONVERSATIONS = '/v1/conversations';
const LIMIT = 64 * 1024;
/** Well-formed ids that never existed. */
const NO_RESPONSE = `resp_${'0'.repeat(33)}`;
const NO_CONVERSATION = `conv_${'0'.repeat(20)}`;
const NO_ITEM = `msg_${'0'.repeat(33)}i0`;

const directory = temporaryDirectory();
const dataDir = join(directory, 'data');
let journey: Journey;
/** A session with one turn, and its items. */
let conversation = '';
let response = '';
let before: string[] = [];

beforeAll(async () => {
  journey = await startJourney({ dataDir, env: { CLAWHOLD_LIMITS_BODY_BYTES: String(LIMIT) } });
  const { headers } = await journey.gateway.post(
    CHAT,
    { model: 'openai/recall', messages: [{ role: 'user', content: 'one' }] },
    { 'x-session-id': 'kept' },
  );
  conversation = headers.get('x-clawhold-session-id') ?? '';
  response = headers.get('x-clawhold-response-id') ?? '';
  before = await sessionLog(journey.gateway, conversation);
});
beforeEach(() => journey.provider.reset());
afterAll(async () => {
  await journey.end();
  rmSync(directory, { recursive: true, force: true });
});

/** Expects a refused request that leaves the session unchanged. */
async function expectRefused(...[answer, status, expected]: Parameters<typeof expectRefusal>): Promise<void> {
  await expectRefusal(answer, status, expected);
  await expectUntouched();
}

async function expectUntouched(): Promise<void> {
  expect(await sessionLog(journey.gateway, conversation)).toEqual(before);
}

const inKeptSession = { 'x-session-id': 'kept' };
const question = { messages: [{ role: 'user', content: 'two' }] };
const chat = (fields: Json, headers: Record<string, string> = inKeptSession) =>
  journey.gateway.post(CHAT, { model: 'openai/recall', ...question, ...fields }, headers);
const message = (fields: Json, headers: Record<string, string> = inKeptSession) =>
  journey.gateway.post(MESSAGES, { model: 'openai/recall', max_tokens: 9, ...question, ...fields }, headers);
const respond = (fields: Json, headers: Record<string, string> = {}) =>
  journey.gateway.post(RESPONSES, { model: 'openai/recall', input: 'two', ...fields }, headers);
const inConversation = (fields: Json) => respond({ conversation, ...fields });

describe('a body that is not a request', () => {
  const paths = [CHAT, RESPONSES, MESSAGES, CONVERSATIONS];

  test.each(paths)('%s: not JSON', async (path) => {
    for (const body of ['', '{"model":', 'hello', '{"a":1}x', '\u0000']) {
      if (path === CONVERSATIONS && body === '') continue;
      await expectRefused(journey.gateway.post(path, body, inKeptSession), 400, {
        code: 'invalid_json',
        param: null,
      });
    }
  });

  test.each(paths)('%s: JSON that is not an object', async (path) => {
    for (const body of ['[]', '"text"', '1', 'null', 'true']) {
      await expectRefused(journey.gateway.post(path, body, inKeptSession), 400, { code: 'invalid_request' });
    }
  });

  test.each(paths)('%s: over the limit, by its content-length', async (path) => {
    const body = JSON.stringify({ model: 'openai/recall', ...question, input: 'x'.repeat(LIMIT) });
    await expectRefused(journey.gateway.post(path, body, inKeptSession), 413, { code: 'body_too_large' });
  });

  test.each(paths)('%s: over the limit, in chunks', async (path) => {
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        if (sent++ > 64) controller.close();
        else controller.enqueue(new TextEncoder().encode('x'.repeat(4096)));
      },
    });
    const answer = journey.gateway.fetch(path, { method: 'POST', body, headers: inKeptSession });
    await expectRefused(answer, 413, { code: 'body_too_large' });
  });

  const CODINGS: [string, (bytes: Buffer) => Uint8Array][] = [
    ['gzip', gzipSync],
    ['X-GZip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
    ['identity', (bytes) => bytes],
  ];
  const chunked = (bytes: Uint8Array) => new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();

  describe.each(CODINGS)('compressed with %s', (coding, compress) => {
    const headers = { ...inKeptSession, 'content-encoding': coding };
    const send = (path: string, body: RequestInit['body']) =>
      journey.gateway.fetch(path, { method: 'POST', body, headers });

    test('is read, with a content-length and in chunks', async () => {
      for (const [path, text] of [
        [CHAT, JSON.stringify({ model: 'openai/say-1', messages: [{ role: 'user', content: 'grüße' }] })],
        [RESPONSES, JSON.stringify({ model: 'openai/say-1', input: 'grüße', store: false })],
      ] as const) {
        const bytes = compress(Buffer.from(text));
        for (const body of [bytes as Uint8Array<ArrayBuffer>, chunked(bytes)]) {
          const answer = await journey.gateway.fetch(path, {
            method: 'POST',
            body,
            headers: { 'content-encoding': coding },
          });
          expect(answer.status).toBe(200);
        }
      }
    });

    test.each(paths)('%s: over the limit only when it is decoded', async (path) => {
      const bytes = compress(Buffer.from(JSON.stringify({ model: 'm', input: 'x'.repeat(50 * LIMIT) })));
      for (const body of [bytes as Uint8Array<ArrayBuffer>, chunked(bytes)]) {
        await expectRefused(send(path, body), 413, { code: 'body_too_large' });
      }
    });

    test.each(paths)('%s: damaged', async (path) => {
      const cut = compress(Buffer.from('{"model":"m","input":"hello"}')).slice(0, -12);
      for (const body of ['{"not compressed', cut as Uint8Array<ArrayBuffer>]) {
        await expectRefused(send(path, body), 400, { code: 'invalid_json' });
      }
    });
  });

  test.each(paths)('%s: of an unknown content encoding', async (path) => {
    for (const coding of ['compress', 'gzip, gzip', 'snappy']) {
      const headers = { ...inKeptSession, 'content-encoding': coding };
      const answer = await journey.gateway.fetch(path, { method: 'POST', body: '{}', headers });
      expect(answer.headers.get('accept-encoding')).toBe('zstd, gzip, deflate, br');
      await expectRefused(answer, 415, { code: 'unsupported_content_encoding' });
    }
  });

  test('a body just within the limit is accepted', async () => {
    const empty = JSON.stringify({ model: 'openai/say-1', messages: [{ role: 'user', content: '' }] });
    const fits = JSON.stringify({
      model: 'openai/say-1',
      messages: [{ role: 'user', content: 'x'.repeat(LIMIT - empty.length) }],
    });
    expect((await journey.gateway.post(CHAT, fits)).status).toBe(200);
  });
});

describe('a field of a wrong type is named', () => {
  const customCall = (custom: Json): Json => ({
    role: 'assistant',
    tool_calls: [{ id: 'c', type: 'custom', custom: { name: 'f', input: 'x', ...custom } }],
  });
  const grammarTool = {
    type: 'custom',
    custom: { name: 'f', format: { type: 'grammar', grammar: { definition: 'x' } } },
  };
  const custom = { type: 'custom_tool_call', call_id: 'c', name: 'f', input: 'x' };
  const customOutput = { type: 'custom_tool_call_output', call_id: 'c' };
  const namespace = { type: 'namespace', name: 'n' };

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
    ['tools[0].function', { tools: [{ type: 'function' }] }],
    ['tools[0].function.name', { tools: [{ type: 'function', function: {} }] }],
    ['tools[0].custom.name', { tools: [{ type: 'custom', custom: {} }] }],
    ['messages[0].content[0].text', { messages: [{ role: 'user', content: [{ type: 'input_text' }] }] }],
    ['messages[0].tool_calls[0].custom.input', { messages: [customCall({ input: 7 })] }],
    ['messages[0].tool_calls[0].custom.name', { messages: [customCall({ name: {} })] }],
    ['tools[0].custom.format.grammar.syntax', { tools: [grammarTool] }],
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
    ['input[0].id', { input: [{ type: 'web_search_call', id: {} }] }],
    ['input[0].name', { input: [{ ...custom, name: {} }] }],
    ['input[0].input', { input: [{ ...custom, input: 7 }] }],
    ['input[0].namespace', { input: [{ ...custom, namespace: 7 }] }],
    ['input[0].namespace', { input: [{ ...custom, type: 'function_call', arguments: '{}', namespace: 7 }] }],
    ['input[1].output', { input: [custom, customOutput] }],
    ['input[1].output[0].text', { input: [custom, { ...customOutput, output: [{ type: 'input_text' }] }] }],
    ['tools[0].name', { tools: [{ type: 'function' }] }],
    ['tools[0].type', { tools: [{}] }],
    ['tools[0].description', { tools: [{ ...namespace, description: {}, tools: [] }] }],
    ['tools[0].tools', { tools: [namespace] }],
    ['tools[0].tools[0]', { tools: [{ ...namespace, tools: [null] }] }],
    ['tools[0].tools[0].name', { tools: [{ ...namespace, tools: [{ type: 'function' }] }] }],
    ['tools[0].format.syntax', { tools: [{ type: 'custom', name: 'f', format: { type: 'grammar' } }] }],
    ['tool_choice', { tool_choice: { type: 'allowed_tools', mode: {} } }],
    ['metadata', { metadata: 'x' }],
    ['background', { background: true, store: false, conversation: undefined }],
  ];

  test.each(RESPONSE_CASES)('responses: %s', async (param, fields) => {
    await expectRefused(inConversation(fields), 400, { code: 'invalid_request', param });
  });

  test.each([{ input: undefined }, { input: null }, { input: [] }])(
    'responses: %j where the conversation has no items',
    async (fields) => {
      for (const session of [{}, { 'x-session-id': 'without-items' }] as Record<string, string>[]) {
        const refusal = { code: 'invalid_request', param: 'input', message: /expected an item to answer/ };
        await expectRefused(respond(fields, session), 400, refusal);
        await expectRefused(respond({ ...fields, instructions: 'Be brief.' }, session), 400, refusal);
      }
      const session = { 'x-session-id': 'with-items' };
      await respond({}, session);
      expect((await respond(fields, session)).status).toBe(200);
    },
  );

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

  const blocks = (role: string, ...content: unknown[]): Json => ({ messages: [{ role, content }] });
  const result = (content: unknown) => blocks('user', { type: 'tool_result', tool_use_id: 'c', content });
  const use = { type: 'tool_use', id: 'c', name: 'f', input: {} };
  const tool = { name: 'f', input_schema: { type: 'object' } };

  test.each<[string, Json]>([
    ['model', { model: 7 }],
    ['messages', { messages: 'hello' }],
    ['messages', { messages: [] }],
    ['messages[0]', { messages: ['hello'] }],
    ['messages[0].role', { messages: [{ role: 'developer', content: 'x' }] }],
    ['messages[0].content', { messages: [{ role: 'user', content: 7 }] }],
    ['messages[0].content[0]', blocks('user', 7)],
    ['messages[0].content[1].text', blocks('user', { type: 'text', text: 'a' }, { type: 'text' })],
    ['messages[0].content[0].source', blocks('user', { type: 'image' })],
    ['messages[0].content[0].source.type', blocks('user', { type: 'image', source: { type: 'x' } })],
    ['messages[0].content[0].source.data', blocks('user', { type: 'document', source: { type: 'text' } })],
    ['messages[0].content[0].tool_use_id', blocks('user', { type: 'tool_result' })],
    ['messages[0].content[0].content', result(7)],
    ['messages[0].content[0].content[0].text', result([{ type: 'text', text: 7 }])],
    ['messages[0].content[0].id', blocks('assistant', { ...use, id: '' })],
    ['messages[0].content[0].name', blocks('assistant', { ...use, name: 7 })],
    ['messages[0].content[0].input', blocks('assistant', { ...use, input: '{}' })],
    ['messages[0].content[0].thinking', blocks('assistant', { type: 'thinking', signature: 'x' })],
    ['messages[0].content[0].data', blocks('assistant', { type: 'redacted_thinking' })],
    ['system', { system: 7 }],
    ['max_tokens', { max_tokens: 0 }],
    ['temperature', { temperature: 1.5 }],
    ['top_p', { top_p: 'all' }],
    ['stream', { stream: 'yes' }],
    ['stop_sequences', { stop_sequences: 'x' }],
    ['tools', { tools: {} }],
    ['tools[0].name', { tools: [{ ...tool, name: '' }] }],
    ['tools[0].input_schema', { tools: [{ name: 'f' }] }],
    ['tools[0].description', { tools: [{ ...tool, description: 7 }] }],
    ['tool_choice.type', { tool_choice: { type: 'maybe' } }],
    ['tool_choice.name', { tool_choice: { type: 'tool' } }],
    ['thinking.type', { thinking: {} }],
    ['output_config.format.type', { output_config: { format: { type: 'xml' } } }],
    ['output_config.format.schema', { output_config: { format: { type: 'json_schema' } } }],
  ])('messages: %s, as in %j', async (param, fields) => {
    await expectRefused(message(fields), 400, { code: 'invalid_request', param });
    expect(journey.provider.requests).toEqual([]);
  });

  test.each(['limit=0', 'limit=101', 'limit=x', 'order=up'])('a page with %s', async (query) => {
    const path = `${CONVERSATIONS}/${conversation}/items?${query}`;
    await expectRefused(journey.gateway.fetch(path), 400, {
      code: 'invalid_request',
      param: query.split('=')[0],
    });
  });
});

describe('a model that cannot be called', () => {
  const ask = [
    ['chat', chat],
    ['responses', inConversation],
    ['messages', message],
  ] as const;

  test.each(ask)('%s: an unknown model gets the nearest names', async (_, call) => {
    await expectRefused(call({ model: 'gpt-4o-minni' }), 404, {
      code: 'model_not_found',
      param: 'model',
      message: /Did you mean .*gpt-4o-mini/,
    });
    expect(journey.provider.requests).toEqual([]);
  });

  test.each(ask)('%s: a model of a provider without a key gets the name of the variable', async (_, call) => {
    await expectRefused(call({ model: 'mistral/mistral-large-latest' }), 400, {
      code: 'provider_not_configured',
      message: /MISTRAL_API_KEY/,
    });
  });

  test.each(ask)('%s: a protocol error of the provider says what was expected', async (_, call) => {
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

describe('an invalid session id', () => {
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

  test.each([[7], [true], [[]], [{}]])('%p, which is not a string', async (id) => {
    await expectRefused(chat({ session_id: id }, {}), 400, { code: 'invalid_session_id' });
    await expectRefused(respond({ conversation: id }), 400, { code: 'invalid_session_id' });
  });

  test('an id that only looks like an id of the gateway', async () => {
    await expectRefused(chat({ conversation: 'conv_nonsense' }, {}), 404, { code: 'session_not_found' });
  });
});

test.each([0, -1, 1.5, '3'])('`max_tool_calls`: %p', async (max_tool_calls) => {
  await expectRefused(respond({ max_tool_calls }), 400, { code: 'invalid_request', param: 'max_tool_calls' });
});

test('more than one Host header', async () => {
  const { hostname, port } = new URL(journey.gateway.url);
  for (const path of ['/health', '/v1/models']) {
    const answer = Promise.withResolvers<string>();
    const socket = await Bun.connect({
      hostname,
      port: Number(port),
      socket: { data: (_, data) => answer.resolve(data.toString()) },
    });
    socket.write(`GET ${path} HTTP/1.1\r\nhost: one\r\nhost: two\r\n\r\n`);
    expect(await answer.promise).toStartWith('HTTP/1.1 400');
    expect(await answer.promise).toContain('"code":"invalid_request"');
    socket.terminate();
  }
});

describe('a state that cannot be continued', () => {
  test('both `conversation` and `previous_response_id`', async () => {
    await expectRefused(inConversation({ previous_response_id: response }), 400, {
      code: 'conflicting_state',
    });
  });

  test.each(['conv_nonsense', NO_CONVERSATION, 'nobody', { id: NO_CONVERSATION }])(
    '`previous_response_id` and the unknown conversation %p',
    async (unknown) => {
      await expectRefused(respond({ conversation: unknown, previous_response_id: response }), 400, {
        code: 'conflicting_state',
      });
    },
  );

  test('`previous_response_id` and a header that names an unknown session', async () => {
    const answer = respond({ previous_response_id: response }, { 'x-session-id': 'nobody' });
    await expectRefused(answer, 400, { code: 'conflicting_state', param: 'previous_response_id' });
  });

  test('a response of a different session than the named one', async () => {
    await journey.gateway.post(CHAT, { model: 'openai/say-1', ...question }, { 'x-session-id': 'elsewhere' });
    const answer = respond({ previous_response_id: response }, { 'x-session-id': 'elsewhere' });
    await expectRefused(answer, 400, { code: 'conflicting_state', param: 'previous_response_id' });
  });

  test.each([NO_RESPONSE, 'resp_x', 'x'])('the unknown response %s', async (id) => {
    await expectRefused(respond({ previous_response_id: id }), 400, {
      code: 'previous_response_not_found',
      param: 'previous_response_id',
    });
  });

  test('an unknown conversation, and an unknown name', async () => {
    await expectRefused(respond({ conversation: NO_CONVERSATION }), 404, { code: 'session_not_found' });
    await expectRefused(respond({ conversation: 'nobody' }), 404, { code: 'session_not_found' });
    await expectRefused(chat({ conversation: NO_CONVERSATION }, {}), 404, { code: 'session_not_found' });
  });

  test('an unknown item', async () => {
    const input = [{ type: 'item_reference', id: NO_ITEM }];
    await expectRefused(respond({ input }), 404, { code: 'item_not_found' });
  });
});

test('these requests leave nothing half-written', async () => {
  await journey.end();
  expect(await unfinishedTurns(dataDir)).toEqual([]);
});
