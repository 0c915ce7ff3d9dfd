import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { ROOT_KEY } from '../harness/gateway.ts';
import { type Journey, json, serverEvents, sessionLog, startJourney } from '../harness/journey.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

/** What only Anthropic's Messages API has. The journeys of all dialects run over it, too. */

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney();
});
beforeEach(() => journey.provider.reset());
afterAll(() => journey.end());

const PATH = '/v1/messages';
const CLAUDE = 'anthropic/claude-sonnet-4-5+echo';
const user = (content: unknown) => ({ role: 'user', content });
const assistant = (content: unknown) => ({ role: 'assistant', content });

const post = (fields: Json, headers: Record<string, string> = {}) =>
  journey.gateway.post(
    PATH,
    { model: CLAUDE, max_tokens: 4096, messages: [user('Hello')], ...fields },
    headers,
  );
const lastBody = (): Json => asJson(journey.provider.requests.at(-1)!.body);

async function answered(fields: Json, headers?: Record<string, string>): Promise<Json> {
  const reply = await post(fields, headers);
  const body = await json(reply);
  expect([reply.status, body.error]).toEqual([200, undefined]);
  return body;
}

describe('a session of Claude Code', () => {
  const AGENT = 'You are Claude Code. Work in the repository of the user, and keep your answers short.';
  const account = { device_id: 'd', account_uuid: 'a' };
  const NAMES: [string, (id: string) => string][] = [
    ['a text', (id) => `user_0123abcd_account_${crypto.randomUUID()}_session_${id}`],
    ['JSON', (id) => JSON.stringify({ ...account, session_id: id })],
  ];

  test.each(NAMES)('is the same in metadata.user_id (%s) and in its header', async (_, nameOf) => {
    const id = crypto.randomUUID();
    const inBody = { system: AGENT, metadata: { user_id: nameOf(id) } };
    const inHeader = { 'x-claude-code-session-id': id };
    const first = await post(inBody);
    const second = await post(
      { system: AGENT, messages: [user('Hello'), assistant('You said: Hello'), user('And now?')] },
      inHeader,
    );
    expect(first.headers.get('x-clawhold-history')).toBe('started');
    expect(second.headers.get('x-clawhold-history')).toBe('matched');
    expect(second.headers.get('x-clawhold-session-id')).toBe(first.headers.get('x-clawhold-session-id'));
    expect(await sessionLog(journey.gateway, id)).toEqual([
      ...[`system: ${AGENT}`, 'user: Hello', 'assistant: You said: Hello'],
      ...['user: And now?', 'assistant: You said: And now?'],
    ]);
  });

  test.each(['first', 'later'])(
    'keeps its probes (%s) out, and its requests for titles on side lines',
    async (when) => {
      const id = crypto.randomUUID();
      const of = { metadata: { user_id: NAMES[1]![1](id) } };
      const title = 'Write a title of at most fifty characters for the conversation of the user. No quotes.';
      const use = async (fields: Json) => {
        const reply = await post({ ...of, ...fields });
        await reply.text();
        return reply.headers.get('x-clawhold-history');
      };
      const probe = () => use({ messages: [user('quota')], max_tokens: 1 });
      if (when === 'first') expect(await probe()).toBeNull();
      expect(await use({ system: AGENT })).toBe('started');
      expect(await use({ system: title, messages: [user('Hello')], max_tokens: 32 })).toBe('side');
      if (when === 'later') expect(await probe()).toBeNull();
      const messages = [user('Hello'), assistant('You said: Hello'), user('And now?')];
      expect(await use({ system: AGENT, messages })).toBe('matched');
      const log = await sessionLog(journey.gateway, id);
      expect(log.filter((line) => line.startsWith('user: '))).toEqual(['user: Hello', 'user: And now?']);
    },
  );

  test('is not in other texts', async () => {
    for (const user_id of ['ann', '{"session_id":7}', '{', 'user_a_session_b']) {
      expect((await post({ metadata: { user_id } })).headers.get('x-clawhold-session-id')).toBeNull();
    }
  });
});

describe('a provider of the same API', () => {
  test('gets the words of the caller unchanged', async () => {
    const words = {
      thinking: { type: 'enabled', budget_tokens: 1500 },
      output_config: { effort: 'max' },
      metadata: { user_id: 'user_a_account_b_session_c' },
      context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] },
      mcp_servers: [{ type: 'url', url: 'https://x.test', name: 'x' }],
      container: 'container_1',
      top_k: 7,
      tools: [
        {
          ...{ name: 'look', description: 'Looks.', strict: true, eager_input_streaming: true },
          input_schema: { type: 'object', properties: { at: { type: 'string', minLength: 2 } } },
        },
        { type: 'bash_20250124', name: 'bash' },
      ],
      tool_choice: { type: 'auto', disable_parallel_tool_use: true },
      stop_sequences: ['END'],
    };
    const reply = await post({ ...words, service_tier: 'standard_only' }, { 'anthropic-beta': 'a-1, b-2' });
    expect([reply.status, reply.ok || (await reply.text())]).toEqual([200, true]);
    expect(lastBody()).toMatchObject({ ...words, service_tier: 'standard_only', max_tokens: 4096 });
    expect(journey.provider.requests.at(-1)!.headers['anthropic-beta']).toBe('a-1,b-2');
    expect(reply.headers.get('x-clawhold-dropped-settings')).toBeNull();
  });

  test('gets the cache marks of the caller, and no others', async () => {
    const mark = { cache_control: { type: 'ephemeral' } };
    const system = [
      { type: 'text', text: 'Be brief.' },
      { type: 'text', text: 'Be kind.', ...mark },
    ];
    const messages = [user([{ type: 'text', text: 'one', ...mark }]), assistant('1'), user('two')];
    await answered({ system, messages });
    expect(lastBody()).toMatchObject({
      system,
      messages: [
        messages[0],
        assistant([{ type: 'text', text: '1' }]),
        user([{ type: 'text', text: 'two' }]),
      ],
    });
    const sent = JSON.stringify(lastBody());
    expect(sent.match(/cache_control/g)).toHaveLength(2);
    await answered({ cache_control: { type: 'ephemeral' } });
    expect(lastBody()).toMatchObject({
      cache_control: { type: 'ephemeral' },
      messages: [user([{ type: 'text', text: 'Hello' }])],
    });
  });

  test('gets images, documents and results as they came', async () => {
    const content = [
      { type: 'text', text: 'See' },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'QQ==' } },
      { type: 'image', source: { type: 'url', url: 'https://x.test/a.png' } },
      {
        ...{ type: 'document', title: 'T', context: 'C', citations: { enabled: true } },
        source: { type: 'text', media_type: 'text/plain', data: 'Grüße' },
      },
      {
        type: 'document',
        source: { type: 'content', content: [{ type: 'text', text: 'a' }] },
        citations: { enabled: true },
      },
      { type: 'search_result', source: 's', title: 't', content: [{ type: 'text', text: 'r' }] },
    ];
    const call = { type: 'tool_use', id: 'toolu_1', name: 'look', input: { at: 'x' } };
    const result = {
      ...{ type: 'tool_result', tool_use_id: 'toolu_1', is_error: true },
      content: [{ type: 'text', text: 'no' }, content[1]],
    };
    const messages = [user(content), assistant([call]), user([result])];
    await answered({ messages, tools: [{ name: 'look', input_schema: { type: 'object' } }] });
    const sent = asList(lastBody().messages);
    expect(sent).toHaveLength(3);
    expect(withoutMarks(sent)).toEqual(messages);
  });
});

const withoutMarks = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (field, inner) => (field === 'cache_control' ? undefined : inner)));

describe('a provider of another API', () => {
  test.each([
    ['mcp_servers', [{ type: 'url', url: 'https://x.test', name: 'x' }]],
    ['container', 'container_1'],
  ])('is not asked with `%s`', async (param, value) => {
    const refused = { code: 'unsupported_parameter', param };
    await expectRefusal(post({ model: 'openai/echo', [param]: value }), 400, refused);
    expect(journey.provider.requests).toEqual([]);
    const spared = await post({ model: ['openai/echo', CLAUDE], [param]: value });
    expect(spared.headers.get('x-clawhold-model-id')).toBe(CLAUDE);
  });

  test('does not get the fields that it lacks, and the reply says so', async () => {
    const reply = await post(
      { model: 'openai/echo', context_management: {}, top_k: 5, metadata: { user_id: 'ann' } },
      { 'anthropic-beta': 'a-1' },
    );
    expect(reply.headers.get('x-clawhold-dropped-settings')).toBe('context_management, top_k, betas');
    expect(lastBody()).not.toContainAnyKeys(['context_management', 'top_k', 'betas']);
    expect(lastBody().safety_identifier).toBe('ann');
  });

  test('gets thinking, formats, tools and files in its own words', async () => {
    const content = [
      { type: 'text', text: 'See' },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'QQ==' } },
      {
        type: 'document',
        title: 'a.pdf',
        source: { type: 'base64', media_type: 'application/pdf', data: 'Qg==' },
      },
    ];
    const schema = { type: 'object', properties: {}, additionalProperties: false };
    await answered({
      model: 'openai/gpt-5.1+echo',
      messages: [user(content)],
      thinking: { type: 'enabled', budget_tokens: 8000 },
      output_config: { format: { type: 'json_schema', schema } },
      tools: [{ name: 'look', input_schema: schema }],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
    });
    const sent = JSON.stringify(lastBody());
    for (const part of ['data:image/png;base64,QQ==', 'data:application/pdf;base64,Qg==', 'a.pdf'])
      expect(sent).toContain(part);
    expect(lastBody()).toMatchObject({ parallel_tool_calls: false, tool_choice: 'required' });
    expect(lastBody()).toMatchObject({
      ...{ reasoning: { effort: 'medium', summary: 'auto' } },
      ...{ text: { format: { type: 'json_schema', schema } } },
    });
  });

  test('gets a long id of a user as its hash', async () => {
    await answered({ model: 'openai/echo', metadata: { user_id: 'x'.repeat(200) } });
    expect(lastBody().safety_identifier).toMatch(/^[0-9a-f]{64}$/);
  });
});

test('a session goes on in other dialects and back, in the middle of tool calls', async () => {
  const headers = { 'x-session-id': 'across' };
  const model = 'anthropic/claude-sonnet-4-5+think+tools';
  const names = ['weather', 'population'];
  const thinking = { type: 'enabled', budget_tokens: 2048 };
  const schema = { type: 'object', properties: { city: { type: 'string' } } };
  const asked = await answered(
    { model, thinking, tools: names.map((name) => ({ name, input_schema: schema })) },
    headers,
  );
  const calls = asList(asked.content).filter(({ type }) => type === 'tool_use');
  expect(calls.map(({ name }) => name)).toEqual(names);

  const outputs = calls.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: 'fine' }));
  const functions = names.map((name) => ({ type: 'function', function: { name, parameters: schema } }));
  const chat = { model, messages: outputs, tools: functions, reasoning_effort: 'low' };
  const inChat = await journey.gateway.post('/v1/chat/completions', chat, headers);
  expect([inChat.status, inChat.headers.get('x-clawhold-history')]).toEqual([200, 'appended']);
  expect(asList(asList(lastBody().messages)[1]?.content).map(({ type }) => type)).toEqual([
    ...['thinking', 'tool_use', 'tool_use'],
  ]);

  const next = { model: 'openai/echo', input: 'And now?' };
  const inResponses = await journey.gateway.post('/v1/responses', next, headers);
  expect(inResponses.status).toBe(200);
  const back = await post({ model: 'gemini/echo', messages: [user('And then?')] }, headers);
  expect(back.headers.get('x-clawhold-history')).toBe('appended');
  expect(await sessionLog(journey.gateway, 'across')).toEqual([
    ...['user: Hello', 'reasoning', ...calls.map(({ id }) => `function_call ${id}`)],
    ...calls.map(({ id }) => `function_call_output ${id}`),
    ...['reasoning', 'assistant: The tools answered: "fine" | "fine"'],
    ...['user: And now?', 'assistant: You said: And now?'],
    ...['user: And then?', 'assistant: You said: And then?'],
  ]);
});

describe('a message ends with', () => {
  const MODELS = ['anthropic', 'openai', 'groq', 'gemini'];
  const tools = [
    { name: 'weather', input_schema: { type: 'object', properties: { city: { type: 'string' } } } },
  ];
  const REASONS: [string, string, Json][] = [
    ['end_turn', 'say-2', {}],
    ['tool_use', 'tools', { tools }],
    ['max_tokens', 'long+say-2', {}],
    ['refusal', 'refuse', {}],
  ];
  test.each(REASONS)('%s', async (reason, model, fields) => {
    for (const provider of MODELS) {
      const whole = await answered({ model: `${provider}/${model}`, ...fields });
      expect([provider, whole.stop_reason]).toEqual([provider, reason]);
      const stream = await post({ model: `${provider}/${model}`, stream: true, ...fields });
      const { events } = serverEvents(await stream.text());
      expect(events.at(-2)?.data).toMatchObject({ type: 'message_delta', delta: { stop_reason: reason } });
      expect(events.at(-1)?.event).toBe('message_stop');
    }
  });
});

test('the key may be in x-api-key, and the id of the request is in request-id', async () => {
  const url = journey.gateway.url + PATH;
  const body = JSON.stringify({ model: CLAUDE, max_tokens: 9, messages: [user('Hello')] });
  const reply = await fetch(url, { method: 'POST', body, headers: { 'x-api-key': ROOT_KEY } });
  expect(reply.status).toBe(200);
  expect(reply.headers.get('request-id')).toBe(reply.headers.get('x-request-id'));
  const refused = await fetch(url, { method: 'POST', body, headers: { 'x-api-key': 'sk-wrong' } });
  expect(await json(refused)).toMatchObject({
    type: 'error',
    error: { type: 'authentication_error', details: { error_code: 'invalid_key' } },
    request_id: refused.headers.get('request-id'),
  });
});

test('a stream that fails ends with the event `error`', async () => {
  const model = 'groq/say-6+cut-2';
  const reply = await post({ model, stream: true }, { 'x-clawhold-attempts': '1' });
  const { events } = serverEvents(await reply.text());
  expect(events.at(-1)).toMatchObject({
    event: 'error',
    data: { type: 'error', error: { type: 'api_error', details: { error_code: 'stream_interrupted' } } },
  });
});

test('a conversation that is too long is refused in the words that agents know', async () => {
  const reply = await post({ model: 'openai/context' });
  const { error } = await json(reply);
  expect([reply.status, asJson(asJson(error).details).error_code]).toEqual([400, 'context_length_exceeded']);
  expect(asText(asJson(error).message)).toStartWith('prompt is too long: ');
});

test('a result without a call names its block', async () => {
  const messages = [
    user([
      { type: 'text', text: 'x' },
      { type: 'tool_result', tool_use_id: 'nobody' },
    ]),
  ];
  await expectRefusal(post({ messages }), 400, {
    code: 'tool_output_without_call',
    param: 'messages[0].content[1].tool_use_id',
  });
});

describe('tokens', () => {
  const count = async (fields: Json) => {
    const body = { model: CLAUDE, messages: [user('Hello')], ...fields };
    const reply = await journey.gateway.post(`${PATH}/count_tokens`, body);
    return Number((await json(reply)).input_tokens);
  };

  test('are counted without a model', async () => {
    const few = await count({});
    expect(few).toBeWithin(1, 30);
    const more = await count({
      system: 'Be brief. '.repeat(100),
      tools: [{ name: 'look', description: 'Looks. '.repeat(50), input_schema: { type: 'object' } }],
    });
    expect(more).toBeGreaterThan(few + 250);
    expect(journey.provider.requests).toEqual([]);
  });

  test('of a request that is wrong are refused', async () => {
    const reply = journey.gateway.post(`${PATH}/count_tokens`, { model: CLAUDE, messages: 'x' });
    await expectRefusal(reply, 400, { code: 'invalid_request', param: 'messages' });
  });
});

describe('models', () => {
  const get = async (path: string, headers: Record<string, string> = {}) =>
    json(journey.gateway.fetch(path, { headers }));
  const ANTHROPIC = { 'anthropic-version': '2023-06-01' };

  test('are listed in the form of the API that asks', async () => {
    expect(await get('/v1/models')).toMatchObject({ object: 'list' });
    const page = await get('/v1/models?limit=2', ANTHROPIC);
    const [first, last] = asList(page.data);
    expect(page).toMatchObject({ has_more: true, first_id: first!.id, last_id: last!.id });
    expect(first).toEqual({
      ...{ type: 'model', id: first!.id, display_name: first!.id },
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    });
    const next = await get(`/v1/models?limit=2&after_id=${encodeURIComponent(asText(last!.id))}`, ANTHROPIC);
    const back = await get(
      `/v1/models?limit=2&before_id=${encodeURIComponent(asText(next.first_id))}`,
      ANTHROPIC,
    );
    expect(asList(next.data)).toHaveLength(2);
    expect(back.data).toEqual(page.data);
    const id = asText(first!.id);
    expect(await get(`/v1/models/${id}`, ANTHROPIC)).toEqual(first!);
  });

  test('beyond the limits of a page are refused', async () => {
    const reply = await journey.gateway.fetch('/v1/models?limit=0', { headers: ANTHROPIC });
    expect(reply.status).toBe(400);
  });
});
