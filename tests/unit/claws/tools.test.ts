import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { Provider } from '../../../src/claws/claw.ts';
import { argumentsOf, CustomInput, inputOf } from '../../../src/claws/tools/custom-input.ts';
import { ToolNames } from '../../../src/claws/tools/names.ts';
import { Renaming, renamed } from '../../../src/claws/tools/property-names.ts';
import { topObject } from '../../../src/claws/tools/schema.ts';
import { toolTable } from '../../../src/claws/tools/table.ts';
import { translateTools } from '../../../src/claws/tools/translate.ts';
import type { Delta } from '../../../src/core/delta.ts';
import { foldAll } from '../../../src/core/fold.ts';
import { type Item, userMessage } from '../../../src/core/items.ts';
import type { Prompt, PromptItem, ProtocolName } from '../../../src/core/prompt.ts';
import type { Tool } from '../../../src/core/settings.ts';

const apiOf = (protocol: ProtocolName, id: string) => {
  const provider: Provider = { id, baseUrl: '', quirks: {} };
  return { provider: id, protocol, table: toolTable(protocol, provider) };
};

const prompt = (changes: Partial<Prompt> = {}): Prompt => ({
  model: 'm',
  items: [],
  settings: {},
  stream: true,
  dialect: 'openai-responses',
  extra: {},
  ...changes,
});

describe('the input of a custom call', () => {
  const read = (pieces: string[]): string => {
    const input = new CustomInput();
    return pieces.map((piece) => input.push(piece)).join('') + input.end();
  };

  test('is the same however its arguments are cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.array(fc.nat()), (text, cuts) => {
        const whole = argumentsOf(text);
        const at = [0, ...cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b), whole.length];
        const pieces = at.slice(1).map((end, index) => whole.slice(at[index], end));
        expect(read(pieces)).toBe(text);
        expect(read([...whole])).toBe(text);
      }),
    );
  });

  test('comes as soon as it can be read, with whole characters', () => {
    const input = new CustomInput();
    const pieces = ['{"in', 'put": "a', 'b\\', 'n\\u00', 'e9 \\ud83d', '\\ude00 ', '\ud83d', '\ude00"', '}'];
    expect(pieces.map((piece) => input.push(piece))).toEqual(['', 'a', 'b', '\n', 'é ', '😀 ', '', '😀', '']);
    expect(input.end()).toBe('');
  });

  test.each([
    ['a cut', '{"input": "half an es\\', 'half an es'],
    ['line ends without escapes', '{"input": "a\nb"}', 'a\nb'],
    ['another order', '{"why": "x", "input": "a"}', 'a'],
    ['another name', '{"text": "a"}', 'a'],
    ['no fields', '{}', ''],
    ['nothing', '', ''],
    ['a string', '"a"', 'a'],
    ['no JSON', 'ls -l', 'ls -l'],
    ['several other fields', '{"a": 1, "b": 2}', '{"a": 1, "b": 2}'],
  ])('%s', (_, args, expected) => {
    expect(read([args])).toBe(expected);
    expect(read([...args])).toBe(expected);
    expect(inputOf(args)).toBe(expected);
  });
});

describe('names', () => {
  test('are valid, different and always the same', () => {
    const table = { names: /^[a-zA-Z0-9_-]+$/, nameLength: 8 };
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ unit: 'binary' }), { maxLength: 30 }), (list) => {
        const names = new ToolNames(table);
        const sent = list.map((name) => names.sentFor({ kind: 'function', name }));
        expect(new Set(sent).size).toBe(list.length);
        for (const [index, name] of sent.entries()) {
          expect(name).toMatch(/^[a-zA-Z0-9_-]{1,8}$/);
          expect(names.toolOf(name)?.name).toBe(list[index]!);
          expect(names.sentFor({ kind: 'function', name: list[index]! })).toBe(name);
        }
      }),
    );
  });
});

describe('the names of fields', () => {
  test('change only at the top, wherever the text is cut', () => {
    const names = new Map([
      ['a', '$a'],
      ['b', 'b "2" \\'],
    ]);
    const own = (value: Record<string, unknown>) =>
      Object.fromEntries(Object.entries(value).map(([name, inner]) => [names.get(name) ?? name, inner]));
    const key = fc.oneof(fc.constantFrom('a', 'b'), fc.string({ unit: 'binary' }));
    fc.assert(
      fc.property(
        fc.dictionary(key, fc.oneof(fc.jsonValue(), fc.dictionary(key, fc.jsonValue()))),
        fc.constantFrom(0, 2),
        fc.array(fc.nat()),
        (value, indent, cuts) => {
          const text = JSON.stringify(value, null, indent);
          const expected = JSON.stringify(own(value), null, indent);
          const at = [0, ...cuts.map((cut) => cut % (text.length + 1)).sort((x, y) => x - y), text.length];
          const renaming = new Renaming(names);
          const pieces = at.slice(1).map((end, index) => renaming.push(text.slice(at[index], end)));
          expect(pieces.join('') + renaming.end()).toBe(expected);
          expect(renamed(text, names)).toBe(expected);
        },
      ),
    );
  });

  test.each([
    ['{"a', '{"a'],
    ['{"a": "x, \\"a', '{"$a": "x, \\"a'],
    ['{"\\u0061":1,', '{"$a":1,'],
    ['', ''],
    ['no JSON', 'no JSON'],
  ])('of a cut text %s', (text, expected) => {
    expect(renamed(text, new Map([['a', '$a']]))).toBe(expected);
  });
});

describe('schemas', () => {
  test('with an object at the top are left as they are', () => {
    const schema = { type: 'object', properties: { a: { anyOf: [{ type: 'string' }, { type: 'null' }] } } };
    expect(topObject(schema)).toBe(schema);
  });

  test.each(['constructor', 'toString', '__proto__'])('may have a property that is called %s', (name) => {
    const option = (type: string) => ({ properties: Object.fromEntries([[name, { type }]]) });
    for (const combiner of ['allOf', 'anyOf', 'oneOf']) {
      const { properties } = topObject({ [combiner]: [option('string')] });
      expect(Object.entries(properties as object)).toEqual([[name, { type: 'string' }]]);
    }
    const both = { anyOf: [{ type: 'string' }, { type: 'number' }] };
    const { properties } = topObject({ oneOf: [option('string'), option('number')] });
    expect(Object.entries(properties as object)).toEqual([[name, both]]);
  });

  test('have their references and all parts of `allOf` in one object', () => {
    const $defs = { Base: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] } };
    const allOf = [{ $ref: '#/$defs/Base' }, { properties: { n: { type: 'number' } }, required: ['n'] }];
    expect(topObject({ allOf, $defs, description: 'D' })).toEqual({
      type: 'object',
      description: 'D',
      properties: { id: { type: 'string' }, n: { type: 'number' } },
      required: ['id', 'n'],
      $defs,
    });
    expect(topObject({ $ref: '#/$defs/Base', $defs })).toMatchObject({ type: 'object', required: ['id'] });
    expect(topObject({ $ref: '#/$defs/Loop', $defs: { Loop: { $ref: '#/$defs/Loop' } } })).toMatchObject({
      type: 'object',
      properties: {},
    });
  });

  test('have the alternatives as properties, and name them in the description', () => {
    const option = (kind: string, field: string) => ({
      type: 'object',
      properties: { kind: { const: kind }, [field]: { type: 'string' } },
      required: ['kind', field],
    });
    expect(topObject({ type: 'object', oneOf: [option('a', 'x'), option('b', 'y')] })).toEqual({
      type: 'object',
      description: 'Give one of these sets of fields: kind, x | kind, y.',
      properties: {
        kind: { anyOf: [{ const: 'a' }, { const: 'b' }] },
        x: { type: 'string' },
        y: { type: 'string' },
      },
      required: ['kind'],
    });
  });

  test('always have an object at the top', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom('type', 'anyOf', 'allOf', '$ref', 'enum', 'not', 'required'),
          fc.jsonValue(),
        ),
        (schema) => {
          const top = topObject(schema);
          expect(top.type).toBe('object');
          for (const key of ['anyOf', 'allOf', 'oneOf', '$ref', 'enum', 'not'])
            expect(top).not.toHaveProperty(key);
        },
      ),
    );
  });
});

describe('calls of hosted tools', () => {
  const from = (origin: string, protocol: string, item: object, native?: unknown): PromptItem => ({
    item: item as Item,
    origin,
    protocol,
    native,
    answeredBy: origin,
  });
  const read = (items: PromptItem[], protocol: 'openai-chat' | 'anthropic' = 'openai-chat') =>
    translateTools(prompt({ items }), apiOf(protocol, protocol === 'anthropic' ? 'anthropic' : 'groq')).prompt
      .items;
  const anthropic = (item: object) => from('anthropic', 'anthropic', item);

  const found = [{ type: 'web_search_result', title: 'T', url: 'u', encrypted_content: 'secret' }];
  const claude = [
    { item: userMessage('look') },
    anthropic({ type: 'server_tool_use', name: 'code_execution', input: { code: 'search()' } }),
    anthropic({ type: 'server_tool_use', name: 'web_search', input: { query: 'q' } }),
    anthropic({ type: 'web_search_tool_result', tool_use_id: 's2', content: found }),
    anthropic({ type: 'code_execution_tool_result', tool_use_id: 's1', content: { stdout: '1' } }),
    anthropic({ type: 'server_tool_use', name: 'web_fetch', input: { url: 'u' } }),
  ];

  test('of Anthropic are pairs with their own results, and one line without', () => {
    const items = read(claude).map(({ item }) => item);
    expect(items).toMatchObject([
      { role: 'user' },
      { type: 'function_call', name: 'code_execution', arguments: '{"code":"search()"}' },
      { type: 'function_call_output', output: '{"stdout":"1"}' },
      { type: 'function_call', name: 'web_search', arguments: '{"query":"q"}' },
      { type: 'function_call_output', output: '[{"type":"web_search_result","title":"T","url":"u"}]' },
      { content: [{ text: '[The tool web_fetch was run: {"url":"u"}]' }] },
    ]);
    expect(JSON.stringify(items)).not.toContain('secret');
  });

  test('of Anthropic may have odd names', () => {
    const odd = anthropic({ type: 'server_tool_use', name: { toString: 5 }, input: {} });
    const result = anthropic({ type: 'web_search_tool_result', content: found });
    expect(read([odd, result])[0]?.item).toMatchObject({
      content: [{ text: '[The tool server_tool_use was run: {}]' }],
    });
  });

  test('go back to their own provider unchanged', () => {
    expect(read(claude, 'anthropic')).toEqual(claude);
  });

  test('of Gemini are pairs', () => {
    const part = (item: object) => from('gemini', 'gemini', item);
    const items = read([
      part({ type: 'gemini:executableCode', executableCode: { language: 'PYTHON', code: 'print(1)' } }),
      part({
        type: 'gemini:codeExecutionResult',
        codeExecutionResult: { outcome: 'OUTCOME_OK', output: '1' },
      }),
    ]);
    expect(items.map(({ item }) => item)).toMatchObject([
      { type: 'function_call', name: 'code_execution', arguments: '{"language":"PYTHON","code":"print(1)"}' },
      { type: 'function_call_output', output: '{"outcome":"OUTCOME_OK","output":"1"}' },
    ]);
  });

  test('that xAI wrote as custom calls are one line elsewhere', () => {
    const call = {
      type: 'custom_tool_call',
      call_id: 'x',
      name: 'x_search',
      input: '{}',
      execution: 'server',
    };
    expect(read([from('xai', 'openai-responses', call)])[0]?.item).toMatchObject({
      type: 'message',
      content: [{ text: '[The tool x_search was run: {}]' }],
    });
  });

  test('that the caller ran are pairs at another provider of the same API', () => {
    const call = { type: 'shell_call', call_id: 'c', action: { commands: ['ls'] }, status: 'completed' };
    const output = { type: 'shell_call_output', call_id: 'c', output: [{ stdout: 'a.txt' }] };
    const items = [from('openai', 'openai-responses', call), { item: output as unknown as Item }];
    const sentTo = (id: string) =>
      translateTools(prompt({ items }), apiOf('openai-responses', id)).prompt.items.map(({ item }) => item);
    expect(sentTo('azure')).toMatchObject([
      { type: 'function_call', name: 'shell', arguments: '{"commands":["ls"]}' },
      { type: 'function_call_output', output: '[{"stdout":"a.txt"}]' },
    ]);
    expect(sentTo('openai')).toMatchObject([call, output]);
  });

  test('screens are images', () => {
    const items = read([
      from('openai', 'openai-responses', {
        type: 'computer_call',
        call_id: 'c',
        action: { type: 'screenshot' },
      }),
      {
        item: {
          type: 'computer_call_output',
          call_id: 'c',
          output: { type: 'computer_screenshot', image_url: 'data:image/png;base64,AA==' },
        } as unknown as Item,
      },
    ]);
    expect(items.map(({ item }) => item)).toMatchObject([
      { type: 'function_call', name: 'computer' },
      { type: 'function_call_output', output: [{ type: 'input_image' }] },
    ]);
  });
});

test('a prompt that needs no translation is not copied', () => {
  const tools: Tool[] = [{ type: 'function', name: 'f', parameters: { type: 'object', properties: {} } }];
  const call: Item = { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' };
  const output: Item = { type: 'function_call_output', call_id: 'c', output: 'x' };
  const same = prompt({
    settings: { tools },
    items: [{ item: userMessage('Hi') }, { item: call }, { item: output }],
  });
  for (const protocol of ['openai-chat', 'openai-responses', 'anthropic', 'gemini'] as const) {
    const translated = translateTools(same, apiOf(protocol, 'groq'));
    expect(translated.prompt).toBe(same);
    const delta: Delta = { type: 'item-start', index: 0, item: call };
    expect(translated.restore([delta])[0]).toBe(delta);
  }
});

test('a custom call keeps what its provider needs again', () => {
  const tools = [{ type: 'custom', name: 'patch' }] as unknown as Tool[];
  const { restore } = translateTools(prompt({ settings: { tools } }), apiOf('gemini', 'gemini'));
  const item: Item = { type: 'function_call', call_id: 'c', name: 'patch', arguments: '' };
  const native = { thoughtSignature: 's' };
  const folded = foldAll(
    restore([
      { type: 'item-start', index: 0, item },
      { type: 'arguments-delta', index: 0, text: '{"input":"a"}' },
      { type: 'item-end', index: 0, native },
    ]),
  );
  const [entry] = folded.items;
  expect(entry).toMatchObject({
    item: { type: 'custom_tool_call', call_id: 'c', name: 'patch', input: 'a' },
    native,
  });
  const history = [{ item: entry!.item, origin: 'gemini', protocol: 'gemini', native }];
  const again = translateTools(prompt({ items: history, settings: { tools } }), apiOf('gemini', 'gemini'));
  expect(again.prompt.items).toMatchObject([
    { item: { type: 'function_call', name: 'patch', arguments: '{"input":"a"}' }, native },
  ]);
});
