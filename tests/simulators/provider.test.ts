import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import OpenAI from 'openai';
import { DIALECTS, type Dialect, drain, eventsOf, KEYS, NAMES, PARAMETERS } from './dialects.ts';
import { startProvider } from './provider/provider.ts';
import { asJson, asList, asText, type Json } from './provider/shape.ts';

const provider = startProvider();
const client = new OpenAI({ baseURL: `${provider.url}/v1`, apiKey: 'key', maxRetries: 0 });

beforeEach(() => provider.reset());
afterAll(() => provider.stop());

function post(path: string, body: unknown, headers: Record<string, string> = KEYS): Promise<Response> {
  return fetch(provider.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
}

function ask(dialect: Dialect, model: string, { stream = false, text = 'hi there', tools = false } = {}) {
  return post(dialect.path(model, stream), dialect.body(model, stream, text, tools));
}

async function read(response: Promise<Response>): Promise<Json> {
  return asJson(await (await response).json());
}

async function problem(path: string, body: Json): Promise<unknown[]> {
  const response = await post(path, body);
  const { error } = asJson(await response.json());
  return [response.status, asText(asJson(error).message)];
}

describe.each(Object.keys(DIALECTS))('%s', (name) => {
  const dialect = DIALECTS[name]!;

  test('answers as the model name says, whole and streamed', async () => {
    for (const [model, expected] of [
      ['echo', 'You said: hi there'],
      ['any-other-name', 'You said: hi there'],
      ['recall', 'I have heard: "hi there"'],
      ['say-4', 'word1 word2 word3 word4'],
      ['say-3+pace-1', 'word1 word2 word3'],
    ] as const) {
      expect(dialect.text(await read(ask(dialect, model)))).toBe(expected);
      const stream = await (await ask(dialect, model, { stream: true })).text();
      expect(dialect.streamed(eventsOf(stream))).toBe(expected);
      expect(stream).toMatch(dialect.lastEvent);
    }
  });

  test('a cached answer gets new ids and counts', async () => {
    const first = await read(ask(dialect, 'say-2'));
    const second = await read(ask(dialect, 'say-2', { text: 'x'.repeat(400) }));
    const idOf = (answer: Json) => answer.id ?? answer.responseId;
    expect(idOf(first)).not.toEqual(idOf(second));
    const inputOf = (answer: Json) => {
      const usage = asJson(answer.usage ?? answer.usageMetadata);
      return Number(usage.prompt_tokens ?? usage.input_tokens ?? usage.promptTokenCount);
    };
    expect(inputOf(second) - inputOf(first)).toBeGreaterThan(90);
    expect(Object.keys(first)).toEqual(Object.keys(await read(ask(dialect, 'echo'))));
  });

  test('calls every function, or only the first', async () => {
    const all = await read(ask(dialect, 'tools', { tools: true }));
    expect(dialect.calls(all)).toBe(2);
    expect(JSON.stringify(all)).toMatch(/\{\\?"city\\?":\\?"Paris\\?"\}/);
    expect(dialect.calls(await read(ask(dialect, 'tool1', { tools: true })))).toBe(1);
    const stream = await (await ask(dialect, 'tools', { tools: true, stream: true })).text();
    for (const called of NAMES) expect(stream).toContain(`"name":"${called}"`);
  });

  test('refuses without a key', async () => {
    const response = await post(dialect.path('echo', false), dialect.body('echo', false, 'hi', false), {});
    expect(response.status).toBe(name === 'gemini' ? 403 : 401);
  });

  test('errors have a status, a message and a retry time', async () => {
    for (const model of ['status-429+retry-3', 'status-503', 'status-500', 'context', 'quota', 'auth']) {
      const response = await ask(dialect, model, { stream: true });
      expect(response.ok).toBe(false);
      expect(asText(asJson(asJson(await response.json()).error).message)).not.toBe('');
      if (model.includes('retry')) expect(response.headers.get('retry-after')).toBe('3');
    }
  });

  test('a fault with once- happens once', async () => {
    expect((await ask(dialect, 'once-status-503')).status).toBe(503);
    expect((await ask(dialect, 'once-status-503')).status).toBe(200);
    await expect(ask(dialect, 'once-reset')).rejects.toThrow();
    expect((await ask(dialect, 'once-reset')).status).toBe(200);
  });

  test('breaks the connection at the named delta', async () => {
    await expect(ask(dialect, 'reset')).rejects.toThrow();
    for (const [model, words] of [
      ['say-9+cut-0', ''],
      ['say-9+cut-2', 'word1 word2'],
      ['say-9+pace-2+cut-3', 'word1 word2 word3'],
    ] as const) {
      const { text, broken } = await drain(await ask(dialect, model, { stream: true }));
      expect(broken).toBe(true);
      expect(dialect.streamed(eventsOf(text))).toBe(words);
    }
    const half = await ask(dialect, 'say-9+cut-2');
    await expect(half.text()).rejects.toThrow();
  });

  test('curl sees the broken connection too', async () => {
    const curl = async (model: string, stream: boolean) => {
      const args = Object.entries(KEYS).flatMap(([key, value]) => ['-H', `${key}: ${value}`]);
      const body = JSON.stringify(dialect.body(model, stream, 'hi', false));
      const url = provider.url + dialect.path(model, stream);
      return await Bun.spawn(['curl', '-sSN', ...args, '-d', body, url], {
        stdout: 'ignore',
        stderr: 'ignore',
      }).exited;
    };
    expect([52, 56]).toContain(await curl('reset', true));
    expect([18, 56]).toContain(await curl('say-9+cut-2', true));
    expect([18, 56]).toContain(await curl('say-9+cut-2', false));
    expect(await curl('say-9', true)).toBe(0);
  });

  test('a stream can end without its end mark', async () => {
    for (const model of ['say-3+no-done', 'say-3+no-finish']) {
      const stream = await (await ask(dialect, model, { stream: true })).text();
      expect(dialect.streamed(eventsOf(stream))).toBe('word1 word2 word3');
      expect(stream).not.toMatch(dialect.lastEvent);
    }
    const unfinished = await (await ask(dialect, 'say-3+no-finish', { stream: true })).text();
    expect(unfinished).not.toMatch(/"(finish_reason|stop_reason|finishReason)":"|response.completed/);
  });

  test('a stream can contain garbage or an error', async () => {
    const garbage = await (await ask(dialect, 'say-3+garbage-1', { stream: true })).text();
    const lines = garbage.split(/\r?\n/).filter((line) => line.startsWith('data: {'));
    expect(lines.filter((line) => !line.endsWith('}'))).toHaveLength(1);
    expect(garbage).toMatch(dialect.lastEvent);
    const error = await (await ask(dialect, 'say-3+error-2', { stream: true })).text();
    expect(dialect.streamed(eventsOf(error))).toBe('word1 word2');
    expect(eventsOf(error).some((event) => event.error)).toBe(true);
    expect((await ask(dialect, 'say-3+error-2')).status).toBe(500);
  });

  test('an answer can be no JSON, or have the wrong shape', async () => {
    const html = await ask(dialect, 'badjson');
    expect(html.status).toBe(200);
    await expect(html.json()).rejects.toThrow();
    expect(dialect.text(await read(ask(dialect, 'wrong-shape')))).toBe('');
    const strange = await (await ask(dialect, 'wrong-shape', { stream: true })).text();
    expect(eventsOf(strange)).toHaveLength(1);
  });

  test('silence and stalls last until the client disconnects, which is recorded', async () => {
    await expect(within(50, dialect, 'silent')).rejects.toThrow();
    await expect(within(50, dialect, 'say-5+stall-2')).rejects.toThrow();
    await expect(within(50, dialect, 'say-50+pace-20')).rejects.toThrow();
    await expect(within(50, dialect, 'delay-2000')).rejects.toThrow();
    await ask(dialect, 'echo').then((response) => response.text());
    await until(() => provider.requests.slice(0, 4).every((request) => request.aborted));
    expect(provider.requests.at(-1)).toMatchObject({ protocol: name, aborted: false, method: 'POST' });
  });

  test('reports cached tokens and reasoning tokens', async () => {
    const cached = JSON.stringify(await read(ask(dialect, 'cached-500')));
    expect(cached).toMatch(/"(cached_tokens|cache_read_input_tokens|cachedContentTokenCount)":500/);
    const thought = await read(ask(dialect, 'think'));
    expect(JSON.stringify(thought)).toContain('Let me think about');
    expect(dialect.text(thought)).toBe('You said: hi there');
    if (name !== 'messages') {
      expect(JSON.stringify(thought)).toMatch(/"(reasoning_tokens|thoughtsTokenCount)":10/);
    }
  });

  test('refuses, filters and reaches the length limit in the form of its protocol', async () => {
    const forms: Record<string, [refuse: RegExp, filter: RegExp, long: RegExp]> = {
      chat: [/"refusal":"I'm/, /"finish_reason":"content_filter"/, /"finish_reason":"length"/],
      responses: [/"type":"refusal"/, /"reason":"content_filter"/, /"reason":"max_output_tokens"/],
      messages: [
        /"stop_reason":"refusal".*"explanation":"I'm/,
        /"stop_reason":"refusal"/,
        /"stop_reason":"max_tokens"/,
      ],
      gemini: [
        /"finishReason":"SAFETY".*"finishMessage":"I'm/,
        /"blockReason":"PROHIBITED/,
        /"finishReason":"MAX_TOKENS"/,
      ],
    };
    for (const [at, model] of ['refuse', 'filter', 'long'].entries()) {
      expect(JSON.stringify(await read(ask(dialect, model)))).toMatch(forms[name]![at]!);
      expect(await (await ask(dialect, model, { stream: true })).text()).toMatch(forms[name]![at]!);
    }
  });
});

async function within(ms: number, dialect: Dialect, model: string): Promise<string> {
  const response = await fetch(provider.url + dialect.path(model, true), {
    method: 'POST',
    headers: KEYS,
    body: JSON.stringify(dialect.body(model, true, 'hi', false)),
    signal: AbortSignal.timeout(ms),
  });
  return await response.text();
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !holds(); tries++) await Bun.sleep(5);
  expect(holds()).toBe(true);
}

describe('the openai SDK', () => {
  const tools = NAMES.map((name) => ({
    type: 'function' as const,
    function: { name, parameters: PARAMETERS },
  }));

  test('chat, whole and streamed, with tool outputs', async () => {
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'weather?' }];
    const called = await client.chat.completions.create({ model: 'tools', messages, tools });
    const { message } = called.choices[0]!;
    expect(called.choices[0]!.finish_reason).toBe('tool_calls');
    messages.push(message);
    for (const call of message.tool_calls ?? []) {
      messages.push({ role: 'tool', tool_call_id: call.id, content: 'sunny' });
    }
    const answered = await client.chat.completions.create({ model: 'tools', messages, tools });
    expect(answered.choices[0]!.message.content).toBe('The tools answered: "sunny" | "sunny"');

    const stream = client.chat.completions.stream({
      model: 'tools',
      messages: [{ role: 'user', content: 'weather?' }],
      tools,
      stream_options: { include_usage: true },
    });
    const final = await stream.finalChatCompletion();
    expect(
      final.choices[0]!.message.tool_calls?.map((call) => call.type === 'function' && call.function),
    ).toEqual(NAMES.map((name) => expect.objectContaining({ name, arguments: '{"city":"Paris"}' })));
    expect(final.usage?.completion_tokens).toBe(16);
  });

  test('responses, whole and streamed, with reasoning and tool outputs', async () => {
    const options = {
      model: 'tools+think',
      store: false,
      include: ['reasoning.encrypted_content' as const],
      tools: tools.map((tool) => ({ type: 'function' as const, ...tool.function, strict: false })),
    };
    const input: OpenAI.Responses.ResponseInput = [{ role: 'user', content: 'weather?' }];
    const stream = client.responses.stream({ ...options, input });
    const types: string[] = [];
    let sequence = 0;
    for await (const event of stream) {
      types.push(event.type);
      expect(event.sequence_number).toBe(sequence++);
    }
    expect(types).toContain('response.reasoning_summary_text.delta');
    expect(types.filter((type) => type === 'response.output_item.done')).toHaveLength(3);
    const called = await stream.finalResponse();
    expect(called.output.map((item) => item.type)).toEqual(['reasoning', 'function_call', 'function_call']);

    input.push(...called.output.map((item) => item as OpenAI.Responses.ResponseInputItem));
    for (const item of called.output) {
      if (item.type !== 'function_call') continue;
      input.push({ type: 'function_call_output', call_id: item.call_id, output: 'sunny' });
    }
    const answered = await client.responses.create({ ...options, input });
    expect(answered.output_text).toBe('The tools answered: "sunny" | "sunny"');

    const whole = await client.responses.create({ model: 'recall', input: 'hello' });
    expect(whole.output_text).toBe('I have heard: "hello"');
  });

  test('errors and broken streams become errors of the SDK', async () => {
    const input = 'hi';
    const fails = async (model: string) => await client.responses.create({ model, input });
    await expect(fails('status-429')).rejects.toBeInstanceOf(OpenAI.RateLimitError);
    await expect(fails('auth')).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    await expect(fails('reset')).rejects.toBeInstanceOf(OpenAI.APIConnectionError);
    const failing = await client.responses.create({ model: 'say-5+error-2', input, stream: true });
    const consume = async () => {
      for await (const _event of failing);
    };
    await expect(consume()).rejects.toThrow();
    expect((await client.models.list()).data.map((model) => model.id)).toContain('echo');
  });

  test('structured output and log probabilities', async () => {
    const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
    const structured = await client.chat.completions.create({
      model: 'json',
      messages: [{ role: 'user', content: 'x' }],
      response_format: { type: 'json_schema', json_schema: { name: 'made', schema } },
    });
    expect(JSON.parse(structured.choices[0]!.message.content!)).toEqual({ n: 1 });
    const withLogprobs = await client.chat.completions.create({
      model: 'logprobs',
      messages: [{ role: 'user', content: 'x' }],
      logprobs: true,
    });
    expect(withLogprobs.choices[0]!.logprobs?.content?.map((entry) => entry.token).join('')).toBe(
      'You said: x',
    );
  });
});

describe('requests that the APIs refuse', () => {
  const user = { role: 'user', content: 'hi' };

  test('chat: every call needs its output, every output its call', async () => {
    const call = { id: 'call_1', type: 'function', function: { name: 'f', arguments: '{}' } };
    const asked = { role: 'assistant', content: null, tool_calls: [call] };
    const output = { role: 'tool', tool_call_id: 'call_1', content: 'x' };
    const send = (...messages: Json[]) => problem('/v1/chat/completions', { model: 'echo', messages });
    expect(
      (await post('/v1/chat/completions', { model: 'echo', messages: [user, asked, output] })).status,
    ).toBe(200);
    expect(await send(user, asked, user)).toEqual([
      400,
      expect.stringContaining('did not have response messages'),
    ]);
    expect(await send(user, asked)).toEqual([400, expect.stringContaining('call_1')]);
    expect(await send(user, output)).toEqual([400, expect.stringContaining('preceeding message')]);
    expect(await send(user, asked, output, output)).toEqual([
      400,
      expect.stringContaining('preceeding message'),
    ]);
    expect(await send(user, asked, output, user, asked, output)).toEqual([
      400,
      expect.stringContaining('Duplicate tool call id: call_1'),
    ]);
    const half = { ...call, function: { name: 'f', arguments: '{"a":' } };
    expect(await send(user, { ...asked, tool_calls: [half] }, output)).toEqual([
      400,
      expect.stringContaining('must be a JSON object'),
    ]);
    expect(await send()).toEqual([400, expect.stringContaining('empty array')]);
    expect(await send({ role: 'assistant', content: null })).toEqual([
      400,
      expect.stringContaining("'content'"),
    ]);
  });

  test('all: half of a surrogate pair', async () => {
    for (const { path, body } of Object.values(DIALECTS)) {
      const send = (text: string) => post(path('echo', false), body('echo', false, text, false));
      expect((await send('\ud83d')).status).toBe(400);
      expect((await send('\ude00 \ud83d')).status).toBe(400);
      expect((await send('😀 \\ud83d \\\\')).status).toBe(200);
    }
  });

  test('responses: every output needs its call, every reasoning item the item after it', async () => {
    const call = { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' };
    const output = { type: 'function_call_output', call_id: 'c1', output: 'x' };
    const send = (...input: Json[]) => problem('/v1/responses', { model: 'echo', input });
    expect(await send(user, output)).toEqual([400, expect.stringContaining('No tool call found')]);
    expect(await send(user, call)).toEqual([400, expect.stringContaining('No tool output found')]);
    expect(await send(user, call, output, call, output)).toEqual([400, expect.stringContaining('Duplicate')]);
    expect(await send(user, { ...call, arguments: '[1]' }, output)).toEqual([
      400,
      expect.stringContaining('no JSON object'),
    ]);

    const include = ['reasoning.encrypted_content'];
    const thought = await read(post('/v1/responses', { model: 'think', input: 'x', include, store: false }));
    const [reasoning, message] = asList(thought.output);
    expect((await post('/v1/responses', { model: 'echo', input: [user, reasoning, message] })).status).toBe(
      200,
    );
    expect(await send(user, reasoning!)).toEqual([400, expect.stringContaining('required following item')]);
    expect(await send(user, message!)).toEqual([400, expect.stringContaining("required 'reasoning' item")]);
    const { encrypted_content: _dropped, ...bare } = reasoning!;
    expect(await send(user, bare, message!)).toEqual([404, expect.stringContaining('not found')]);
    const altered = { ...reasoning, encrypted_content: 'gAAAA' };
    expect(await send(user, altered, message!)).toEqual([
      400,
      expect.stringContaining('could not be verified'),
    ]);
    const stored = asList((await read(post('/v1/responses', { model: 'think', input: 'x' }))).output);
    expect((await post('/v1/responses', { model: 'echo', input: [user, ...stored] })).status).toBe(200);
    expect(await send(user, message!, message!)).toEqual([400, expect.stringContaining('Duplicate item')]);
    expect(
      await problem('/v1/responses', { model: 'echo', input: 'x', previous_response_id: 'resp_1' }),
    ).toEqual([400, expect.stringContaining("'resp_1' not found")]);
  });

  test('messages: results directly after their calls, no empty text, unchanged signatures', async () => {
    const use = { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'f', input: {} }] };
    const result = { type: 'tool_result', tool_use_id: 't1', content: 'x' };
    const text = { type: 'text', text: 'and' };
    const send = (...messages: Json[]) => problem('/v1/messages', { model: 'echo', max_tokens: 9, messages });
    const passes = async (...messages: Json[]) =>
      (await post('/v1/messages', { model: 'echo', max_tokens: 9, messages })).status === 200;
    expect(await problem('/v1/messages', { model: 'echo', messages: [user] })).toEqual([
      400,
      'max_tokens: Field required',
    ]);
    expect(await passes(user, user, use, { role: 'user', content: [result, text] })).toBe(true);
    expect(await passes(user, use, { role: 'user', content: [result] }, user)).toBe(true);
    const missing = [400, expect.stringContaining('`tool_use` ids were found without')];
    expect(await send(user, use, user)).toEqual(missing);
    expect(await send(user, use)).toEqual(missing);
    expect(await send(user, use, { role: 'user', content: [text, result] })).toEqual(missing);
    expect(await send({ role: 'user', content: [result] })).toEqual([
      400,
      expect.stringContaining('unexpected `tool_use_id`'),
    ]);
    expect(await send(use, { role: 'user', content: [result] })).toEqual([
      400,
      expect.stringContaining('first message must use the "user" role'),
    ]);
    expect(await send({ role: 'user', content: [{ type: 'text', text: '' }] })).toEqual([
      400,
      expect.stringContaining('non-empty'),
    ]);
    expect(await send({ role: 'system', content: 'x' }, user)).toEqual([
      400,
      expect.stringContaining('Unexpected role'),
    ]);
    const marked = (ttl?: string) => ({ ...text, cache_control: { type: 'ephemeral', ttl } });
    expect(await passes({ role: 'user', content: [marked('1h'), marked(), marked(), marked()] })).toBe(true);
    const five = {
      role: 'user',
      content: [marked(), marked(), marked(), { ...result, content: [marked(), marked()] }],
    };
    expect(await send(user, use, five)).toEqual([400, expect.stringContaining('Found 5')]);
    expect(await send({ role: 'user', content: [marked(), marked('1h')] })).toEqual([
      400,
      expect.stringContaining('must not come after'),
    ]);

    const thought = await read(ask(DIALECTS.messages!, 'think'));
    const answer = { role: 'assistant', content: thought.content };
    expect(await passes(user, answer, user)).toBe(true);
    const [thinking, spoken] = asList(thought.content);
    const forged = { role: 'assistant', content: [{ ...thinking, signature: 'x' }, spoken] };
    const altered = { role: 'assistant', content: [{ ...thinking, thinking: 'x' }, spoken] };
    for (const bad of [forged, altered]) {
      expect(await send(user, bad, user)).toEqual([400, expect.stringContaining('Invalid `signature`')]);
    }
    expect(
      await problem('/v1/messages', {
        model: 'echo',
        max_tokens: 5000,
        thinking: { type: 'enabled', budget_tokens: 1024 },
        messages: [user, use, { role: 'user', content: [result] }],
      }),
    ).toEqual([400, expect.stringContaining('must start with a thinking block')]);
  });

  test('gemini: as many outputs as calls, valid signatures, only known schema fields', async () => {
    const asked = { role: 'user', parts: [{ text: 'hi' }] };
    const call = { functionCall: { name: 'f', args: {} } };
    const output = { functionResponse: { name: 'f', response: { x: 1 } } };
    const model = (...parts: Json[]) => ({ role: 'model', parts });
    const userTurn = (...parts: Json[]) => ({ role: 'user', parts });
    const path = (name = 'echo') => `/v1beta/models/${name}:generateContent`;
    const send = (...contents: Json[]) => problem(path(), { contents });
    const good = await read(post(path(), { contents: [asked, model(call, call), userTurn(output, output)] }));
    expect(DIALECTS.gemini!.text(good)).toBe('The tools answered: "{"x":1}" | "{"x":1}"');
    const named = { functionCall: { id: '1', name: 'f', args: {} } };
    expect(await send(asked, model(named, named), userTurn(output, output))).toEqual([
      400,
      expect.stringContaining('Duplicate'),
    ]);
    const half = { functionCall: { name: 'f', args: '{' } };
    expect(await send(asked, model(half), userTurn(output))).toEqual([
      400,
      expect.stringContaining('protobuf.Struct'),
    ]);
    const unequal = [400, expect.stringContaining('number of function response parts is equal')];
    expect(await send(asked, model(call, call), userTurn(output))).toEqual(unequal);
    expect(await send(asked, model(call), asked)).toEqual(unequal);
    expect(await send(asked, model(call))).toEqual(unequal);
    expect(await send(asked, userTurn(output))).toEqual([
      400,
      expect.stringContaining('comes immediately after'),
    ]);
    expect(await send(model(call), userTurn(output))).toEqual([
      400,
      expect.stringContaining('after a user turn'),
    ]);
    expect(await send({ role: 'assistant', parts: [{ text: 'x' }] })).toEqual([
      400,
      expect.stringContaining('valid role'),
    ]);

    const tools = [{ functionDeclarations: [{ name: 'f', parameters: PARAMETERS }] }];
    const thought = await read(post(path('tool1+think'), { contents: [asked], tools }));
    const content = asJson(asList(thought.candidates)[0]?.content);
    const replay = (given: Json) =>
      post(path('tool1+think'), { contents: [asked, given, userTurn(output)], tools });
    expect((await replay(content)).status).toBe(200);
    const stripped = await replay({ ...content, parts: [call] });
    expect(stripped.status).toBe(400);
    expect(await stripped.text()).toContain('missing a thought_signature');
    const forged = await replay({ ...content, parts: [{ ...call, thoughtSignature: 'AAAA' }] });
    expect(await forged.text()).toContain('Thought signature is not valid');

    const strict = { ...PARAMETERS, additionalProperties: false };
    const declared = [{ functionDeclarations: [{ name: 'f', parameters: strict }] }];
    expect(await problem(path(), { contents: [asked], tools: declared })).toEqual([
      400,
      expect.stringContaining('Unknown name "additionalProperties"'),
    ]);
  });

  interface ToolCase {
    path: string;
    tool(name: string, schema: Json): Json;
    unknown: Json;
    badNames: string[];
    /** Whether a combiner at the top of a schema is refused. */
    flat: boolean;
  }
  const unknown = { type: 'unheard_of' };
  const badNames = ['a.b', 'x'.repeat(129)];
  const TOOLS: ToolCase[] = [
    {
      path: '/v1/chat/completions',
      tool: (name, parameters) => ({ type: 'function', function: { name, parameters } }),
      ...{ unknown, badNames, flat: true },
    },
    {
      path: '/v1/responses',
      tool: (name, parameters) => ({ type: 'function', name, parameters }),
      ...{ unknown, badNames, flat: true },
    },
    {
      path: '/v1/messages',
      tool: (name, input_schema) => ({ name, input_schema }),
      ...{ unknown, badNames, flat: true },
    },
    {
      path: '/v1beta/models/echo:generateContent',
      tool: (name, schema) => ({ functionDeclarations: [{ name, parametersJsonSchema: schema }] }),
      ...{ unknown: { unheard_of: {} }, badNames: ['a/b', '9', 'x'.repeat(65)], flat: false },
    },
  ];

  test.each(TOOLS)('$path: types, names and schemas of tools', async (each) => {
    const content = each.path.includes('models')
      ? { contents: [{ role: 'user', parts: [{ text: 'hi' }] }] }
      : {
          model: 'echo',
          max_tokens: 9,
          ...(each.path.endsWith('responses') ? { input: 'x' } : { messages: [user] }),
        };
    const status = async (tool: Json) => (await post(each.path, { ...content, tools: [tool] })).status;
    const object = { type: 'object' };
    expect(await status(each.tool('f', object))).toBe(200);
    for (const name of each.badNames) {
      const refused = await problem(each.path, { ...content, tools: [each.tool(name, object)] });
      expect(refused).toEqual([400, expect.stringContaining('name')]);
    }
    expect(await status(each.tool('f', { properties: {} }))).toBe(400);
    expect(await status(each.tool('f', { type: 'object', oneOf: [] }))).toBe(each.flat ? 400 : 200);
    const refused = await problem(each.path, { ...content, tools: [each.unknown] });
    expect(refused).toEqual([400, expect.stringContaining('unheard_of')]);
  });

  test('custom tools: every call needs its output', async () => {
    const call = { type: 'custom_tool_call', call_id: 'c1', name: 'f', input: 'x' };
    const output = { type: 'custom_tool_call_output', call_id: 'c1', output: 'x' };
    const send = (...input: Json[]) => problem('/v1/responses', { model: 'echo', input });
    expect((await send(user, call, output))[0]).toBe(200);
    expect(await send(user, call)).toEqual([400, expect.stringContaining('for custom tool call c1')]);
    const other = { ...output, type: 'function_call_output' };
    expect(await send(user, call, other)).toEqual([400, expect.stringContaining('No tool call found')]);
    expect(await send(user, { type: 'server_tool_use' })).toEqual([
      400,
      expect.stringContaining("Invalid value: 'server_tool_use'"),
    ]);
  });

  test('gemini streams an array without alt=sse', async () => {
    const contents = [{ role: 'user', parts: [{ text: 'hi' }] }];
    const response = await post('/v1beta/models/say-3:streamGenerateContent', { contents });
    expect(await response.json()).toHaveLength(4);
  });
});

describe('the wire', () => {
  test('accepts large bodies, whole and chunked, and pipelined requests', async () => {
    const content = 'ä'.repeat(2_000_000);
    const body = JSON.stringify({ model: 'echo', messages: [{ role: 'user', content }] });
    const send = (payload: string | ReadableStream) =>
      fetch(`${provider.url}/v1/chat/completions`, { method: 'POST', headers: KEYS, body: payload });
    const whole = await read(send(body));
    expect(DIALECTS.chat!.text(whole)).toHaveLength(content.length + 'You said: '.length);
    const chunked = await read(send(new Blob([body]).stream()));
    expect(DIALECTS.chat!.text(chunked)).toHaveLength(content.length + 'You said: '.length);

    let received = '';
    const socket = await Bun.connect({
      hostname: '127.0.0.1',
      port: provider.port,
      socket: {
        data: (_socket, data) => {
          received += data.toString();
        },
      },
    });
    socket.write(
      'GET /v1/models HTTP/1.1\r\n\r\nGET /v1/models HTTP/1.1\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n',
    );
    await until(() => received.match(/HTTP\/1\.1 (200|404)/g)?.length === 3);
    socket.end();
  });

  test('runs as its own process; its record can be read and cleared', async () => {
    const child = Bun.spawn([process.execPath, `${import.meta.dir}/provider/main.ts`, '--port', '0'], {
      stdout: 'pipe',
    });
    try {
      const reader = child.stdout.getReader();
      const line = new TextDecoder().decode((await reader.read()).value);
      const url = /^listening on (http:\/\/127\.0\.0\.1:\d+)\n$/.exec(line)![1]!;
      const body = JSON.stringify(DIALECTS.chat!.body('echo', false, 'hi', false));
      await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers: KEYS, body });
      const record = asList(await (await fetch(`${url}/_requests`)).json());
      expect(record).toEqual([expect.objectContaining({ protocol: 'chat', model: 'echo', aborted: false })]);
      await fetch(`${url}/_requests`, { method: 'DELETE' });
      expect(await (await fetch(`${url}/_requests`)).json()).toEqual([]);
    } finally {
      child.kill();
    }
  });
});
