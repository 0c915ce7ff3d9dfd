import { describe, expect, test } from 'bun:test';
import { anthropic } from '../../../src/claws/anthropic/protocol.ts';
import type { Provider } from '../../../src/claws/claw.ts';
import { Fault } from '../../../src/core/errors.ts';
import { type Item, type OtherType, type Part, userMessage } from '../../../src/core/items.ts';
import type { Prompt, PromptItem } from '../../../src/core/prompt.ts';
import type { Settings } from '../../../src/core/settings.ts';

const provider: Provider = { id: 'anthropic', baseUrl: 'https://a.test', apiKey: 'key', quirks: {} };
const MARK = { cache_control: { type: 'ephemeral' } };

type Entry = Item | PromptItem;

function promptOf(items: Entry[], changes: Partial<Prompt> = {}): Prompt {
  return {
    model: 'claude-sonnet-4-5',
    items: items.map((item) => ('item' in item ? item : { item }) as PromptItem),
    settings: {},
    stream: false,
    dialect: 'openai-responses',
    extra: {},
    ...changes,
  };
}

const requestOf = (items: Entry[], changes: Partial<Prompt> = {}) =>
  anthropic.request(promptOf(items, changes), provider);
const bodyOf = (items: Entry[], changes: Partial<Prompt> = {}) => requestOf(items, changes).body;

/** The messages without cache marks, which have their own tests. */
function messagesOf(items: Entry[], changes: Partial<Prompt> = {}): unknown {
  return JSON.parse(JSON.stringify(bodyOf(items, changes).messages), (key, value) =>
    key === 'cache_control' ? undefined : value,
  );
}

const settingsBody = (settings: Settings, changes: Partial<Prompt> = {}) =>
  bodyOf([userMessage('Hi')], { settings, ...changes });

const said = (text: string): Item => ({
  type: 'message',
  role: 'assistant',
  content: [{ type: 'output_text', text, annotations: [] }],
});
const told = (role: 'system' | 'developer', text: string): Item => ({
  type: 'message',
  role,
  content: [{ type: 'input_text', text }],
});
const asked = (...content: Part[]): Item => ({ type: 'message', role: 'user', content });
const call = (call_id: string, args = '{}'): Item => ({
  type: 'function_call',
  call_id,
  name: 'look',
  arguments: args,
});
const output = (call_id: string, text: string): Item => ({
  type: 'function_call_output',
  call_id,
  output: text,
});
const own = (item: Item, native?: unknown): PromptItem => ({ item, native, origin: 'anthropic' });
const foreign = (item: Item, native?: unknown): PromptItem => ({ item, native, origin: 'openai' });
const thought = (text: string): Item => ({
  type: 'reasoning',
  summary: [],
  content: [{ type: 'reasoning_text', text }],
});
const other = (fields: Record<string, unknown>): Item => fields as { type: OtherType };

const text = (words: string) => ({ type: 'text', text: words });
const user = (...content: unknown[]) => ({ role: 'user', content });
const assistant = (...content: unknown[]) => ({ role: 'assistant', content });

describe('anthropic request: envelope', () => {
  test('a whole request', () => {
    const request = requestOf([told('developer', 'Be brief.'), userMessage('Weather in Oslo?')], {
      instructions: 'You are a clerk.',
      stream: true,
      outputLimit: 64_000,
      settings: {
        max_output_tokens: 100,
        temperature: 1.5,
        stop: ['END', '\n'],
        tools: [{ type: 'function', name: 'weather', description: 'Now', parameters: null }],
        tool_choice: 'required',
        parallel_tool_calls: false,
        safety_identifier: 'user-7',
        service_tier: 'default',
      },
    });
    expect(request.path).toBe('/v1/messages');
    expect(request.headers).toEqual({ 'x-api-key': 'key', 'anthropic-version': '2023-06-01' });
    expect(JSON.stringify(request.body, null, 2)).toMatchInlineSnapshot(`
      "{
        "model": "claude-sonnet-4-5",
        "max_tokens": 100,
        "tools": [
          {
            "name": "weather",
            "description": "Now",
            "input_schema": {
              "type": "object",
              "properties": {}
            },
            "cache_control": {
              "type": "ephemeral"
            }
          }
        ],
        "tool_choice": {
          "type": "any",
          "disable_parallel_tool_use": true
        },
        "system": [
          {
            "type": "text",
            "text": "You are a clerk."
          },
          {
            "type": "text",
            "text": "Be brief.",
            "cache_control": {
              "type": "ephemeral"
            }
          }
        ],
        "messages": [
          {
            "role": "user",
            "content": [
              {
                "type": "text",
                "text": "Weather in Oslo?",
                "cache_control": {
                  "type": "ephemeral"
                }
              }
            ]
          }
        ],
        "temperature": 1,
        "stop_sequences": [
          "END"
        ],
        "metadata": {
          "user_id": "user-7"
        },
        "service_tier": "standard_only",
        "stream": true
      }"
    `);
  });

  test('the limit is the requested one, at most the one of the model, and 4096 if none is known', () => {
    expect(settingsBody({}).max_tokens).toBe(4096);
    expect(settingsBody({}, { outputLimit: 64_000 }).max_tokens).toBe(64_000);
    expect(settingsBody({ max_output_tokens: 9 }, { outputLimit: 64_000 }).max_tokens).toBe(9);
    expect(settingsBody({ max_output_tokens: 99_000 }, { outputLimit: 64_000 }).max_tokens).toBe(64_000);
  });

  test('extra fields are sent only from the same dialect, and known fields take precedence', () => {
    const extra = { top_k: 5, model: 'evil', betas: ['a', 'b'], metadata: { user_id: 'x', org: 'y' } };
    const foreignBody = requestOf([userMessage('Hi')], { extra });
    expect(foreignBody.body.top_k).toBeUndefined();
    expect(foreignBody.headers['anthropic-beta']).toBeUndefined();
    const { body, headers } = requestOf([userMessage('Hi')], {
      extra,
      dialect: 'anthropic',
      settings: { safety_identifier: 'user-7' },
    });
    expect(body).toMatchObject({
      top_k: 5,
      model: 'claude-sonnet-4-5',
      // The user as the caller wrote it, which may say more than the setting.
      metadata: { user_id: 'x', org: 'y' },
    });
    expect(body.betas).toBeUndefined();
    expect(headers['anthropic-beta']).toBe('a,b');
  });

  test('only sampling settings that the model accepts are sent', () => {
    const settings = { temperature: 0.2, top_p: 0.9 };
    expect(settingsBody(settings, { model: 'claude-3-haiku-20240307' })).toMatchObject(settings);
    const one = settingsBody(settings);
    expect([one.temperature, one.top_p]).toEqual([0.2, undefined]);
    expect(settingsBody({ top_p: 0.9 }).top_p).toBe(0.9);
    const none = settingsBody(settings, { model: 'claude-opus-4-8' });
    expect([none.temperature, none.top_p]).toEqual([undefined, undefined]);
  });

  test('the same prompt gives the same bytes', () => {
    const items = [told('system', 'S'), userMessage('Hi'), call('a|b'), output('a|b', 'x')];
    expect(JSON.stringify(bodyOf(items))).toBe(JSON.stringify(bodyOf(items)));
  });
});

describe('anthropic request: conversation', () => {
  test('instructions at the start are the system prompt, later ones keep their position', () => {
    const items = [
      told('system', 'One.'),
      told('developer', 'Two.'),
      userMessage('Hi'),
      said('Hello'),
      told('developer', 'Now in French.'),
      userMessage('Again'),
    ];
    const body = bodyOf(items, { instructions: 'Zero.' });
    expect(body.system).toMatchObject([text('Zero.'), text('One.'), text('Two.')]);
    expect(messagesOf(items)).toEqual([
      user(text('Hi')),
      assistant(text('Hello')),
      user(text('<system>\nNow in French.\n</system>'), text('Again')),
    ]);
  });

  test('roles alternate, the user is first, and no message is empty', () => {
    expect(messagesOf([])).toEqual([user(text('Begin.'))]);
    expect(messagesOf([said('Hello'), userMessage(' '), userMessage('A'), userMessage('B')])).toEqual([
      user(text('Begin.')),
      assistant(text('Hello')),
      user(text('A'), text('B')),
    ]);
    expect(bodyOf([told('system', ' '), userMessage('Hi')]).system).toBeUndefined();
  });

  test('a last message of the assistant is continued directly, or by an instruction if the model cannot', () => {
    const items = [userMessage('Hi'), said('Well, \n')];
    expect(messagesOf(items)).toEqual([user(text('Hi')), assistant(text('Well,'))]);
    const asksFor = [user(text('Hi')), assistant(text('Well, \n')), user(text('Continue.'))];
    expect(messagesOf(items, { model: 'claude-opus-4-6' })).toEqual(asksFor);
    expect(messagesOf(items, { settings: { reasoning: { effort: 'low' } } })).toEqual(asksFor);
  });

  test('images and files', () => {
    const pdf = Buffer.from('%PDF').toString('base64');
    const note = Buffer.from('Grüße').toString('base64');
    const items = asked(
      { type: 'input_image', image_url: 'https://a.test/cat.png' },
      { type: 'input_image', image_url: 'data:image/jpg;base64,QUJD' },
      { type: 'input_image', image_url: 'data:image/svg+xml,%3Csvg%3E' },
      { type: 'input_image', file_id: 'file_1' },
      { type: 'input_file', filename: 'a.pdf', file_data: `data:application/pdf;base64,${pdf}` },
      { type: 'input_file', filename: 'a.pdf', file_data: pdf },
      { type: 'input_file', filename: 'note.txt', file_data: note },
      { type: 'input_file', file_url: 'https://a.test/a.pdf' },
      { type: 'input_file', file_id: 'file_2' },
      { type: 'input_file', filename: 'cat.png', file_data: 'QUJD' },
    );
    const source = (fields: object) => ({ type: 'document', source: fields });
    expect(messagesOf([items])).toEqual([
      user(
        { type: 'image', source: { type: 'url', url: 'https://a.test/cat.png' } },
        { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: 'QUJD' } },
        { type: 'image', source: { type: 'base64', media_type: 'image/svg+xml', data: 'PHN2Zz4=' } },
        { type: 'image', source: { type: 'file', file_id: 'file_1' } },
        { ...source({ type: 'base64', media_type: 'application/pdf', data: pdf }), title: 'a.pdf' },
        { ...source({ type: 'base64', media_type: 'application/pdf', data: pdf }), title: 'a.pdf' },
        { ...source({ type: 'text', media_type: 'text/plain', data: 'Grüße' }), title: 'note.txt' },
        source({ type: 'url', url: 'https://a.test/a.pdf' }),
        source({ type: 'file', file_id: 'file_2' }),
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'QUJD' } },
      ),
    ]);
  });

  test('content that the models cannot read is refused by name', () => {
    const audio: Part = { type: 'input_audio', input_audio: { data: '', format: 'wav' } };
    expect(() => bodyOf([asked(audio)])).toThrow('audio');
    const sheet: Part = { type: 'input_file', file_data: 'data:application/zip;base64,AAAA' };
    expect(() => bodyOf([asked(sheet)])).toThrow('application/zip');
    expect(() => bodyOf([asked({ type: 'input_image' })])).toThrow(Fault);
  });

  test('an image of the assistant becomes text', () => {
    const drawn: Item = {
      type: 'message',
      role: 'assistant',
      content: [{ type: 'input_image', image_url: 'https://a.test/x.png' }],
    };
    expect(messagesOf([userMessage('Draw'), drawn, userMessage('More')])).toMatchObject([
      {},
      assistant(text('[image]')),
      {},
    ]);
  });
});

describe('anthropic request: tools', () => {
  test('parallel calls and their results, results first in the next message', () => {
    const items = [
      userMessage('Go'),
      said('Looking.'),
      call('c1', '{"a": 1}'),
      call('c2', ''),
      userMessage('Hurry'),
      output('c1', 'one'),
      output('c2', ''),
      said('Done.'),
      userMessage('Thanks'),
    ];
    expect(messagesOf(items)).toEqual([
      user(text('Go')),
      assistant(
        text('Looking.'),
        { type: 'tool_use', id: 'c1', name: 'look', input: { a: 1 } },
        { type: 'tool_use', id: 'c2', name: 'look', input: {} },
      ),
      user(
        { type: 'tool_result', tool_use_id: 'c1', content: 'one' },
        { type: 'tool_result', tool_use_id: 'c2' },
        text('Hurry'),
      ),
      assistant(text('Done.')),
      user(text('Thanks')),
    ]);
  });

  test('a late result directly follows its call', () => {
    const items = [
      userMessage('Go'),
      call('c1'),
      call('c2'),
      output('c1', 'one'),
      said('Wait.'),
      output('c2', 'two'),
    ];
    expect(messagesOf(items)).toMatchObject([
      user(text('Go')),
      assistant({ id: 'c1' }, { id: 'c2' }),
      user({ tool_use_id: 'c1' }, { tool_use_id: 'c2' }),
      assistant(text('Wait.')),
    ]);
  });

  test('arguments that are no object are sent unchanged inside an object', () => {
    for (const bad of ['{"a": ', '[1]', '7']) {
      expect(messagesOf([userMessage('Go'), call('c', bad), output('c', 'error')])).toMatchObject([
        {},
        assistant({ input: { invalid_arguments: bad } }),
        {},
      ]);
    }
  });

  test('ids that the provider refuses are changed in the same way in call and result', () => {
    const [, { content: calls }, { content: results }] = messagesOf([
      userMessage('Go'),
      call('call.1|x'),
      output('call.1|x', 'one'),
    ]) as [unknown, { content: { id: string }[] }, { content: { tool_use_id: string }[] }];
    expect(calls[0]?.id).toMatch(/^call_[0-9a-f]{24}$/);
    expect(results[0]?.tool_use_id).toBe(calls[0]?.id);
  });

  test('results with parts, and those that failed', () => {
    const image: Part = { type: 'input_image', image_url: 'https://a.test/x.png' };
    const result: Item = {
      type: 'function_call_output',
      call_id: 'c',
      output: [{ type: 'input_text', text: 'See' }, image],
      status: 'incomplete',
    };
    expect(messagesOf([userMessage('Go'), call('c'), result])).toMatchObject([
      {},
      {},
      user({
        content: [text('See'), { type: 'image', source: { type: 'url', url: 'https://a.test/x.png' } }],
        is_error: true,
      }),
    ]);
  });

  test('definitions', () => {
    const limits = { type: 'object', properties: { n: { type: 'integer', minimum: 1 } }, required: ['n'] };
    const tools: Settings['tools'] = [
      { type: 'function', name: 'a', parameters: { properties: {} } },
      { type: 'function', name: 'b', parameters: limits, strict: true },
      { type: 'web_search_20250305' as OtherType, name: 'web_search' },
    ];
    expect(settingsBody({ tools }).tools).toMatchObject([
      { name: 'a', input_schema: { type: 'object', properties: {} } },
      {
        name: 'b',
        strict: true,
        input_schema: {
          properties: { n: { type: 'integer', description: 'minimum: 1' } },
          additionalProperties: false,
        },
      },
      { type: 'web_search_20250305', name: 'web_search' },
    ]);
    const [, plain] = settingsBody({ tools }, { model: 'claude-3-haiku' }).tools as object[];
    expect(plain).toEqual({ name: 'b', input_schema: limits });
  });

  test('choices', () => {
    const tools: Settings['tools'] = [
      { type: 'function', name: 'a' },
      { type: 'function', name: 'b' },
    ];
    const choice = (settings: Settings) => settingsBody({ tools, ...settings }).tool_choice;
    expect(choice({})).toBeUndefined();
    expect(choice({ tool_choice: 'none' })).toEqual({ type: 'none' });
    expect(choice({ tool_choice: 'required' })).toEqual({ type: 'any' });
    expect(choice({ tool_choice: { type: 'function', name: 'a' } })).toEqual({ type: 'tool', name: 'a' });
    expect(choice({ parallel_tool_calls: false })).toEqual({
      type: 'auto',
      disable_parallel_tool_use: true,
    });
    expect(choice({ parallel_tool_calls: true, tool_choice: 'auto' })).toEqual({ type: 'auto' });
    expect(settingsBody({ tool_choice: 'required' }).tool_choice).toBeUndefined();
    const allowed = settingsBody({
      tools,
      tool_choice: {
        type: 'allowed_tools' as OtherType,
        mode: 'required',
        tools: [{ type: 'function', name: 'b' }],
      },
    });
    expect(allowed).toMatchObject({ tools: [{ name: 'b' }], tool_choice: { type: 'any' } });
    expect(allowed.tools).toHaveLength(1);
  });
});

describe('anthropic request: thinking', () => {
  const efforts = (model: string, effort: string, changes: Settings = {}) => {
    const { thinking, output_config } = settingsBody(
      { reasoning: { effort }, ...changes },
      { model, outputLimit: 64_000 },
    );
    return { thinking, output_config };
  };

  test('older models get a budget below the limit, newer ones an effort', () => {
    expect(efforts('claude-sonnet-4-5', 'high')).toEqual({
      thinking: { type: 'enabled', budget_tokens: 16_384 },
      output_config: undefined,
    });
    expect(efforts('claude-sonnet-4-5', 'high', { max_output_tokens: 10_000 }).thinking).toEqual({
      type: 'enabled',
      budget_tokens: 8000,
    });
    expect(efforts('claude-sonnet-4-5', 'high', { max_output_tokens: 1000 }).thinking).toBeUndefined();
    expect(efforts('claude-opus-4-5-20251101', 'xhigh')).toMatchObject({ output_config: { effort: 'high' } });
    expect(efforts('claude-opus-4-6', 'xhigh')).toEqual({
      thinking: { type: 'adaptive' },
      output_config: { effort: 'max' },
    });
    expect(efforts('claude-opus-5', 'minimal').output_config).toEqual({ effort: 'low' });
    expect(efforts('claude-3-5-sonnet-20241022', 'high').thinking).toBeUndefined();
  });

  test('it is turned off in the way that the model accepts', () => {
    expect(efforts('claude-opus-4-8', 'none').thinking).toBeUndefined();
    expect(efforts('claude-sonnet-5', 'none').thinking).toEqual({ type: 'disabled' });
    expect(efforts('claude-sonnet-5-5', 'none').thinking).toEqual({ type: 'between_tools' });
    expect(efforts('claude-opus-5-5', 'none')).toEqual({
      thinking: undefined,
      output_config: { effort: 'low' },
    });
  });

  test('a summary is requested when the caller requests one', () => {
    const shown = settingsBody({ reasoning: { summary: 'auto' } }, { model: 'claude-opus-5' });
    expect(shown.thinking).toEqual({ type: 'adaptive', display: 'summarized' });
  });

  test('a forced call takes precedence over thinking', () => {
    const forced: Settings = { tools: [{ type: 'function', name: 'a' }], tool_choice: 'required' };
    expect(efforts('claude-sonnet-4-5', 'high', forced).thinking).toBeUndefined();
    expect(efforts('claude-sonnet-5', 'high', forced).thinking).toEqual({ type: 'adaptive' });
  });

  test('temperature is left out while the model thinks', () => {
    const settings = { temperature: 0.1, reasoning: { effort: 'low' } };
    expect(settingsBody(settings, { outputLimit: 64_000 }).temperature).toBeUndefined();
  });

  test("a caller's own configuration is kept", () => {
    const thinking = { type: 'enabled', budget_tokens: 2000 };
    const changes: Partial<Prompt> = { dialect: 'anthropic', extra: { thinking, output_config: { x: 1 } } };
    expect(bodyOf([userMessage('Hi')], changes)).toMatchObject({ thinking, output_config: { x: 1 } });
  });

  test('is sent back unchanged to its own provider and to no other', () => {
    const signed = { signature: 'sig' };
    const redacted: Item = { type: 'reasoning', summary: [], encrypted_content: 'secret' };
    const turn = (by: typeof own) => [
      userMessage('Go'),
      by(thought('Hm.'), signed),
      by(redacted),
      by(thought('unsigned'), {}),
      by(call('c'), { caller: { type: 'direct' } }),
      output('c', 'x'),
    ];
    expect(messagesOf(turn(own))).toMatchObject([
      {},
      assistant(
        { type: 'thinking', thinking: 'Hm.', signature: 'sig' },
        { type: 'redacted_thinking', data: 'secret' },
        { type: 'tool_use', id: 'c', caller: { type: 'direct' } },
      ),
      {},
    ]);
    const [, answer] = messagesOf(turn(foreign)) as { content: object[] }[];
    expect(answer?.content).toEqual([{ type: 'tool_use', id: 'c', name: 'look', input: {} }]);
  });

  test('a loop of calls that began without it continues without it', () => {
    const settings = { reasoning: { effort: 'low' } };
    const changes = { settings, outputLimit: 64_000 };
    const loop = [userMessage('Go'), call('c'), output('c', 'x')];
    expect(bodyOf(loop, changes).thinking).toBeUndefined();
    const begun = [
      userMessage('Go'),
      own(thought('Hm.'), { signature: 's' }),
      own(call('c')),
      output('c', 'x'),
    ];
    const later = [...begun, own(call('d')), output('d', 'y')];
    expect(bodyOf(later, changes).thinking).toMatchObject({ type: 'enabled' });
    expect(bodyOf(loop, { ...changes, model: 'claude-opus-4-6' }).thinking).toMatchObject({
      type: 'adaptive',
    });
  });

  test('models that bind it to its conversation are told to ignore blocks that no longer fit', () => {
    const items = [
      userMessage('Go'),
      own(thought('Hm.'), { signature: 's' }),
      own(said('Yes.')),
      userMessage('On'),
    ];
    const { body, headers } = requestOf(items, { model: 'claude-opus-5-5' });
    expect(body.thinking).toEqual({
      type: 'adaptive',
      block_binding: { prefix_mismatch_behavior: 'drop_block' },
    });
    expect(headers['anthropic-beta']).toBe('thinking-binding-controls-2026-08-01');
    const quiet = { model: 'claude-haiku-5-5', settings: { reasoning: { effort: 'none' } } };
    expect(bodyOf(items, quiet).thinking).toEqual({ type: 'disabled' });
    expect(messagesOf(items, quiet)).toMatchObject([{}, assistant(text('Yes.')), {}]);
    expect(bodyOf(items, { model: 'claude-opus-5' }).thinking).toBeUndefined();
  });
});

describe('anthropic request: the rest of cut answers', () => {
  const search = own(other({ type: 'server_tool_use', id: 'item_9', name: 'web_search', input: {} }), {
    id: 'srv_1',
  });
  const found = own(other({ type: 'web_search_tool_result', tool_use_id: 'srv_1', content: [] }), {});

  test('thinking without an answer', () => {
    const items = [userMessage('A'), own(thought('Hm.'), { signature: 's' }), userMessage('B')];
    expect(messagesOf(items)).toEqual([user(text('A'), text('B'))]);
  });

  test('a hosted call without its result', () => {
    expect(messagesOf([userMessage('A'), search, userMessage('B')])).toEqual([user(text('A'), text('B'))]);
    expect(messagesOf([userMessage('A'), search, found, userMessage('B')])).toMatchObject([
      {},
      assistant({ type: 'server_tool_use', id: 'srv_1' }, { type: 'web_search_tool_result' }),
      {},
    ]);
  });

  test('a hosted call that still waits is kept: in a paused turn, or while the caller runs a tool', () => {
    expect(messagesOf([userMessage('A'), search])).toMatchObject([{}, assistant({ id: 'srv_1' })]);
    expect(messagesOf([userMessage('A'), search, own(call('c')), output('c', 'x')])).toMatchObject([
      {},
      assistant({ id: 'srv_1' }, { id: 'c' }),
      {},
    ]);
  });

  test('unknown items of other providers are left out', () => {
    const item = other({ type: 'web_search_call', id: 'ws_1' });
    expect(messagesOf([userMessage('A'), foreign(item), { item }])).toEqual([user(text('A'))]);
    const changes: Partial<Prompt> = { dialect: 'anthropic' };
    expect(messagesOf([userMessage('A'), { item }], changes)).toEqual([user(text('A'), item)]);
  });
});

describe('anthropic request: citations', () => {
  const citation = { type: 'web_search_result_location', url: 'u', encrypted_index: 'e' };
  const cited: Item = {
    type: 'message',
    role: 'assistant',
    content: [
      { type: 'output_text', text: 'It rains', annotations: [{ type: 'url_citation', url: 'u', citation }] },
      {
        type: 'output_text',
        text: 'a lot.',
        annotations: [{ type: 'char_location', file_id: 'f', cited_text: 'x' }],
      },
    ],
  };

  test('are sent back to their own provider', () => {
    expect(messagesOf([userMessage('A'), own(cited), userMessage('B')])).toMatchObject([
      {},
      assistant(
        { ...text('It rains'), citations: [citation] },
        { ...text('a lot.'), citations: [{ type: 'char_location', cited_text: 'x' }] },
      ),
      {},
    ]);
    expect(messagesOf([userMessage('A'), foreign(cited), userMessage('B')])).toMatchObject([
      {},
      assistant(text('It rains'), text('a lot.')),
      {},
    ]);
  });
});

describe('anthropic request: structured output', () => {
  const schema = {
    $schema: 'x',
    type: 'object',
    properties: {
      when: { type: 'string', format: 'date' },
      mail: { type: 'string', format: 'idn-email', maxLength: 9, description: 'Where to' },
      kind: { oneOf: [{ type: 'null' }, { $ref: '#/$defs/kind', description: 'x' }] },
    },
    $defs: { kind: { type: 'array', items: { type: 'object' }, minItems: 2 } },
  };
  const format = { type: 'json_schema' as const, name: 'plan', schema };

  test('newer models get the schema in the form that their decoder accepts', () => {
    expect(
      settingsBody({ format, reasoning: { effort: 'low' } }, { model: 'claude-opus-5' }).output_config,
    ).toEqual({
      effort: 'low',
      format: {
        type: 'json_schema',
        schema: {
          type: 'object',
          additionalProperties: false,
          properties: {
            when: { type: 'string', format: 'date' },
            mail: { type: 'string', description: 'Where to\nformat: "idn-email"; maxLength: 9' },
            kind: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/kind' }] },
          },
          $defs: {
            kind: {
              type: 'array',
              items: { type: 'object', additionalProperties: false },
              description: 'minItems: 2',
            },
          },
        },
      },
    });
  });

  test('older models answer with a tool call', () => {
    const model = 'claude-3-haiku-20240307';
    const alone = settingsBody({ format }, { model });
    expect(alone.output_config).toBeUndefined();
    expect(alone.tools).toMatchObject([{ name: 'structured_answer', input_schema: schema }]);
    expect(alone.tool_choice).toEqual({
      type: 'tool',
      name: 'structured_answer',
      disable_parallel_tool_use: true,
    });
    const tools: Settings['tools'] = [{ type: 'function', name: 'a' }];
    expect(settingsBody({ format, tools }, { model }).tool_choice).toMatchObject({ type: 'any' });
  });

  test('JSON without a schema is requested in the instructions', () => {
    expect(settingsBody({ format: { type: 'json_object' } }).system).toMatchObject([{ type: 'text' }]);
    expect(settingsBody({ format: { type: 'text' } }).system).toBeUndefined();
  });
});

describe('anthropic request: cache marks', () => {
  test('are after the prefix, where the last request ended, and at the end', () => {
    const tools: Settings['tools'] = [
      { type: 'function', name: 'a' },
      { type: 'function', name: 'b' },
    ];
    const items = [userMessage('A'), said('1'), userMessage('B'), said('2'), userMessage('C')];
    const body = bodyOf(items, { instructions: 'S', settings: { tools } });
    expect(body.tools).toMatchObject([{ name: 'a' }, { name: 'b', ...MARK }]);
    expect(body.system).toEqual([{ ...text('S'), ...MARK }]);
    expect(body.messages).toEqual([
      user(text('A')),
      assistant(text('1')),
      user({ ...text('B'), ...MARK }),
      assistant(text('2')),
      user({ ...text('C'), ...MARK }),
    ]);
  });

  test("no marks are added to a caller's own", () => {
    const marks = (body: unknown) => JSON.stringify(body).match(/"cache_control":\{[^}]*\}/g);
    const ttl = '"cache_control":{"type":"ephemeral","ttl":"1h"}';
    const marked = { item: userMessage('A'), marks: [{ part: 0, ttl: '1h' }] };
    expect(marks(bodyOf([marked, said('1'), userMessage('B')], { instructions: 'S' }))).toEqual([ttl]);
    const tool = { type: 'function', name: 'a', cache_control: { type: 'ephemeral', ttl: '1h' } };
    const onTool = { settings: { tools: [tool] as Settings['tools'] } };
    expect(marks(bodyOf([userMessage('A')], onTool))).toEqual([ttl]);
    const extra = { cache_control: { type: 'ephemeral', ttl: '1h' } };
    const automatic: Partial<Prompt> = { dialect: 'anthropic', extra };
    expect(marks(bodyOf([userMessage('A')], automatic))).toEqual([ttl]);
  });

  test("are where the caller's are: on parts, messages, instructions, calls, outputs and foreign answers", () => {
    const whole = [{}];
    const body = bodyOf([
      { item: told('system', 'S'), marks: whole },
      {
        item: asked({ type: 'input_text', text: 'A' }, { type: 'input_text', text: ' ' }),
        marks: [{ part: 1 }],
      },
      { item: call('1'), marks: whole },
      { item: output('1', 'B'), marks: whole },
      { ...foreign(said('2')), marks: whole },
      userMessage('C'),
    ]);
    expect(body.system).toEqual([{ ...text('S'), ...MARK }]);
    expect(body.messages).toEqual([
      user({ ...text('A'), ...MARK }),
      assistant({ type: 'tool_use', id: '1', name: 'look', input: {}, ...MARK }),
      user({ type: 'tool_result', tool_use_id: '1', content: 'B', ...MARK }),
      assistant({ ...text('2'), ...MARK }),
      user(text('C')),
    ]);
  });

  test('a tool with deferred loading is not marked', () => {
    const tools = [
      { type: 'function' as const, name: 'a' },
      { type: 'function' as const, name: 'b', defer_loading: true },
    ];
    expect(settingsBody({ tools }, { dialect: 'anthropic' }).tools).toMatchObject([
      { name: 'a', ...MARK },
      { name: 'b', defer_loading: true },
    ]);
  });
});
