import { describe, expect, test } from 'bun:test';
import type { Provider } from '../../../src/claws/claw.ts';
import { openaiChat } from '../../../src/claws/openai-chat/protocol.ts';
import { Fault } from '../../../src/core/errors.ts';
import { type FunctionCall, type Item, type Part, userMessage } from '../../../src/core/items.ts';
import type { Prompt, PromptItem } from '../../../src/core/prompt.ts';
import type { Settings } from '../../../src/core/settings.ts';

type Body = Record<string, unknown>;

const GENERIC: Provider = { id: 'acme', baseUrl: 'http://acme.test/v1', apiKey: 'sk-1', quirks: {} };
const OPENAI: Provider = {
  ...GENERIC,
  id: 'openai',
  quirks: { developerRole: true, maxTokensField: 'max_completion_tokens' },
};

function prompt(items: (Item | PromptItem)[], more: Partial<Prompt> = {}): Prompt {
  return {
    model: 'm',
    items: items.map((item) => ('item' in item ? (item as PromptItem) : { item: item as Item })),
    settings: {},
    stream: false,
    dialect: 'openai-responses',
    extra: {},
    ...more,
  };
}

const bodyOf = (value: Prompt, provider = GENERIC): Body =>
  JSON.parse(JSON.stringify(openaiChat.request(value, provider).body));
const messagesOf = (value: Prompt, provider = GENERIC) => bodyOf(value, provider).messages;
const withSettings = (settings: Settings, provider = GENERIC) =>
  bodyOf(prompt([userMessage('Hi')], { settings }), provider);

const said = (text: string): Item => ({
  type: 'message',
  role: 'assistant',
  content: [{ type: 'output_text', text, annotations: [] }],
});
const called = (call_id: string, name = 'weather', args = '{"city":"Rome"}'): FunctionCall => ({
  type: 'function_call',
  call_id,
  name,
  arguments: args,
});
const output = (call_id: string, value: string | Part[]): Item => ({
  type: 'function_call_output',
  call_id,
  output: value,
});
const thought = (text: string): Item => ({
  type: 'reasoning',
  summary: [],
  content: [{ type: 'reasoning_text', text }],
});
const user = (content: Part[]): Item => ({ type: 'message', role: 'user', content });
const from = (origin: string, item: Item, native?: unknown): PromptItem => ({ item, origin, native });

function faultOf(run: () => unknown): Fault {
  try {
    run();
  } catch (error) {
    if (error instanceof Fault) return error;
  }
  throw new Error('No fault was thrown.');
}

describe('request', () => {
  test('path, key and the smallest body', () => {
    expect(openaiChat.request(prompt([userMessage('Hi')]), GENERIC)).toEqual({
      path: '/chat/completions',
      headers: { authorization: 'Bearer sk-1' },
      body: { model: 'm', messages: [{ role: 'user', content: 'Hi' }] },
    });
    expect(openaiChat.request(prompt([]), { ...GENERIC, apiKey: undefined }).headers).toEqual({});
  });

  test('every setting has its field', () => {
    const settings: Settings = {
      max_output_tokens: 9,
      temperature: 0,
      top_p: 0.5,
      frequency_penalty: 1,
      presence_penalty: -1,
      stop: ['a'],
      seed: 7,
      top_logprobs: 2,
      n: 3,
      verbosity: 'low',
      reasoning: { effort: 'high', summary: 'auto' },
      service_tier: 'flex',
      prompt_cache_key: 'k',
      safety_identifier: 'u',
    };
    const common = {
      model: 'm',
      messages: [{ role: 'user', content: 'Hi' }],
      temperature: 0,
      top_p: 0.5,
      frequency_penalty: 1,
      presence_penalty: -1,
      stop: ['a'],
      n: 3,
      logprobs: true,
      top_logprobs: 2,
      reasoning_effort: 'high',
      verbosity: 'low',
      service_tier: 'flex',
    };
    expect(withSettings(settings)).toEqual({ ...common, max_tokens: 9, seed: 7 });
    expect(withSettings(settings, OPENAI)).toEqual({
      ...common,
      max_completion_tokens: 9,
      seed: 7,
      prompt_cache_key: 'k',
      safety_identifier: 'u',
    });
    expect(withSettings({ seed: 7 }, { ...GENERIC, id: 'mistral' })).toMatchObject({ random_seed: 7 });
  });

  test('a server with only the role `developer` is not treated as OpenAI', () => {
    const cohere: Provider = { ...GENERIC, id: 'cohere', quirks: { developerRole: true } };
    expect(withSettings({ prompt_cache_key: 'k' }, cohere)).not.toHaveProperty('prompt_cache_key');
  });

  test('zero log probabilities request only those of the chosen tokens', () => {
    expect(withSettings({ top_logprobs: 0 })).toMatchObject({ logprobs: true });
    expect(withSettings({ top_logprobs: 0 })).not.toHaveProperty('top_logprobs');
  });

  test('streams request usage, unless the provider refuses the option', () => {
    const streamed = prompt([userMessage('Hi')], {
      stream: true,
      dialect: 'openai-chat',
      extra: { stream_options: { include_obfuscation: false } },
    });
    expect(bodyOf(streamed)).toMatchObject({
      stream: true,
      stream_options: { include_obfuscation: false, include_usage: true },
    });
    expect(bodyOf(streamed, { ...GENERIC, quirks: { noStreamOptions: true } })).not.toHaveProperty(
      'stream_options',
    );
  });

  test('unknown fields are sent only from the same dialect, and known fields take precedence', () => {
    const extra = { model: 'evil', logit_bias: { 1: 2 }, stream: true, temperature: 1 };
    expect(bodyOf(prompt([], { dialect: 'openai-chat', extra, settings: { temperature: 0 } }))).toEqual({
      logit_bias: { 1: 2 },
      temperature: 0,
      model: 'm',
      messages: [],
    });
    expect(bodyOf(prompt([], { extra }))).toEqual({ model: 'm', messages: [] });
  });

  test('the same prompt gives the same bytes, and a longer one begins with them', () => {
    const first = [userMessage('Hi'), called('c1'), output('c1', 'sunny'), said('Sunny.')];
    const bytes = (items: Item[]) => JSON.stringify(openaiChat.request(prompt(items), GENERIC).body);
    expect(bytes(first)).toBe(bytes(structuredClone(first)));
    expect(bytes([...first, userMessage('And?')]).startsWith(bytes(first).slice(0, -2))).toBe(true);
  });
});

describe('messages', () => {
  test('instructions are first, and roles are those that the provider accepts', () => {
    const items: Item[] = [
      { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'D' }] },
      { type: 'message', role: 'system', content: [{ type: 'input_text', text: 'S' }] },
    ];
    expect(messagesOf(prompt(items, { instructions: 'I' }))).toEqual([
      { role: 'system', content: 'I' },
      { role: 'system', content: 'D' },
      { role: 'system', content: 'S' },
    ]);
    expect(messagesOf(prompt(items, { instructions: 'I' }), OPENAI)).toEqual([
      { role: 'developer', content: 'I' },
      { role: 'developer', content: 'D' },
      { role: 'system', content: 'S' },
    ]);
  });

  test('images, files and sound', () => {
    const parts: Part[] = [
      { type: 'input_text', text: 'Look' },
      { type: 'input_image', image_url: 'https://x.test/a.png', detail: 'low' },
      { type: 'input_file', filename: 'a.pdf', file_data: 'JVBE' },
      { type: 'input_file', file_data: 'data:application/pdf;base64,JVBE' },
      { type: 'input_file', file_id: 'file-1' },
      { type: 'input_audio', input_audio: { data: 'UklG', format: 'wav' } },
    ];
    expect(messagesOf(prompt([user(parts)]))).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look' },
          { type: 'image_url', image_url: { url: 'https://x.test/a.png', detail: 'low' } },
          { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBE' } },
          { type: 'file', file: { filename: 'file.pdf', file_data: 'data:application/pdf;base64,JVBE' } },
          { type: 'file', file: { file_id: 'file-1' } },
          { type: 'input_audio', input_audio: { data: 'UklG', format: 'wav' } },
        ],
      },
    ]);
  });

  test('content that the wire cannot hold is refused before the call', () => {
    for (const part of [
      { type: 'input_image', file_id: 'file-1' },
      { type: 'input_file', file_url: 'https://x.test/a.pdf' },
    ] as Part[]) {
      expect(faultOf(() => bodyOf(prompt([user([part])]))).code).toBe('unsupported_parameter');
    }
  });

  test('several texts become one string, and unknown parts are sent only from the same dialect', () => {
    const parts = [
      { type: 'input_text', text: 'a' },
      { type: 'video_url', video_url: { url: 'v' } },
      { type: 'input_text', text: 'b' },
    ] as Part[];
    expect(messagesOf(prompt([user(parts)]))).toEqual([{ role: 'user', content: 'a\nb' }]);
    expect(messagesOf(prompt([user(parts)], { dialect: 'openai-chat' }))).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'video_url', video_url: { url: 'v' } },
          { type: 'text', text: 'b' },
        ],
      },
    ]);
  });

  test("the caller's own fields of messages and parts are sent from the same dialect", () => {
    const part = { type: 'input_text', text: 'a', language: 'en' } as Part;
    const items: PromptItem[] = [{ item: user([part]), native: { name: 'bob' } }];
    expect(messagesOf(prompt(items, { dialect: 'openai-chat' }))).toEqual([
      {
        name: 'bob',
        role: 'user',
        content: [{ type: 'text', text: 'a', language: 'en' }],
      },
    ]);
    expect(messagesOf(prompt(items))).toEqual([{ role: 'user', content: 'a' }]);
  });

  test("the caller's cache marks are sent where the provider accepts them", () => {
    const items: PromptItem[] = [{ item: user([{ type: 'input_text', text: 'a' }]), marks: [{ ttl: '1h' }] }];
    const cache_control = { type: 'ephemeral', ttl: '1h' };
    expect(messagesOf(prompt(items), { ...GENERIC, id: 'openrouter' })).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'a', cache_control }] },
    ]);
    expect(messagesOf(prompt(items), { ...GENERIC, id: 'groq' })).toEqual([{ role: 'user', content: 'a' }]);
  });

  test('a refusal is a field at OpenAI and text elsewhere', () => {
    const items: Item[] = [
      { type: 'message', role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }] },
    ];
    expect(messagesOf(prompt(items), OPENAI)).toEqual([{ role: 'assistant', content: null, refusal: 'No.' }]);
    expect(messagesOf(prompt(items))).toEqual([{ role: 'assistant', content: 'No.' }]);
  });

  test('an empty message is left out', () => {
    const empty: Item = { type: 'message', role: 'assistant', content: [] };
    expect(messagesOf(prompt([userMessage('Hi'), empty]))).toEqual([{ role: 'user', content: 'Hi' }]);
  });
});

describe('tool calls', () => {
  test('text and parallel calls are one message, and outputs follow it', () => {
    const items = [
      userMessage('Hi'),
      said('Let me look.'),
      called('c1'),
      called('c2', 'time', ''),
      output('c1', 'sunny'),
      output('c2', [
        { type: 'input_text', text: '12' },
        { type: 'input_text', text: '30' },
      ]),
      said('Done.'),
    ];
    expect(messagesOf(prompt(items))).toEqual([
      { role: 'user', content: 'Hi' },
      {
        role: 'assistant',
        content: 'Let me look.',
        tool_calls: [
          { id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"city":"Rome"}' } },
          { id: 'c2', type: 'function', function: { name: 'time', arguments: '{}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'sunny' },
      { role: 'tool', tool_call_id: 'c2', content: '12\n30' },
      { role: 'assistant', content: 'Done.' },
    ]);
  });

  test('text after calls joins their message, because outputs must follow directly', () => {
    const items = [called('c1'), said('Wait.'), output('c1', 'x')];
    expect(messagesOf(prompt(items))).toMatchObject([
      { role: 'assistant', content: 'Wait.', tool_calls: [{ id: 'c1' }] },
      { role: 'tool', tool_call_id: 'c1' },
    ]);
  });

  test('two assistant messages of text stay two', () => {
    expect(messagesOf(prompt([said('a'), said('b')]))).toEqual([
      { role: 'assistant', content: 'a' },
      { role: 'assistant', content: 'b' },
    ]);
  });

  test('images of outputs are in a user message after the last output', () => {
    const image: Part = { type: 'input_image', image_url: 'https://x.test/a.png' };
    const items = [called('c1'), called('c2'), output('c1', [image]), output('c2', 'ok'), said('Seen.')];
    expect(messagesOf(prompt(items))).toMatchObject([
      { role: 'assistant' },
      { role: 'tool', tool_call_id: 'c1', content: 'The output is in the next user message.' },
      { role: 'tool', tool_call_id: 'c2', content: 'ok' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Output of tool call c1:' },
          { type: 'image_url', image_url: { url: 'https://x.test/a.png' } },
        ],
      },
      { role: 'assistant', content: 'Seen.' },
    ]);
  });

  test('a call that was cut short has valid arguments', () => {
    const cut: FunctionCall = { ...called('c1', 'weather', '{"city":"Ro'), status: 'incomplete' };
    expect(messagesOf(prompt([cut]))).toMatchObject([{ tool_calls: [{ function: { arguments: '{}' } }] }]);
  });

  test('Mistral gets ids of nine letters and digits, the same for call and output', () => {
    const ids = (provider: Provider) => {
      const [call, result] = messagesOf(
        prompt([called('call_abcdefghijk'), output('call_abcdefghijk', 'x')]),
        provider,
      ) as [{ tool_calls: [{ id: string }] }, { tool_call_id: string }];
      return [call.tool_calls[0].id, result.tool_call_id];
    };
    const [call, result] = ids({ ...GENERIC, id: 'mistral' });
    expect(call).toMatch(/^[a-z0-9]{9}$/);
    expect(result).toBe(call!);
    expect(ids(GENERIC)).toEqual(['call_abcdefghijk', 'call_abcdefghijk']);
    const own = messagesOf(prompt([called('gSIMJiOkT')]), { ...GENERIC, id: 'mistral' });
    expect(own).toMatchObject([{ tool_calls: [{ id: 'gSIMJiOkT' }] }]);
  });

  test('custom calls and their outputs are sent only to the provider that wrote them', () => {
    const custom = { type: 'custom_tool_call', call_id: 'k1', name: 'sql', input: 'SELECT 1' };
    const result = { type: 'custom_tool_call_output', call_id: 'k1', output: '1' };
    const items = (origin: string) => [from(origin, custom as unknown as Item), result as unknown as Item];
    expect(messagesOf(prompt(items('acme')))).toEqual([
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'k1', type: 'custom', custom: { name: 'sql', input: 'SELECT 1' } }],
      },
      { role: 'tool', tool_call_id: 'k1', content: '1' },
    ]);
    expect(messagesOf(prompt(items('other')))).toEqual([]);
  });

  test("a call's signature is sent only to its provider, and an answer's other fields to none", () => {
    const native = { extra_content: { google: { thought_signature: 's' } }, executed_tools: [1] };
    const sent = (origin: string) => messagesOf(prompt([from(origin, called('c1'), native)]));
    expect(sent('acme')).toMatchObject([
      { tool_calls: [{ id: 'c1', extra_content: { google: { thought_signature: 's' } } }] },
    ]);
    expect(JSON.stringify(sent('acme'))).not.toContain('executed_tools');
    expect(JSON.stringify(sent('other'))).not.toContain('thought_signature');
  });
});

describe('reasoning', () => {
  const loop = (origin: string, native: unknown) => [
    userMessage('Hi'),
    from(origin, thought('Hm.'), native),
    from(origin, called('c1')),
    output('c1', 'x'),
    from(origin, thought('Aha.'), native),
    from(origin, said('So.')),
    userMessage('Next'),
    from(origin, thought('Idle.'), native),
    from(origin, said('Yes.')),
  ];

  test('is sent back in its own form within exchanges that used tools', () => {
    expect(messagesOf(prompt(loop('acme', { form: 'reasoning_content' })))).toMatchObject([
      { role: 'user' },
      { role: 'assistant', reasoning_content: 'Hm.', tool_calls: [{ id: 'c1' }] },
      { role: 'tool' },
      { role: 'assistant', reasoning_content: 'Aha.', content: 'So.' },
      { role: 'user' },
      { role: 'assistant', content: 'Yes.' },
    ]);
    const text = JSON.stringify(messagesOf(prompt(loop('acme', { form: 'reasoning' }))));
    expect(text).toContain('"reasoning":"Hm."');
    expect(text).not.toContain('Idle.');
  });

  test('is never sent to another provider or without a known form', () => {
    const form = { form: 'reasoning_content' };
    expect(JSON.stringify(messagesOf(prompt(loop('other', form))))).not.toContain('Hm.');
    expect(JSON.stringify(messagesOf(prompt(loop('acme', undefined))))).not.toContain('Hm.');
  });

  test("Mistral's thinking parts are before the text", () => {
    const native = { form: 'thinking', fields: { closed: true } };
    const items = [
      from('acme', thought('Hm.'), native),
      from('acme', said('So.')),
      from('acme', called('c1')),
    ];
    expect(messagesOf(prompt(items))).toMatchObject([
      {
        content: [
          { type: 'thinking', thinking: [{ type: 'text', text: 'Hm.' }], closed: true },
          { type: 'text', text: 'So.' },
        ],
      },
    ]);
  });

  test("OpenRouter's blocks are sent back whole", () => {
    const native = {
      form: 'reasoning_details',
      details: [
        { type: 'reasoning.summary', index: 0 },
        { type: 'reasoning.text', index: 1, signature: 's' },
        { type: 'reasoning.encrypted', index: 2, data: 'd' },
      ],
    };
    const item: Item = {
      type: 'reasoning',
      summary: [{ type: 'summary_text', text: 'S' }],
      content: [{ type: 'reasoning_text', text: 'T' }],
    };
    expect(messagesOf(prompt([from('acme', item, native), from('acme', called('c1'))]))).toMatchObject([
      {
        reasoning_details: [
          { type: 'reasoning.summary', index: 0, summary: 'S' },
          { type: 'reasoning.text', index: 1, signature: 's', text: 'T' },
          { type: 'reasoning.encrypted', index: 2, data: 'd' },
        ],
      },
    ]);
  });

  test('DeepSeek gets the field with every call, also with those of other providers', () => {
    const items = [from('other', called('c1')), output('c1', 'x'), said('So.')];
    expect(messagesOf(prompt(items), { ...GENERIC, id: 'deepseek' })).toEqual([
      expect.objectContaining({ role: 'assistant', reasoning_content: '' }),
      { role: 'tool', tool_call_id: 'c1', content: 'x' },
      { role: 'assistant', content: 'So.' },
    ]);
  });

  test('reasoning that a caller sends back gets the form of the provider', () => {
    const replayed: PromptItem[] = [
      { item: called('c1'), native: { reasoning_content: 'Hm.', annotations: [], audio: null } },
      { item: output('c1', 'x') },
    ];
    const sent = (provider: Provider) =>
      JSON.stringify(messagesOf(prompt(replayed, { dialect: 'openai-chat' }), provider));
    expect(sent(GENERIC)).toContain('"reasoning_content":"Hm."');
    expect(sent({ ...GENERIC, id: 'groq' })).toContain('"reasoning":"Hm."');
    expect(sent({ ...GENERIC, id: 'mistral' })).toContain('"thinking":[{"type":"text","text":"Hm."}]');
    expect(sent(OPENAI)).not.toContain('Hm.');
    expect(sent(GENERIC)).not.toContain('annotations');
    expect(sent(GENERIC)).not.toContain('audio');
  });
});

describe('tools', () => {
  const weather = {
    type: 'function' as const,
    name: 'weather',
    description: 'W',
    parameters: { type: 'object', properties: {} },
    strict: true,
  };
  const time = { type: 'function' as const, name: 'time', parameters: null, strict: false };
  const hosted = { type: 'web_search', size: 1 } as unknown as typeof weather;

  test('functions are nested, as chat requires', () => {
    expect(withSettings({ tools: [weather, time], parallel_tool_calls: false })).toMatchObject({
      tools: [
        {
          type: 'function',
          function: {
            name: 'weather',
            description: 'W',
            parameters: { type: 'object', properties: {} },
            strict: true,
          },
        },
        { type: 'function', function: { name: 'time', parameters: { type: 'object', properties: {} } } },
      ],
      parallel_tool_calls: false,
    });
    const refusing: Provider = { ...GENERIC, quirks: { noParallelToolCalls: true } };
    expect(withSettings({ tools: [weather], parallel_tool_calls: false }, refusing)).not.toHaveProperty(
      'parallel_tool_calls',
    );
  });

  test('hosted tools are sent unchanged, and without tools there is no choice', () => {
    const settings: Settings = { tools: [hosted], tool_choice: 'auto', parallel_tool_calls: true };
    expect(withSettings({ ...settings, tools: [] })).toEqual({
      model: 'm',
      messages: [{ role: 'user', content: 'Hi' }],
    });
    expect(bodyOf(prompt([], { settings, dialect: 'openai-chat' }))).toMatchObject({
      tools: [{ type: 'web_search', size: 1 }],
      tool_choice: 'auto',
    });
  });

  test('a choice by name and the choices without a name', () => {
    const choice = (tool_choice: Settings['tool_choice']) =>
      withSettings({ tools: [weather], tool_choice }).tool_choice;
    expect(choice('required')).toBe('required');
    expect(choice({ type: 'function', name: 'weather' })).toEqual({
      type: 'function',
      function: { name: 'weather' },
    });
    expect(choice({ type: 'custom', name: 'sql' } as unknown as Settings['tool_choice'])).toEqual({
      type: 'custom',
      custom: { name: 'sql' },
    });
  });

  test('allowed tools are a choice at OpenAI and fewer tools elsewhere', () => {
    const flat = { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'time' }] };
    const nested = {
      type: 'allowed_tools',
      allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'time' } }] },
    };
    for (const choice of [flat, nested]) {
      const settings: Settings = {
        tools: [weather, time],
        tool_choice: choice as unknown as Settings['tool_choice'],
      };
      expect(withSettings(settings, OPENAI).tool_choice).toEqual(nested);
      expect(withSettings(settings).tool_choice).toBe('required');
      expect(withSettings(settings).tools).toMatchObject([{ function: { name: 'time' } }]);
    }
  });
});

describe('structured output', () => {
  const format = {
    type: 'json_schema' as const,
    name: 'answer',
    schema: { type: 'object' },
    strict: true,
    description: null,
  };

  test('is sent as a schema', () => {
    expect(withSettings({ format }).response_format).toEqual({
      type: 'json_schema',
      json_schema: { name: 'answer', schema: { type: 'object' }, strict: true },
    });
    expect(withSettings({ format: { type: 'json_object' } }).response_format).toEqual({
      type: 'json_object',
    });
    expect(withSettings({ format: { type: 'text' } })).not.toHaveProperty('response_format');
  });

  test('is put into the instructions if the provider takes no schema', () => {
    const provider: Provider = { ...GENERIC, quirks: { noJsonSchema: true } };
    const body = bodyOf(
      prompt([userMessage('Hi')], { settings: { format }, instructions: 'Be kind.' }),
      provider,
    );
    expect(body.response_format).toEqual({ type: 'json_object' });
    expect(body.messages).toEqual([
      {
        role: 'system',
        content:
          'Be kind.\n\nAnswer with one JSON object that is valid against this JSON Schema:\n{"type":"object"}',
      },
      { role: 'user', content: 'Hi' },
    ]);
    expect(bodyOf(prompt([], { settings: { format } }), provider).messages).toHaveLength(1);
  });
});
