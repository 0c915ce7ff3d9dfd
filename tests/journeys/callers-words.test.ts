import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { ROOT_KEY } from '../harness/gateway.ts';
import { type Journey, json, startJourney } from '../harness/journey.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { SocketClient } from '../harness/socket.ts';
import { asText, type Json } from '../simulators/provider/shape.ts';

/** Errors name the field that the caller sent, as the caller's API names it. */

const CHAT = '/v1/chat/completions';
const RESPONSES = '/v1/responses';
const CONVERSATIONS = '/v1/conversations';

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney();
});
afterAll(() => journey.end());

const model = 'openai/recall';
const chat = (fields: Json, headers?: Record<string, string>) =>
  journey.gateway.post(CHAT, { model, ...fields }, headers);
const respond = (fields: Json, headers?: Record<string, string>) =>
  journey.gateway.post(RESPONSES, { model, ...fields }, headers);

const user = (content: unknown): Json => ({ role: 'user', content });
const call = (id: string): Json => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } });

describe('an output without a call', () => {
  const code = 'tool_output_without_call';
  const output = { role: 'tool', tool_call_id: 'c1', content: 'x' };

  test('is named by its message in chat', async () => {
    await expectRefusal(chat({ messages: [user('one'), output] }), 400, {
      code,
      param: 'messages[1].tool_call_id',
    });
    // One message may be several items: the index is that of the message.
    const assistant = { role: 'assistant', content: 'a', tool_calls: [call('a'), call('b')] };
    const outputs = ['a', 'b'].map((tool_call_id) => ({ ...output, tool_call_id }));
    const messages = [{ role: 'system', content: 's' }, user('one'), assistant, ...outputs, output];
    for (const stream of [false, true]) {
      await expectRefusal(chat({ messages, stream }), 400, { code, param: 'messages[5].tool_call_id' });
    }
  });

  test('is named in a session, where instructions come first', async () => {
    const headers = { 'x-session-id': 'words' };
    const messages = [{ role: 'system', content: 's' }, user('one')];
    expect((await chat({ messages }, headers)).status).toBe(200);
    await expectRefusal(chat({ messages: [...messages.slice(0, 1), user('two'), output] }, headers), 400, {
      code,
      param: 'messages[2].tool_call_id',
    });
    const input = [
      { role: 'developer', content: 's' },
      { type: 'function_call_output', call_id: 'c', output: '' },
    ];
    await expectRefusal(respond({ input }, headers), 400, { code, param: 'input[1].call_id' });
  });

  test('is named in a conversation that it is added to', async () => {
    const id = asText((await json(journey.gateway.post(CONVERSATIONS, {}))).id);
    const items = [user('one'), { type: 'function_call_output', call_id: 'c', output: '' }];
    const refused = { code, param: 'items[1].call_id' };
    await expectRefusal(journey.gateway.post(`${CONVERSATIONS}/${id}/items`, { items }), 400, refused);
    await expectRefusal(journey.gateway.post(CONVERSATIONS, { items }), 400, refused);
  });
});

describe('content that a provider cannot take', () => {
  const code = 'unsupported_parameter';
  const audio = { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } };
  const file = { type: 'input_file', file_url: 'https://files.test/report.pdf' };

  test('is named by its message in chat', async () => {
    const messages = [user('one'), user([{ type: 'text', text: 'two' }, audio])];
    await expectRefusal(chat({ model: 'anthropic/echo', messages }), 400, {
      code,
      param: 'messages[1].content[1]',
    });
    const output = { role: 'tool', tool_call_id: 'c', content: [audio] };
    const assistant = { role: 'assistant', tool_calls: [call('c')] };
    await expectRefusal(chat({ model: 'anthropic/echo', messages: [user('x'), assistant, output] }), 400, {
      code,
      param: 'messages[2].content[0]',
    });
    const image = { type: 'image_url', image_url: { url: 'data:nothing' } };
    for (const provider of ['anthropic', 'gemini']) {
      await expectRefusal(chat({ model: `${provider}/echo`, messages: [user([image])] }), 400, {
        code: 'invalid_request',
        param: 'messages[0].content[0].image_url.url',
      });
    }
  });

  test('is named by its item in Responses', async () => {
    const input = [user('one'), user([{ type: 'input_text', text: 'two' }, file])];
    for (const stream of [false, true]) {
      await expectRefusal(respond({ model: 'groq/echo', input, stream }), 400, {
        code,
        param: 'input[1].content[1]',
      });
    }
    const parts = [{ type: 'function_call_output', call_id: 'c', output: [audio] }];
    const call = { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' };
    await expectRefusal(respond({ model: 'anthropic/echo', input: [call, ...parts] }), 400, {
      code,
      param: 'input[1].output[0]',
    });
  });
});

describe('a setting that no candidate supports', () => {
  const code = 'unsupported_parameter';

  test('is named as in the API', async () => {
    const messages = [user('one')];
    await expectRefusal(chat({ model: 'anthropic/echo', messages, logprobs: true }), 400, {
      code,
      param: 'logprobs',
    });
    await expectRefusal(respond({ model: 'anthropic/echo', input: 'x', top_logprobs: 2 }), 400, {
      code,
      param: 'top_logprobs',
    });
    await expectRefusal(
      respond({ model: 'anthropic/echo', input: 'x', text: { format: { type: 'regex' } } }),
      400,
      {
        code,
        param: 'text.format.type',
      },
    );
  });
});

describe('fields of the other API', () => {
  const code = 'invalid_request';

  test.each([
    ['messages', { messages: [user('x')] }, /send `input`/],
    ['max_tokens', { input: 'x', max_tokens: 5 }, /send `max_output_tokens`/],
    ['response_format', { input: 'x', response_format: { type: 'text' } }, /send `text.format`/],
    ['reasoning_effort', { input: 'x', reasoning_effort: 'low' }, /send `reasoning.effort`/],
  ])('Responses: %s', async (param, fields, message) => {
    await expectRefusal(respond(fields as Json), 400, { code, param, message });
  });

  test.each([
    ['input', { input: 'x' }, /send `messages`/],
    ['max_output_tokens', { messages: [user('x')], max_output_tokens: 5 }, /send `max_completion_tokens`/],
    ['previous_response_id', { messages: [user('x')], previous_response_id: 'r' }, /send `conversation`/],
  ])('chat: %s', async (param, fields, message) => {
    await expectRefusal(chat(fields as Json), 400, { code, param, message });
  });
});

describe('a value of a wrong type', () => {
  /** Texts of the validator, which must not reach callers. */
  const RAW =
    /Invalid|Too (big|small)|received|Unrecognized|expected (string|number|int|boolean|array|object|record)\b/;
  const WRONG: unknown[] = [
    'x',
    7,
    -1,
    1.5,
    true,
    [],
    [7],
    {},
    { type: 7 },
    'x'.repeat(600),
    Array(99).fill('a'),
  ];

  const FIELDS: [string, string[]][] = [
    [
      CHAT,
      [
        'model',
        'fallbacks',
        'messages',
        'store',
        'stream',
        'metadata',
        'temperature',
        'top_p',
        'frequency_penalty',
        'presence_penalty',
        'top_logprobs',
        'tools',
        'parallel_tool_calls',
        'service_tier',
        'prompt_cache_key',
        'safety_identifier',
        'stream_options',
        'max_tokens',
        'max_completion_tokens',
        'stop',
        'seed',
        'logprobs',
        'n',
        'tool_choice',
        'response_format',
        'reasoning_effort',
        'verbosity',
      ],
    ],
    [
      RESPONSES,
      [
        'model',
        'fallbacks',
        'input',
        'instructions',
        'previous_response_id',
        'conversation',
        'background',
        'truncation',
        'max_output_tokens',
        'max_tool_calls',
        'tool_choice',
        'text',
        'reasoning',
        'metadata',
        'tools',
        'temperature',
      ],
    ],
    [CONVERSATIONS, ['items', 'metadata']],
  ];

  test.each(FIELDS)('%s: the message says what was expected, in plain words', async (path, fields) => {
    const valid = path === CHAT ? { messages: [user('x')] } : path === RESPONSES ? { input: 'x' } : {};
    let refused = 0;
    for (const field of fields) {
      for (const value of WRONG) {
        const body = { model: 'local/recall', ...valid, [field]: value };
        const answer = await journey.gateway.post(path, body);
        if (answer.status === 200) continue;
        const { error } = (await answer.json()) as {
          error: { message: string; param: string; code: string };
        };
        if (error.code !== 'invalid_request') continue;
        refused++;
        expect(error.param.startsWith(field)).toBe(true);
        expect(error.message).toStartWith(`\`${error.param}\`: expected `);
        expect(error.message).not.toMatch(RAW);
      }
    }
    expect(refused).toBeGreaterThan(fields.length);
  });

  test.each([
    ['temperature', { temperature: 3 }, '`temperature`: expected a number from 0 to 2, got 3.'],
    ['n', { n: 'two' }, '`n`: expected a whole number from 1 to 128, got a string.'],
    ['stream', { stream: 1 }, '`stream`: expected true or false, got 1.'],
    ['tools[0].type', { tools: [{}] }, '`tools[0].type`: expected a string, got nothing.'],
    [
      'tools[0].function.parameters',
      { tools: [{ type: 'function', function: { name: 'f', parameters: 'x' } }] },
      '`tools[0].function.parameters`: expected an object, got a string.',
    ],
    [
      `metadata.${'k'.repeat(65)}`,
      { metadata: { ['k'.repeat(65)]: 'v' } },
      `\`metadata.${'k'.repeat(65)}\`: expected at most 64 characters in the key, got a string.`,
    ],
  ])('%s', async (param, fields, text) => {
    await expectRefusal(chat({ messages: [user('x')], ...(fields as Json) }), 400, {
      code: 'invalid_request',
      param,
      message: new RegExp(`^${text.replace(/[[\].]/g, '\\$&')}`),
    });
  });
});

describe('a key that is not sent as it should be', () => {
  const keyed = (headers: Record<string, string>) => fetch(`${journey.gateway.url}/v1/models`, { headers });

  test.each([
    [{}, /has no key/],
    [{ authorization: ROOT_KEY }, /has no `Bearer` before the key/],
    [{ authorization: 'Basic dXNlcjpwYXNz' }, /has the scheme "Basic", not `Bearer`/],
    [{ authorization: 'Bearer' }, /no key after `Bearer`/],
    [{ authorization: 'bearer ' }, /no key after `Bearer`/],
    [{ 'x-api-key': '' }, /`x-api-key` is empty/],
    [{ 'api-key': ROOT_KEY }, /does not read a key from the header `api-key`/],
    [{ 'x-goog-api-key': '' }, /`x-goog-api-key` is empty/],
    [{ 'x-litellm-api-key': ROOT_KEY }, /does not read a key from the header `x-litellm-api-key`/],
  ])('%p', async (headers, message) => {
    const answer = keyed(headers as Record<string, string>);
    const text = await (await answer).clone().text();
    await expectRefusal(answer, 401, { code: 'missing_key', message });
    expect(text).not.toContain(ROOT_KEY);
    expect(text).not.toContain('dXNlcjpwYXNz');
  });

  test.each([`bearer ${ROOT_KEY}`, `BEARER   ${ROOT_KEY}`])('%s is taken', async (authorization) => {
    expect((await keyed({ authorization })).status).toBe(200);
  });

  test.each([
    [`Bearer Bearer ${ROOT_KEY}`, /`Bearer` twice/],
    [`Bearer "${ROOT_KEY}"`, /quotation marks or brackets around it/],
    [`Bearer <${ROOT_KEY}>`, /quotation marks or brackets around it/],
    ['Bearer $CLAWHOLD_ROOT_KEY', /a variable that was not replaced/],
    ['Bearer sk-none', /^The key is not known here\. /],
  ])('%s', async (authorization, message) => {
    const answer = await keyed({ authorization });
    expect(await answer.clone().text()).not.toContain(ROOT_KEY);
    await expectRefusal(answer, 401, { code: 'invalid_key', message });
  });

  test('an unknown key is not shown', async () => {
    const answer = await keyed({ authorization: 'Bearer sk-unknown-key' });
    expect(await answer.clone().text()).not.toContain('sk-unknown-key');
    await expectRefusal(answer, 401, { code: 'invalid_key' });
  });
});

describe('a path that does not exist', () => {
  test.each([
    ['POST', '/chat/completions', 'POST /v1/chat/completions? The base URL of this API ends in `/v1`.'],
    ['POST', '/v1/v1/chat/completions', 'POST /v1/chat/completions? The base URL of this API ends in `/v1`.'],
    ['POST', '/api/v1/chat/completions', 'POST /v1/chat/completions? The base URL'],
    ['POST', '/openai/deployments/gpt/chat/completions', 'POST /v1/chat/completions? The base URL'],
    ['POST', '/v1/chat/completion', 'POST /v1/chat/completions? Check'],
    ['POST', '/v1/chat/completions/', 'POST /v1/chat/completions? Check'],
    ['POST', '/v1//responses', 'POST /v1/responses? Check'],
    ['POST', '/v1/response', 'POST /v1/responses? Check'],
    ['GET', '/models', 'GET /v1/models? The base URL'],
    ['GET', '/models/openai/gpt-5', 'GET /v1/models/openai/gpt-5? The base URL'],
    ['GET', '/V1/models', 'GET /v1/models? Check'],
    ['GET', '/responses/resp_1', 'GET /v1/responses/resp_1? The base URL'],
    ['GET', '/v1/chat', undefined],
    ['GET', '/favicon.ico', undefined],
  ])('%s %s', async (method, path, hint) => {
    const answer = await journey.gateway.fetch(path, { method });
    const { error } = (await answer.clone().json()) as { error: { message: string } };
    await expectRefusal(answer, 404, { code: 'not_found' });
    expect(error.message).toStartWith(`There is nothing at ${method} ${path}.`);
    if (hint) expect(error.message).toContain(`Did you mean ${hint}`);
  });

  test('names no routes without a key', async () => {
    const answer = await fetch(`${journey.gateway.url}/chat/completions`, { method: 'POST' });
    expect(await answer.clone().text()).not.toContain('/v1/');
    await expectRefusal(answer, 401, { code: 'missing_key' });
  });

  test('the error for a wrong method names the methods of the path', async () => {
    await expectRefusal(journey.gateway.fetch(CHAT, { method: 'PUT' }), 405, {
      code: 'method_not_allowed',
      message: /does not take PUT; it takes POST, GET\./,
    });
  });
});

describe('a header of ours that does not exist', () => {
  const code = 'invalid_request';
  const messages = [user('x')];

  test.each([
    ['x-clawhold-keeep', 'false', /Did you mean `x-clawhold-keep`\?/],
    ['x-clawhold-session', 'a', /Did you mean `x-clawhold-session-id`\?/],
    ['X-Clawhold-On-Disconect', 'cancel', /Did you mean `x-clawhold-on-disconnect`\?/],
    ['x-clawhold-model-id', 'm', /is a header of replies/],
    ['x-clawhold-zzzzzzzzzz', 'm', /Known are x-clawhold-session-id, /],
  ])('%s', async (name, value, message) => {
    const refused = { code, param: name.toLowerCase(), message };
    await expectRefusal(chat({ messages }, { [name]: value }), 400, refused);
    await expectRefusal(respond({ input: 'x' }, { [name]: value }), 400, refused);
    await expectRefusal(journey.gateway.fetch('/v1/models', { headers: { [name]: value } }), 400, refused);
  });

  test('does not include headers of other gateways', async () => {
    const headers = {
      'x-litellm-tags': 'a',
      'x-portkey-provider': 'openai',
      'x-bf-vk': 'v',
      'helicone-auth': 'h',
    };
    expect((await chat({ messages }, headers)).status).toBe(200);
  });

  test('the error for a wrong value names the allowed values', async () => {
    await expectRefusal(chat({ messages }, { 'x-clawhold-keep': 'no' }), 400, {
      code,
      param: 'x-clawhold-keep',
      message: /expected true or false/,
    });
  });
});

describe('a WebSocket behind a proxy that removes `Upgrade`', () => {
  test('gets 426 and the settings for the proxy', async () => {
    const headers = { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' };
    const answer = await journey.gateway.fetch(RESPONSES, { headers });
    expect(answer.headers.get('upgrade')).toBe('websocket');
    await expectRefusal(answer, 426, {
      code: 'websocket_upgrade_missing',
      message: /proxy_set_header Upgrade/,
    });
  });
});

describe('on a WebSocket', () => {
  test('an item is named as the client sent it', async () => {
    const socket = await SocketClient.open(journey.gateway);
    const output = { type: 'function_call_output', call_id: 'c', output: '' };
    const audio = { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } };
    for (const [input, code, param] of [
      [[user('one'), output], 'tool_output_without_call', 'input[1].call_id'],
      [[user('one'), user([audio])], 'unsupported_parameter', 'input[1].content[0]'],
      [[{ type: 'item_reference', id: 'msg_x' }], 'item_not_found', 'input[0].id'],
    ] as const) {
      const error = await socket.ask({ model: 'anthropic/echo', input, store: false });
      expect(error).toMatchObject({ code, param });
    }
    socket.close();
  });

  test('a header that does not exist refuses the upgrade', async () => {
    const headers = { 'x-clawhold-keeep': 'false' };
    await expect(SocketClient.open(journey.gateway, { headers })).rejects.toBeDefined();
  });
});

test('a turn that is kept names the field, too', async () => {
  const audio = { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } };
  const messages = [user('one'), user([audio])];
  for (const name of ['idempotency-key', 'x-session-id']) {
    await expectRefusal(chat({ model: 'anthropic/echo', messages }, { [name]: 'words-kept' }), 400, {
      code: 'unsupported_parameter',
      param: 'messages[1].content[0]',
    });
  }
});
