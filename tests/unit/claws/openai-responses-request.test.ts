import { describe, expect, test } from 'bun:test';
import type { Provider } from '../../../src/claws/claw.ts';
import { openaiResponses } from '../../../src/claws/openai-responses/protocol.ts';
import { Fault } from '../../../src/core/errors.ts';
import { type Item, userMessage } from '../../../src/core/items.ts';
import type { Prompt, PromptItem } from '../../../src/core/prompt.ts';
import type { Settings } from '../../../src/core/settings.ts';

const provider: Provider = { id: 'openai', baseUrl: 'https://api.openai.com/v1', apiKey: 'key', quirks: {} };

const promptOf = (parts: Partial<Prompt> = {}): Prompt => ({
  model: 'gpt-4.1',
  items: [{ item: userMessage('Hi') }],
  settings: {},
  stream: true,
  dialect: 'openai-responses',
  extra: {},
  ...parts,
});

const bodyOf = (parts: Partial<Prompt> = {}) => openaiResponses.request(promptOf(parts), provider).body;
const inputOf = (items: PromptItem[], parts: Partial<Prompt> = {}) =>
  bodyOf({ items, ...parts }).input as Record<string, unknown>[];
const other = (item: Record<string, unknown>) => item as unknown as Item;

const tool = {
  type: 'function' as const,
  name: 'weather',
  description: 'Looks out of the window',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
};

describe('the request', () => {
  test('goes to /responses with the key, streams if requested and is never stored', () => {
    const request = openaiResponses.request(promptOf(), provider);
    expect(request.path).toBe('/responses');
    expect(request.headers).toEqual({ authorization: 'Bearer key' });
    expect(request.body).toStrictEqual({
      model: 'gpt-4.1',
      input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hi' }] }],
      store: false,
      stream: true,
    });
  });

  test('sends no authorization to a server without key', () => {
    expect(openaiResponses.request(promptOf(), { ...provider, apiKey: undefined }).headers).toEqual({});
  });

  test('holds every setting of the API, always in the same order', () => {
    const settings: Settings = {
      max_output_tokens: 100,
      temperature: 0.5,
      top_p: 0.9,
      top_logprobs: 2,
      tools: [tool],
      tool_choice: { type: 'function', name: 'weather' },
      parallel_tool_calls: false,
      format: { type: 'json_schema', name: 'reply', schema: { type: 'object' }, strict: true },
      verbosity: 'low',
      reasoning: { effort: 'high', summary: 'auto' },
      service_tier: 'flex',
      prompt_cache_key: 'cache',
      safety_identifier: 'user-1',
    };
    expect(JSON.stringify(bodyOf({ model: 'gpt-5', instructions: 'Be brief.', items: [], settings }))).toBe(
      JSON.stringify({
        model: 'gpt-5',
        instructions: 'Be brief.',
        input: [],
        tools: [tool],
        tool_choice: { type: 'function', name: 'weather' },
        parallel_tool_calls: false,
        text: {
          format: { type: 'json_schema', name: 'reply', schema: { type: 'object' }, strict: true },
          verbosity: 'low',
        },
        reasoning: { effort: 'high', summary: 'auto' },
        max_output_tokens: 100,
        temperature: 0.5,
        top_p: 0.9,
        top_logprobs: 2,
        include: ['reasoning.encrypted_content', 'message.output_text.logprobs'],
        service_tier: 'flex',
        prompt_cache_key: 'cache',
        safety_identifier: 'user-1',
        store: false,
        stream: true,
      }),
    );
  });

  test('a longer prompt begins with the same bytes of input', () => {
    const items: PromptItem[] = [{ item: userMessage('one') }, { item: userMessage('two') }];
    const short = JSON.stringify(inputOf(items)).slice(0, -1);
    expect(JSON.stringify(inputOf([...items, { item: userMessage('three') }])).startsWith(short)).toBe(true);
  });
});

describe('encrypted reasoning is requested', () => {
  const included = (model: string, settings: Settings = {}) => bodyOf({ model, settings }).include;

  test.each([
    'o3',
    'o4-mini',
    'gpt-5',
    'gpt-5.5-pro',
    'gpt-6',
    'grok-4.3',
    'openai/gpt-5-mini',
    'codex-mini',
  ])('of %s', (model) => expect(included(model)).toEqual(['reasoning.encrypted_content']));
  test.each([
    'gpt-4o',
    'gpt-4.1-mini',
    'gpt-3.5-turbo',
    'gpt-5-chat-latest',
    'grok-4-fast-non-reasoning',
    'mine',
  ])('not of %s, which would refuse the request', (model) => expect(included(model)).toBeUndefined());
  test('of any model if the caller sets `reasoning`', () => {
    expect(included('my-deployment', { reasoning: { effort: 'low' } })).toEqual([
      'reasoning.encrypted_content',
    ]);
  });
});

describe("the caller's further fields", () => {
  test('are sent from the same dialect, and known ones take precedence', () => {
    const body = bodyOf({
      settings: { temperature: 1, verbosity: 'low', reasoning: { effort: 'low' } },
      extra: {
        temperature: 0,
        truncation: 'auto',
        include: ['file_search_call.results'],
        text: { verbosity: 'high', unknown: 1 },
        reasoning: { effort: 'high', context: 'all_turns' },
        stream_options: { include_obfuscation: false },
      },
    });
    expect(body).toMatchObject({
      temperature: 1,
      truncation: 'auto',
      include: ['file_search_call.results', 'reasoning.encrypted_content'],
      text: { verbosity: 'low', unknown: 1 },
      reasoning: { effort: 'low', context: 'all_turns' },
      stream_options: { include_obfuscation: false },
    });
  });

  test('are not sent from another dialect', () => {
    expect(bodyOf({ dialect: 'openai-chat', extra: { logit_bias: {}, include: ['x'] } })).toStrictEqual(
      bodyOf({ dialect: 'openai-chat' }),
    );
  });

  test('never make the provider keep the conversation', () => {
    const extra = {
      store: true,
      background: true,
      stream: false,
      previous_response_id: 'resp_1',
      conversation: 'conv_1',
    };
    expect(bodyOf({ extra })).toStrictEqual(bodyOf());
  });

  test('stream options are left out without a stream', () => {
    expect(bodyOf({ stream: false, extra: { stream_options: {} } })).not.toHaveProperty('stream_options');
  });
});

describe('what the API does not have', () => {
  test.each([
    ['stop', { stop: ['\n'] }],
    ['n', { n: 2 }],
  ])('%s is refused by name', (param, settings) => {
    try {
      bodyOf({ settings });
      throw new Error('was not refused');
    } catch (error) {
      expect(error).toBeInstanceOf(Fault);
      expect(error).toMatchObject({ code: 'unsupported_parameter', param });
    }
  });

  test('an empty stop, one choice, a seed and penalties of zero change nothing', () => {
    const settings: Settings = { stop: [], n: 1, seed: 7, frequency_penalty: 0, presence_penalty: 0 };
    expect(bodyOf({ settings })).toStrictEqual(bodyOf());
  });

  test('penalties are sent, because the provider decides about them', () => {
    expect(bodyOf({ settings: { presence_penalty: 0.5 } })).toMatchObject({ presence_penalty: 0.5 });
  });
});

describe('tools', () => {
  const hosted = { type: 'web_search', search_context_size: 'low' } as unknown as typeof tool;

  test('are sent unchanged from the same dialect', () => {
    expect(bodyOf({ settings: { tools: [hosted, tool] } }).tools).toEqual([hosted, tool]);
  });

  test('from another dialect functions are sent in the form of this API, strict only if requested', () => {
    const settings: Settings = {
      tools: [hosted, tool, { ...tool, strict: true }, { type: 'function', name: 'f' }],
    };
    expect(bodyOf({ dialect: 'openai-chat', settings }).tools).toEqual([
      hosted,
      { ...tool, strict: false },
      { ...tool, strict: true },
      { type: 'function', name: 'f', parameters: { type: 'object', properties: {} }, strict: false },
    ]);
  });
});

describe('items', () => {
  test("the caller's images, files and audio are sent unchanged", () => {
    const content = [
      { type: 'input_text' as const, text: 'See' },
      { type: 'input_image' as const, image_url: 'data:image/png;base64,AA==', detail: 'low' },
      { type: 'input_image' as const, file_id: 'file-1' },
      { type: 'input_file' as const, filename: 'a.pdf', file_data: 'data:application/pdf;base64,AA==' },
      { type: 'input_audio' as const, input_audio: { data: 'AA==', format: 'wav' } },
      { type: 'input_hologram', depth: 3 } as never,
    ];
    const [message] = inputOf([{ item: { type: 'message', id: 'msg_1', role: 'user', content } }]);
    expect(message).toStrictEqual({ type: 'message', role: 'user', content });
  });

  test('a tool round trip with parallel calls keeps order and ids', () => {
    const caller = { type: 'program', caller_id: 'p' };
    const program = other({ type: 'program', call_id: 'p', code: '', fingerprint: 'f' });
    const called = {
      type: 'function_call',
      name: 'weather',
      arguments: '{"city":"Oslo"}',
      status: 'completed',
    };
    const call = (call_id: string): PromptItem => ({
      origin: 'openai',
      native: { id: `fc_${call_id}` },
      item: other({ ...called, call_id, caller }),
    });
    const output = (call_id: string): PromptItem => ({
      item: { type: 'function_call_output', call_id, output: [{ type: 'input_text', text: 'rain' }] },
    });
    const items = [call('a'), call('b'), output('b'), output('a')];
    const sent = inputOf([{ item: program, origin: 'openai', native: { id: 'cm_1' } }, ...items]);
    expect(sent).toStrictEqual([
      { ...program, id: 'cm_1' } as never,
      {
        caller: { type: 'program', caller_id: 'p' },
        type: 'function_call',
        call_id: 'a',
        name: 'weather',
        arguments: '{"city":"Oslo"}',
      },
      {
        caller: { type: 'program', caller_id: 'p' },
        type: 'function_call',
        call_id: 'b',
        name: 'weather',
        arguments: '{"city":"Oslo"}',
      },
      { type: 'function_call_output', call_id: 'b', output: [{ type: 'input_text', text: 'rain' }] },
      { type: 'function_call_output', call_id: 'a', output: [{ type: 'input_text', text: 'rain' }] },
    ]);
  });

  test('call ids that are too long for the API are shortened in the same way in call and output', () => {
    const call_id = `toolu_${'x'.repeat(80)}`;
    const [call, output] = inputOf([
      { origin: 'anthropic', item: { type: 'function_call', call_id, name: 'f', arguments: '{}' } },
      { item: { type: 'function_call_output', call_id, output: 'done' } },
    ]);
    expect(call?.call_id).toMatch(/^call_[0-9a-f]{40}$/);
    expect(output?.call_id).toBe(call?.call_id);
  });

  test('assistant text is sent as output, all other text as input', () => {
    const said = {
      type: 'output_text' as const,
      text: 'Hello',
      annotations: [{ type: 'url_citation' }],
      logprobs: [1],
    };
    const [own, foreign, written, shown] = inputOf([
      {
        origin: 'openai',
        native: { id: 'msg_1', phase: 'commentary' },
        item: {
          type: 'message',
          role: 'assistant',
          status: 'completed',
          content: [said, { type: 'refusal', refusal: 'No' }],
        },
      },
      {
        origin: 'gemini',
        native: { id: 'x', phase: 'y' },
        item: { type: 'message', role: 'assistant', content: [said] },
      },
      { item: { type: 'message', role: 'assistant', content: [{ type: 'input_text', text: 'Hello' }] } },
      { item: { type: 'message', role: 'developer', content: [said, { type: 'refusal', refusal: 'No' }] } },
    ]);
    expect(own).toStrictEqual({
      phase: 'commentary',
      type: 'message',
      role: 'assistant',
      content: [
        { type: 'output_text', text: 'Hello', annotations: [{ type: 'url_citation' }] },
        { type: 'refusal', refusal: 'No' },
      ],
    });
    const plain = [{ type: 'output_text', text: 'Hello', annotations: [] }];
    expect(foreign).toStrictEqual({ type: 'message', role: 'assistant', content: plain });
    expect(written).toStrictEqual({ type: 'message', role: 'assistant', content: plain });
    expect(shown?.content).toEqual([
      { type: 'input_text', text: 'Hello' },
      { type: 'input_text', text: 'No' },
    ]);
  });

  test("further fields of the caller's own items are sent only from the same dialect", () => {
    const items: PromptItem[] = [{ item: userMessage('Hi'), native: { phase: 'final_answer', id: 'msg_1' } }];
    const plain = { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hi' }] };
    expect(inputOf(items)).toEqual([{ phase: 'final_answer', ...plain }]);
    expect(inputOf(items, { dialect: 'openai-chat' })).toStrictEqual([plain]);
  });
});

describe('reasoning', () => {
  const thought = (parts: Record<string, unknown> = {}): Item =>
    other({
      type: 'reasoning',
      id: 'rs_ours',
      summary: [{ type: 'summary_text', text: 'Hm' }],
      status: 'completed',
      ...parts,
    });

  test('is sent back to its own provider with its own id', () => {
    const item = thought({ encrypted_content: 'sealed' });
    expect(inputOf([{ item, origin: 'openai', native: { id: 'rs_theirs' } }])).toStrictEqual([
      {
        type: 'reasoning',
        summary: [{ type: 'summary_text', text: 'Hm' }],
        id: 'rs_theirs',
        encrypted_content: 'sealed',
      },
    ]);
  });

  test('as plain text is sent back too, a summary alone is not, because the provider has not stored it', () => {
    const content = [{ type: 'reasoning_text', text: 'Hm' }];
    expect(inputOf([{ item: thought({ content }), origin: 'openai' }])).toMatchObject([{ content }]);
    expect(
      inputOf([{ item: thought({ encrypted_content: null }), origin: 'openai', native: { id: 'rs_1' } }]),
    ).toEqual([]);
  });

  test('is sent to no other provider', () => {
    const item = thought({ encrypted_content: 'sealed' });
    expect(inputOf([{ item, origin: 'xai', native: { id: 'rs_1' } }, { item }])).toEqual([]);
  });
});

describe('other kinds', () => {
  const search = other({
    type: 'web_search_call',
    status: 'completed',
    action: { type: 'search', query: 'q' },
  });

  test('are sent back whole to their own provider, with its id', () => {
    expect(inputOf([{ item: search, origin: 'openai', native: { id: 'ws_1' } }])).toEqual([
      { type: 'web_search_call', status: 'completed', action: { type: 'search', query: 'q' }, id: 'ws_1' },
    ] as never);
  });

  test("the caller's are sent unchanged, without the gateway's ids", () => {
    const ours = `item_${'0'.repeat(33)}o1`;
    const approval = { type: 'mcp_approval_response', approval_request_id: 'mcpr_1', approve: true };
    expect(
      inputOf([{ item: other({ ...approval, id: ours }) }, { item: other({ ...approval, id: 'theirs' }) }]),
    ).toEqual([approval, { ...approval, id: 'theirs' }]);
  });

  test("another provider's are left out, together with their outputs", () => {
    expect(
      inputOf([
        { item: other({ type: 'shell_call', call_id: 'c1', action: {} }), origin: 'xai' },
        { item: other({ type: 'shell_call_output', call_id: 'c1', output: [] }) },
        { item: search, origin: 'xai' },
      ]),
    ).toEqual([]);
  });

  test('a custom tool call is sent to every provider of this protocol', () => {
    const call = { type: 'custom_tool_call', call_id: 'c1', name: 'sql', input: 'select 1' };
    const output = { type: 'custom_tool_call_output', call_id: 'c1', output: '1' };
    expect(
      inputOf([{ item: other(call), origin: 'xai', native: { id: 'ctc_1' } }, { item: other(output) }]),
    ).toEqual([call, output]);
  });
});
