import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { type Journey, json, serverEvents, startJourney } from '../harness/journey.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { sent } from '../harness/upstream.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

let journey: Journey;
let count = 0;
let session: Record<string, string> = {};

beforeAll(async () => {
  journey = await startJourney();
});
beforeEach(() => {
  journey.provider.reset();
  session = { 'x-session-id': `foreign-tools-${count++}` };
});
afterAll(() => journey.end());

const OTHERS = ['anthropic', 'gemini', 'groq'] as const;
const ALL = ['openai', ...OTHERS] as const;

const respond = (body: Json, headers: Record<string, string> = {}) =>
  journey.gateway.post('/v1/responses', body, { ...session, ...headers });
const complete = (body: Json, headers: Record<string, string> = {}) =>
  journey.gateway.post('/v1/chat/completions', body, { ...session, ...headers });

async function ok(reply: Promise<Response>): Promise<Json> {
  const response = await reply;
  const body = await json(response);
  if (response.status !== 200) throw new Error(JSON.stringify(body));
  return body;
}

const outputOf = (response: Json) => asList(response.output);
const upstreamBody = () => asJson(journey.provider.requests.at(-1)?.body);

/** The functions that the provider received, in the same form for all protocols. */
function sentFunctions(body = upstreamBody()): { name: string; description?: unknown; schema: Json }[] {
  return asList(body.tools).flatMap((tool) => {
    const declared = tool.functionDeclarations ? asList(tool.functionDeclarations) : [tool];
    return declared.map((each) => {
      const fn = each.function ? asJson(each.function) : each;
      const schema = asJson(fn.parameters ?? fn.input_schema ?? fn.parametersJsonSchema);
      return { name: asText(fn.name), description: fn.description, schema };
    });
  });
}

const PATCH = {
  type: 'custom',
  name: 'patch',
  description: 'Changes files.',
  format: { type: 'grammar', syntax: 'lark', definition: 'start: /.+/' },
};

describe.each(OTHERS)('a custom tool at %s', (provider) => {
  test('is a function with one string, and its call is a custom call again', async () => {
    const first = await ok(respond({ model: `${provider}/tools`, input: 'patch it', tools: [PATCH] }));
    const [fn] = sentFunctions();
    expect(fn).toMatchObject({ name: 'patch', schema: { required: ['input'] } });
    expect(asText(fn?.description)).toBe(
      'Changes files.\n\nThe text in `input` must match this lark grammar:\nstart: /.+/',
    );
    const call = outputOf(first).at(-1);
    expect(call).toMatchObject({ type: 'custom_tool_call', name: 'patch', input: 'Paris' });
    expect(call).not.toHaveProperty('arguments');
    for (const next of [provider, ...ALL]) {
      const answer = await ok(
        respond(
          {
            model: `${next}/echo`,
            input: [
              { role: 'user', content: 'patch it' },
              call,
              { type: 'custom_tool_call_output', call_id: call?.call_id, output: 'patched' },
            ],
            tools: [PATCH],
          },
          { 'x-session-id': `${session['x-session-id']}-${next}` },
        ),
      );
      expect(answer.status).toBe('completed');
    }
  });

  test('is answered in the session, and remembered by every other provider', async () => {
    const first = await ok(respond({ model: `${provider}/tools`, input: 'patch it', tools: [PATCH] }));
    const { call_id } = outputOf(first).at(-1)!;
    await ok(
      respond({
        model: `${provider}/echo`,
        input: [{ type: 'custom_tool_call_output', call_id, output: 'patched' }],
        tools: [PATCH],
      }),
    );
    expect(sent(journey.provider.requests.at(-1))).toMatchObject([
      'user: patch it',
      'call patch',
      'output patched',
    ]);
    for (const next of OTHERS) {
      await ok(respond({ model: `${next}/echo`, input: 'what did you patch?' }));
      expect(sent(journey.provider.requests.at(-1)).slice(0, 3)).toEqual([
        'user: patch it',
        'call patch',
        'output patched',
      ]);
    }
    await ok(respond({ model: 'openai/echo', input: 'what did you patch?' }));
    expect(asList(upstreamBody().input).map(({ type }) => type)).toContain('custom_tool_call_output');
  });

  test('is streamed as it comes', async () => {
    const reply = await respond({ model: `${provider}/tools`, input: 'go', tools: [PATCH], stream: true });
    const { events } = serverEvents(await reply.text());
    const pieces = events.filter(({ event }) => event === 'response.custom_tool_call_input.delta');
    expect(pieces.map(({ data }) => asText(data.delta)).join('')).toBe('Paris');
    // Gemini sends calls whole.
    if (provider !== 'gemini') expect(pieces.length).toBeGreaterThan(1);
    const added = events.find(({ event }) => event === 'response.output_item.added');
    expect(asJson(added?.data.item)).toMatchObject({ type: 'custom_tool_call', name: 'patch', input: '' });
    const last = asJson(events.at(-1)?.data.response);
    expect(outputOf(last).at(-1)).toMatchObject({ type: 'custom_tool_call', input: 'Paris' });
  });

  test('is a custom tool in chat, too', async () => {
    const { type, format, ...custom } = PATCH;
    const { definition, syntax } = format;
    const tools = [
      { type, custom: { ...custom, format: { type: 'grammar', grammar: { definition, syntax } } } },
    ];
    const messages = [{ role: 'user', content: 'patch it' }];
    const whole = await ok(complete({ model: `${provider}/tools`, messages, tools }));
    const [choice] = asList(whole.choices);
    expect(choice).toMatchObject({
      finish_reason: 'tool_calls',
      message: { tool_calls: [{ type: 'custom', custom: { name: 'patch', input: 'Paris' } }] },
    });
    expect(asText(sentFunctions()[0]?.description)).toContain('lark grammar:\nstart: /.+/');
    const [call] = asList(asJson(choice?.message).tool_calls);
    await ok(
      complete({
        model: `${provider}/echo`,
        messages: [{ role: 'tool', tool_call_id: call?.id, content: 'done' }],
        tools,
      }),
    );
    expect(sent(journey.provider.requests.at(-1))).toEqual(['user: patch it', 'call patch', 'output done']);
  });

  test('can be chosen', async () => {
    const other = { type: 'function', name: 'other', parameters: { type: 'object', properties: {} } };
    for (const tool_choice of [
      { type: 'custom', name: 'patch' },
      { type: 'allowed_tools', mode: 'required', tools: [{ type: 'custom', name: 'patch' }] },
    ]) {
      const answer = await ok(
        respond(
          { model: `${provider}/tools`, input: 'go', tools: [other, PATCH], tool_choice },
          { 'x-session-id': `${Math.random()}` },
        ),
      );
      expect(outputOf(answer).map(({ name }) => name)).toContain('patch');
      expect(JSON.stringify(upstreamBody())).toContain('patch');
    }
  });
});

test('a custom tool stays one at OpenAI, in both of its APIs', async () => {
  await ok(respond({ model: 'openai/echo', input: 'go', tools: [PATCH] }));
  expect(upstreamBody().tools).toEqual([PATCH]);
  const { type, format, ...custom } = PATCH;
  const chat = {
    type,
    custom: {
      ...custom,
      format: { type: 'grammar', grammar: { syntax: 'lark', definition: format.definition } },
    },
  };
  await ok(complete({ model: 'openai/echo', messages: [{ role: 'user', content: 'go' }], tools: [chat] }));
  expect(upstreamBody().tools).toEqual([chat]);
});

const CRM = {
  type: 'namespace',
  name: 'crm',
  description: 'Customers.',
  tools: [
    {
      type: 'function',
      name: 'find',
      description: 'Finds one.',
      parameters: { type: 'object', properties: { id: { type: 'string' } } },
    },
    { type: 'custom', name: 'note' },
  ],
};

describe.each(OTHERS)('a namespace at %s', (provider) => {
  test('is flattened, and its calls have it again', async () => {
    for (const stream of [false, true]) {
      const headers = { 'x-session-id': `${session['x-session-id']}-${stream}` };
      const reply = await respond({ model: `${provider}/tools`, input: 'go', tools: [CRM], stream }, headers);
      const answer = stream
        ? asJson(serverEvents(await reply.text()).events.at(-1)?.data.response)
        : await json(reply);
      expect(sentFunctions().map(({ name }) => name)).toEqual(['crm__find', 'crm__note']);
      expect(sentFunctions()[0]?.description).toBe('Customers.\nFinds one.');
      const calls = outputOf(answer).filter(({ type }) => type !== 'reasoning');
      expect(calls).toMatchObject([
        { type: 'function_call', namespace: 'crm', name: 'find' },
        { type: 'custom_tool_call', namespace: 'crm', name: 'note', input: 'Paris' },
      ]);
      const input = calls.map(({ type, call_id }) => ({ type: `${type}_output`, call_id, output: 'done' }));
      await ok(respond({ model: `${provider}/echo`, input, tools: [CRM] }, headers));
      expect(sent(journey.provider.requests.at(-1))).toEqual([
        'user: go',
        'call crm__find',
        'call crm__note',
        'output done',
        'output done',
      ]);
      await ok(respond({ model: 'openai/echo', input: 'and now?', tools: [CRM] }, headers));
      const upstream = upstreamBody();
      expect(upstream.tools).toEqual([CRM]);
      expect(asList(upstream.input)[1]).toMatchObject({ name: 'find', namespace: 'crm' });
    }
  });
});

const SEARCH = { type: 'web_search', filters: { allowed_domains: ['a.test'] } };
const FUNCTION = { type: 'function', name: 'f', parameters: { type: 'object', properties: {} } };

describe('a hosted tool', () => {
  test('is mapped to that of the provider', async () => {
    await ok(
      respond({
        model: 'anthropic/echo',
        input: 'go',
        tools: [SEARCH, FUNCTION],
        tool_choice: { type: 'web_search' },
      }),
    );
    expect(upstreamBody()).toMatchObject({
      tools: [
        { type: 'web_search_20250305', name: 'web_search', allowed_domains: ['a.test'] },
        { name: 'f' },
      ],
      tool_choice: { type: 'tool', name: 'web_search' },
    });
    await ok(respond({ model: 'gemini/echo', input: 'go', tools: [{ type: 'web_search' }] }));
    expect(upstreamBody().tools).toEqual([{ googleSearch: {} }]);
  });

  test('that the own API defines is sent unchanged', async () => {
    const tools = [SEARCH, { type: 'mcp', server_label: 's', server_url: 'https://s.test' }];
    await ok(respond({ model: 'openai/echo', input: 'go', tools }));
    expect(upstreamBody().tools).toEqual(tools);
    const own = { type: 'web_search_20250305', name: 'web_search', max_uses: 2 };
    await ok(respond({ model: 'anthropic/echo', input: 'go', tools: [own] }));
    expect(upstreamBody().tools).toMatchObject([own]);
  });

  test.each([
    ['anthropic', { type: 'mcp', server_label: 's' }],
    ['groq', { type: 'web_search' }],
    ['gemini', SEARCH],
    // Google's search does not work beside functions.
    ['gemini', { type: 'web_search' }],
    ['openai', { type: 'googleMaps' }],
  ])('that %s lacks is refused by its index', async (provider, tool) => {
    const reply = respond({ model: `${provider}/echo`, input: 'go', tools: [FUNCTION, tool] });
    await expectRefusal(reply, 400, {
      code: 'unsupported_parameter',
      param: 'tools[1]',
      message: /x-clawhold-drop-tools: true/,
    });
    expect(journey.provider.requests).toEqual([]);
  });

  test('that chat completions lack is refused in the chat dialect', async () => {
    for (const provider of ['openai', 'groq']) {
      const messages = [{ role: 'user', content: 'go' }];
      const reply = complete({ model: `${provider}/echo`, messages, tools: [{ type: 'web_search' }] });
      await expectRefusal(reply, 400, { code: 'unsupported_parameter', param: 'tools[0]' });
    }
  });

  test('makes routing skip the candidates that lack it', async () => {
    const reply = await respond({
      model: 'groq/echo',
      fallbacks: ['gemini/echo', 'openai/echo'],
      input: 'go',
      tools: [FUNCTION, { type: 'image_generation' }],
    });
    expect(reply.headers.get('x-clawhold-model-id')).toBe('openai/echo');
  });

  test('is left out where the request says so, and the reply names it', async () => {
    for (const provider of OTHERS) {
      const reply = await respond(
        {
          model: [`${provider}/echo`, 'openai/echo'],
          input: 'go',
          tools: [FUNCTION, { type: 'image_generation' }, { type: 'tool_search' }],
          tool_choice: { type: 'image_generation' },
        },
        { 'x-clawhold-drop-tools': 'true' },
      );
      expect(reply.status).toBe(200);
      expect(reply.headers.get('x-clawhold-model-id')).toBe(`${provider}/echo`);
      expect(reply.headers.get('x-clawhold-dropped-tools')).toBe('image_generation, tool_search');
      expect(sentFunctions().map(({ name }) => name)).toEqual(['f']);
      expect(JSON.stringify(upstreamBody())).not.toContain('image_generation');
    }
    const kept = await respond(
      { model: 'openai/echo', input: 'go', tools: [FUNCTION] },
      { 'x-clawhold-drop-tools': 'true' },
    );
    expect(kept.headers.has('x-clawhold-dropped-tools')).toBe(false);
  });

  test('is left out where the configuration or the key says so', async () => {
    const yaml = [
      'turns: { drop_tools: true }',
      'keys:',
      '  - { name: strict, key: sk-claw-strict-0123456789, turns: { drop_tools: false } }',
    ].join('\n');
    const dropping = await startJourney({ yaml });
    try {
      const body = {
        model: 'groq/echo',
        input: 'go',
        tools: [{ type: 'web_search' }],
        tool_choice: 'required',
      };
      const dropped = await dropping.gateway.post('/v1/responses', body);
      expect([dropped.status, dropped.headers.get('x-clawhold-dropped-tools')]).toEqual([200, 'web_search']);
      expect(asJson(dropping.provider.requests.at(-1)?.body)).not.toHaveProperty('tool_choice');
      const strict = { authorization: 'Bearer sk-claw-strict-0123456789' };
      await expectRefusal(dropping.gateway.post('/v1/responses', body, strict), 400, {
        code: 'unsupported_parameter',
        param: 'tools[0]',
      });
      const refused = dropping.gateway.post('/v1/responses', body, { 'x-clawhold-drop-tools': 'false' });
      await expectRefusal(refused, 400, { code: 'unsupported_parameter', param: 'tools[0]' });
    } finally {
      await dropping.end();
    }
  });
});

describe.each(OTHERS)('calls of hosted tools before a turn at %s', (provider) => {
  const history = [
    { role: 'user', content: 'look' },
    {
      ...{ type: 'web_search_call', id: 'ws_1', status: 'completed' },
      action: { type: 'search', query: 'cats' },
    },
    {
      ...{ type: 'mcp_call', id: 'mcp_1', server_label: 's', name: 'ask.it' },
      ...{ arguments: '{"q":1}', output: 'found' },
    },
    {
      type: 'code_interpreter_call',
      id: 'ci_1',
      code: 'print(1)',
      container_id: 'c',
      outputs: [{ type: 'logs', logs: '1' }],
    },
    { type: 'shell_call', call_id: 'sh1', action: { commands: ['ls'] } },
    {
      type: 'shell_call_output',
      call_id: 'sh1',
      output: [{ stdout: 'a.txt', stderr: '', outcome: { type: 'exit', exit_code: 0 } }],
    },
    { type: 'image_generation_call', id: 'ig_1', status: 'completed', result: 'QUJD'.repeat(100) },
    { role: 'assistant', content: 'There.' },
    { role: 'user', content: 'and?' },
  ];

  test('are call pairs with their outputs, or else one line of text', async () => {
    await ok(respond({ model: `${provider}/echo`, input: history }));
    const lines = sent(journey.provider.requests.at(-1));
    const calls = provider === 'gemini' ? 'call ask.it' : 'call ask_it';
    for (const line of [calls, 'call code_interpreter', 'call shell']) expect(lines).toContain(line);
    expect(lines.join('\n')).toContain('output found');
    expect(lines.join('\n')).toContain('a.txt');
    expect(lines.join('\n')).toContain('[The tool web_search was run: {"type":"search","query":"cats"}]');
    // Gemini reads images of the assistant.
    const image = provider === 'gemini' ? '[image/png]' : '[The tool image_generation was run: {}]';
    expect(lines.join('\n')).toContain(image);
    expect(JSON.stringify(upstreamBody()).includes('QUJD')).toBe(provider === 'gemini');
  });

  test('that a session holds are read, too', async () => {
    await ok(respond({ model: 'openai/echo', input: history }));
    expect(asList(upstreamBody().input).map(({ type }) => type)).toContain('web_search_call');
    await ok(respond({ model: `${provider}/echo`, input: 'what did you find?' }));
    expect(sent(journey.provider.requests.at(-1)).join('\n')).toContain('output found');
    await ok(complete({ model: `${provider}/echo`, messages: [{ role: 'user', content: 'and in chat?' }] }));
    expect(sent(journey.provider.requests.at(-1)).join('\n')).toContain('output found');
  });

  test('do not separate the calls of the caller from their outputs', async () => {
    const input = [
      { role: 'user', content: 'look' },
      { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' },
      { type: 'mcp_call', server_label: 's', name: 'ask', arguments: '{}', output: 'found' },
      { type: 'web_search_call', status: 'completed', action: { type: 'search', query: 'cats' } },
      { type: 'function_call_output', call_id: 'c1', output: 'mine' },
    ];
    await ok(respond({ model: `${provider}/echo`, input, tools: [FUNCTION] }));
    const lines = sent(journey.provider.requests.at(-1));
    expect(lines.indexOf('output found')).toBeLessThan(lines.indexOf('call f'));
    expect(lines).toContain('output mine');
  });
});

describe.each(ALL)('names and schemas that %s refuses', (provider) => {
  const long = 'x'.repeat(200);
  const schema = {
    oneOf: [
      { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
      { type: 'object', properties: { zip: { type: 'string' } }, required: ['zip'] },
    ],
  };
  const tools = ['docs.search', 'docs/search', 'docs_search', '9lives', long, `${long}y`].map((name) => ({
    type: 'function',
    name,
    strict: false,
    parameters: schema,
  }));
  const names = tools.map(({ name }) => name);

  test.each([false, true])(
    'are valid there, and are those of the caller again (stream: %p)',
    async (stream) => {
      const reply = await respond({ model: `${provider}/tools`, input: 'go', tools, stream });
      expect(reply.status).toBe(200);
      const { events } = stream ? serverEvents(await reply.text()) : { events: [] };
      const answer = stream ? asJson(events.at(-1)?.data.response) : await json(reply);
      const calls = outputOf(answer).filter(({ type }) => type === 'function_call');
      expect(calls.map(({ name }) => name)).toEqual(names);
      const added = events.flatMap(({ event, data }) =>
        event === 'response.output_item.added' ? [asJson(data.item).name] : [],
      );
      if (stream) expect(added).toEqual(names);
      const functions = sentFunctions();
      expect(new Set(functions.map(({ name }) => name)).size).toBe(names.length);
      expect(functions.map(({ name }) => name)).toContain('docs_search');
      if (provider !== 'gemini') {
        expect(functions.map(({ name }) => name).slice(0, 3)).toEqual([
          'docs_search_2',
          'docs_search_3',
          'docs_search',
        ]);
      }
      expect(functions[0]?.schema).toMatchObject({ type: 'object', properties: { city: {}, zip: {} } });
      const input = calls.map(({ call_id }) => ({ type: 'function_call_output', call_id, output: 'done' }));
      await ok(respond({ model: `${provider}/echo`, input, tools }));
      const called = sent(journey.provider.requests.at(-1)).filter((line) => line.startsWith('call '));
      expect(called).toEqual(functions.map(({ name }) => `call ${name}`));
    },
  );

  test('are valid in the chat dialect', async () => {
    const chat = names
      .slice(0, 4)
      .map((name) => ({ type: 'function', function: { name, parameters: schema } }));
    const messages = [{ role: 'user', content: 'go' }];
    const whole = await ok(complete({ model: `${provider}/tools`, messages, tools: chat }));
    const calls = asList(asJson(asList(whole.choices)[0]?.message).tool_calls);
    expect(calls.map((call) => asJson(call.function).name)).toEqual(names.slice(0, 4));
  });
});

describe('tools of the chat dialect', () => {
  const messages = [{ role: 'user', content: 'go' }];
  const fn = (name: string) => ({
    type: 'function',
    function: { name, parameters: { type: 'object', properties: {} } },
  });

  test.each(ALL)('`allowed_tools` limits the tools at %s', async (provider) => {
    const tool_choice = {
      type: 'allowed_tools',
      allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'b' } }] },
    };
    await ok(complete({ model: `${provider}/tools`, messages, tools: [fn('a'), fn('b')], tool_choice }));
    const body = upstreamBody();
    if (provider === 'openai') expect(body.tool_choice).toEqual(tool_choice);
    else if (provider === 'gemini') {
      expect(asJson(body.toolConfig).functionCallingConfig).toEqual({
        mode: 'ANY',
        allowedFunctionNames: ['b'],
      });
    } else expect(sentFunctions().map(({ name }) => name)).toEqual(['b']);
  });

  test('unknown fields reach a provider of the dialect', async () => {
    const [tool] = [fn('a')];
    const tools = [
      {
        ...tool,
        cache_control: { type: 'ephemeral' },
        function: { ...tool!.function, examples: [1], strict: true },
      },
    ];
    const response_format = { type: 'json_object', schema: { type: 'object' } };
    await ok(complete({ model: 'deepseek/echo', messages, tools, response_format }));
    expect(upstreamBody()).toMatchObject({ tools, response_format });
    // These refuse requests with cache marks.
    for (const provider of ['openai', 'groq']) {
      await ok(complete({ model: `${provider}/echo`, messages, tools }));
      expect(asList(upstreamBody().tools)[0]).not.toHaveProperty('cache_control');
    }
    const grammar = { type: 'grammar', grammar: 'root ::= "a"' };
    await ok(complete({ model: 'groq/echo', messages, response_format: grammar }));
    expect(upstreamBody().response_format).toEqual(grammar);
    await ok(complete({ model: 'anthropic/echo', messages, tools }));
    expect(asList(upstreamBody().tools)[0]).toMatchObject({
      name: 'a',
      cache_control: { type: 'ephemeral' },
    });
    expect(asList(upstreamBody().tools)[0]).not.toHaveProperty('function');
  });

  test('the schema of a JSON object is used where schemas are', async () => {
    const schema = { type: 'object', properties: { a: { type: 'string' } } };
    const response_format = { type: 'json_object', schema };
    await ok(complete({ model: 'gemini/echo', messages, response_format }));
    expect(asJson(upstreamBody().generationConfig).responseJsonSchema).toEqual(schema);
    await ok(complete({ model: 'anthropic/echo', messages, response_format }));
    expect(JSON.stringify(upstreamBody().system)).toContain('JSON Schema');
  });

  test('a format of another type is refused where no provider of the dialect is asked', async () => {
    const reply = complete({
      model: 'gemini/echo',
      messages,
      response_format: { type: 'grammar', grammar: 'x' },
    });
    await expectRefusal(reply, 400, { code: 'unsupported_parameter', param: 'response_format.type' });
  });
});
