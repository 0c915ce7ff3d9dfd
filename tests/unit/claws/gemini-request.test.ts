import { describe, expect, test } from 'bun:test';
import type { Provider } from '../../../src/claws/claw.ts';
import { gemini } from '../../../src/claws/gemini/protocol.ts';
import type { Item, OtherType } from '../../../src/core/items.ts';
import { userMessage } from '../../../src/core/items.ts';
import type { Prompt, PromptItem } from '../../../src/core/prompt.ts';

const BASE = 'https://generativelanguage.googleapis.com';
const provider: Provider = { id: 'gemini', baseUrl: BASE, apiKey: 'key', quirks: {} };

function promptOf(items: (Item | PromptItem)[], changes: Partial<Prompt> = {}): Prompt {
  const entries = items.map((item) => ('item' in item ? item : { item })) as PromptItem[];
  return {
    model: 'gemini-3-flash-preview',
    items: entries,
    settings: {},
    stream: false,
    dialect: 'openai-responses',
    extra: {},
    ...changes,
  };
}

const bodyOf = (items: (Item | PromptItem)[], changes: Partial<Prompt> = {}) =>
  gemini.request(promptOf(items, changes), provider).body;

const contentsOf = (items: (Item | PromptItem)[], changes: Partial<Prompt> = {}) =>
  bodyOf(items, changes).contents;

const assistant = (text: string): Item => ({
  type: 'message',
  role: 'assistant',
  content: [{ type: 'output_text', text, annotations: [] }],
});
const call = (call_id: string, name: string, args = '{}'): Item => ({
  type: 'function_call',
  call_id,
  name,
  arguments: args,
});
const output = (call_id: string, text: string): Item => ({
  type: 'function_call_output',
  call_id,
  output: text,
});
const own = (item: Item, native?: unknown): PromptItem => ({ item, origin: 'gemini', native });

describe('gemini request: envelope', () => {
  test('a whole request, byte for byte', () => {
    const prompt = promptOf(
      [
        { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'Be brief.' }] },
        userMessage('Weather in Oslo?'),
      ],
      {
        instructions: 'You are a clerk.',
        settings: {
          max_output_tokens: 100,
          temperature: 0.5,
          tools: [{ type: 'function', name: 'weather', description: 'Now', parameters: { type: 'object' } }],
          tool_choice: 'auto',
        },
      },
    );
    const request = gemini.request(prompt, provider);
    expect(request.path).toBe('/v1beta/models/gemini-3-flash-preview:generateContent');
    expect(request.headers).toEqual({ 'x-goog-api-key': 'key' });
    expect(JSON.stringify(request.body)).toBe(
      '{"systemInstruction":{"parts":[{"text":"You are a clerk."},{"text":"Be brief."}]},' +
        '"contents":[{"role":"user","parts":[{"text":"Weather in Oslo?"}]}],' +
        '"tools":[{"functionDeclarations":[{"name":"weather","description":"Now",' +
        '"parametersJsonSchema":{"type":"object"}}]}],' +
        '"toolConfig":{"functionCallingConfig":{"mode":"AUTO"}},' +
        '"generationConfig":{"maxOutputTokens":100,"temperature":0.5}}',
    );
    expect(JSON.stringify(gemini.request(prompt, provider))).toBe(JSON.stringify(request));
  });

  test('streams request server-sent events', () => {
    const { path } = gemini.request(promptOf([userMessage('x')], { stream: true }), provider);
    expect(path).toBe('/v1beta/models/gemini-3-flash-preview:streamGenerateContent?alt=sse');
  });

  test('signatures that reasoning carries are put back on the calls and texts of the caller', () => {
    const carrier = (carries: unknown) => own({ type: 'reasoning', summary: [] }, { carries });
    const thought = { type: 'reasoning', summary: [{ type: 'summary_text', text: 'hm' }] } as const;
    const parts = (length: number, thoughtSignature: string) => ({
      text: { parts: [{ length, thoughtSignature }] },
    });
    const items = [
      userMessage('x'),
      own(
        { ...thought, summary: [...thought.summary] },
        { carries: { call: 'a', partFields: { thoughtSignature: 's1' } } },
      ),
      call('a', 'f'),
      output('a', '1'),
      carrier({ call: 'b', partFields: { thoughtSignature: 's2' } }),
      call('b_2', 'f'),
      output('b_2', '2'),
      assistant('one'),
      carrier(parts(3, 's3')),
      userMessage('y'),
      carrier(parts(3, 's4')),
      assistant('two'),
      carrier(parts(9, 'of another text')),
      carrier({ call: 'gone', partFields: { thoughtSignature: 'of another call' } }),
      userMessage('z'),
      call('c', 'f'),
      output('c', '3'),
    ];
    const functionCall = { name: 'f', args: {} };
    const contents = contentsOf(items) as { role: string; parts: unknown[] }[];
    expect(contents.filter(({ role }) => role === 'model').map(({ parts }) => parts)).toEqual([
      [
        { text: 'hm', thought: true },
        { functionCall, thoughtSignature: 's1' },
      ],
      [{ functionCall, thoughtSignature: 's2' }],
      [{ text: 'one', thoughtSignature: 's3' }],
      [{ text: 'two', thoughtSignature: 's4' }],
      [{ functionCall, thoughtSignature: 'skip_thought_signature_validator' }],
    ]);
  });

  test.each([
    ['https://proxy.test/v1beta', 'm', '/models/m:generateContent'],
    ['https://host.test/v1/projects/p/publishers/google', 'm', '/models/m:generateContent'],
    [BASE, 'tunedModels/mine', '/v1beta/tunedModels/mine:generateContent'],
    [BASE, 'a?b', '/v1beta/models/a%3Fb:generateContent'],
  ])('path for %s and %s', (baseUrl, model, path) => {
    const request = gemini.request(promptOf([userMessage('x')], { model }), { ...provider, baseUrl });
    expect(request.path).toBe(path);
  });

  test('without a key no header is sent', () => {
    const request = gemini.request(promptOf([userMessage('x')]), { ...provider, apiKey: undefined });
    expect(request.headers).toEqual({});
  });

  test('extra fields are sent only from the same dialect, and known fields take precedence', () => {
    const extra = {
      safetySettings: [{ category: 'X' }],
      contents: 'mine',
      generationConfig: { topK: 3, temperature: 2 },
    };
    const settings = { temperature: 1 };
    expect(bodyOf([userMessage('x')], { dialect: 'gemini', extra, settings })).toEqual({
      safetySettings: [{ category: 'X' }],
      contents: [{ role: 'user', parts: [{ text: 'x' }] }],
      generationConfig: { topK: 3, temperature: 1 },
    });
    expect(bodyOf([userMessage('x')], { extra, settings })).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'x' }] }],
      generationConfig: { temperature: 1 },
    });
  });
});

describe('gemini request: messages', () => {
  test('neighbours of one role share a content', () => {
    expect(contentsOf([userMessage('a'), userMessage('b'), assistant('c'), assistant('d')])).toEqual([
      { role: 'user', parts: [{ text: 'a' }, { text: 'b' }] },
      { role: 'model', parts: [{ text: 'c' }, { text: 'd' }] },
    ]);
  });

  test('later instructions become marked user text at their position', () => {
    const late: Item = {
      type: 'message',
      role: 'system',
      content: [{ type: 'input_text', text: 'Now rhyme.' }],
    };
    expect(contentsOf([userMessage('a'), assistant('b'), late])).toEqual([
      { role: 'user', parts: [{ text: 'a' }] },
      { role: 'model', parts: [{ text: 'b' }] },
      { role: 'user', parts: [{ text: '<instructions>\nNow rhyme.\n</instructions>' }] },
    ]);
  });

  test('instructions alone, and those for old Gemma, become user text', () => {
    expect(bodyOf([], { instructions: 'Say hi.' })).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'Say hi.' }] }],
    });
    expect(bodyOf([userMessage('x')], { instructions: 'Be.', model: 'gemma-3-27b-it' })).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'Be.' }, { text: 'x' }] }],
    });
  });

  test('empty texts, which Gemini refuses, are left out', () => {
    expect(contentsOf([userMessage(''), userMessage('x'), assistant('')])).toEqual([
      { role: 'user', parts: [{ text: 'x' }] },
    ]);
  });

  test('images, files and audio', () => {
    const item: Item = {
      type: 'message',
      role: 'user',
      content: [
        { type: 'input_image', image_url: 'data:image/png;base64,AAAA' },
        { type: 'input_image', image_url: 'https://host.test/cat.JPG?size=2' },
        { type: 'input_image', image_url: 'https://host.test/cat' },
        { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,BBBB' },
        { type: 'input_file', filename: 'a.txt', file_data: 'CCCC' },
        { type: 'input_file', file_data: 'data:text/plain,h%C3%A9' },
        { type: 'input_file', file_url: 'https://host.test/b.pdf' },
        { type: 'input_file', file_id: 'files/abc' },
        { type: 'input_audio', input_audio: { data: 'DDDD', format: 'wav' } },
        { type: 'video_url' as OtherType, url: 'x' },
      ],
    };
    expect(contentsOf([item])).toEqual([
      {
        role: 'user',
        parts: [
          { inlineData: { mimeType: 'image/png', data: 'AAAA' } },
          { fileData: { mimeType: 'image/jpeg', fileUri: 'https://host.test/cat.JPG?size=2' } },
          { fileData: { fileUri: 'https://host.test/cat' } },
          { inlineData: { mimeType: 'application/pdf', data: 'BBBB' } },
          { inlineData: { mimeType: 'text/plain', data: 'CCCC' } },
          { inlineData: { mimeType: 'text/plain', data: Buffer.from('hé').toString('base64') } },
          { fileData: { mimeType: 'application/pdf', fileUri: 'https://host.test/b.pdf' } },
          { fileData: { fileUri: `${BASE}/v1beta/files/abc` } },
          { inlineData: { mimeType: 'audio/wav', data: 'DDDD' } },
          { text: '[content of type "video_url", which cannot be read here]' },
        ],
      },
    ]);
  });
});

describe('gemini request: calls', () => {
  test('parallel calls and their outputs, in the order of the calls', () => {
    const items = [
      userMessage('q'),
      call('c1', 'weather', '{"city":"Oslo"}'),
      call('c2', 'time'),
      output('c2', '12:00'),
      output('c1', '{"sky":"grey"}'),
      userMessage('and?'),
    ];
    expect(contentsOf(items, { model: 'gemini-2.5-flash' })).toEqual([
      { role: 'user', parts: [{ text: 'q' }] },
      {
        role: 'model',
        parts: [
          { functionCall: { name: 'weather', args: { city: 'Oslo' } } },
          { functionCall: { name: 'time', args: {} } },
        ],
      },
      {
        role: 'user',
        parts: [
          { functionResponse: { name: 'weather', response: { sky: 'grey' } } },
          { functionResponse: { name: 'time', response: { result: '12:00' } } },
        ],
      },
      { role: 'user', parts: [{ text: 'and?' }] },
    ]);
  });

  test('outputs directly follow their calls, also when other items came between', () => {
    const items = [userMessage('go'), call('c1', 'a'), userMessage('wait'), output('c1', 'done')];
    expect(contentsOf(items, { model: 'gemini-2.5-flash' })).toEqual([
      { role: 'user', parts: [{ text: 'go' }] },
      { role: 'model', parts: [{ functionCall: { name: 'a', args: {} } }] },
      { role: 'user', parts: [{ functionResponse: { name: 'a', response: { result: 'done' } } }] },
      { role: 'user', parts: [{ text: 'wait' }] },
    ]);
  });

  test('a call id that repeats in each turn means the newest call', () => {
    const items = [call('c', 'a'), output('c', '1'), userMessage('x'), call('c', 'b'), output('c', '2')];
    const names = JSON.stringify(contentsOf(items)).match(/"functionResponse":\{"name":"."/g);
    expect(names).toEqual(['"functionResponse":{"name":"a"', '"functionResponse":{"name":"b"']);
  });

  test("Gemini's own ids and signatures are sent back, generated ids are not", () => {
    const items = [
      userMessage('go'),
      own(call('g1', 'a'), { givenId: true, thoughtSignature: 'sig' }),
      own(call('call_r_0_1', 'b')),
      output('g1', 'x'),
      output('call_r_0_1', 'y'),
    ];
    expect(contentsOf(items)).toEqual([
      { role: 'user', parts: [{ text: 'go' }] },
      {
        role: 'model',
        parts: [
          { functionCall: { id: 'g1', name: 'a', args: {} }, thoughtSignature: 'sig' },
          { functionCall: { name: 'b', args: {} } },
        ],
      },
      {
        role: 'user',
        parts: [
          { functionResponse: { id: 'g1', name: 'a', response: { result: 'x' } } },
          { functionResponse: { name: 'b', response: { result: 'y' } } },
        ],
      },
    ]);
  });

  test('a step of another provider gets the documented signature, only on its first call', () => {
    const foreign = (id: string): PromptItem => ({
      item: call(id, 'a'),
      origin: 'openai',
      native: { thoughtSignature: 'not for you' },
    });
    const items = [foreign('c1'), foreign('c2'), output('c1', ''), output('c2', ''), foreign('c3')];
    const signatures = (model: string) =>
      JSON.stringify(contentsOf(items, { model })).match(/"thoughtSignature":"[^"]*"/g);
    const documented = '"thoughtSignature":"skip_thought_signature_validator"';
    expect(signatures('gemini-3-flash-preview')).toEqual([documented, documented]);
    expect(signatures('gemini-flash-latest')).toEqual([documented, documented]);
    expect(signatures('gemini-2.5-pro')).toBeNull();
    expect(signatures('gemma-4-31b-it')).toBeNull();
  });

  test('arguments that are no object are wrapped', () => {
    const items = [call('1', 'a', '[1]'), call('2', 'a', '{"x":'), call('3', 'a', '')];
    const found = JSON.stringify(contentsOf(items)).match(/"args":\{.*?\}/g);
    expect(found).toEqual([
      '"args":{"invalid_arguments":"[1]"}',
      '"args":{"invalid_arguments":"{\\"x\\":"}',
      '"args":{}',
    ]);
  });

  test('media of an output is inside it since Gemini 3, and after it before', () => {
    const items: Item[] = [
      userMessage('go'),
      call('c', 'look'),
      {
        type: 'function_call_output',
        call_id: 'c',
        output: [
          { type: 'input_text', text: 'seen' },
          { type: 'input_image', image_url: 'data:image/png;base64,AA' },
          { type: 'input_image', image_url: 'https://host.test/a.png' },
        ],
      },
    ];
    const inline = { inlineData: { mimeType: 'image/png', data: 'AA' } };
    const linked = { fileData: { mimeType: 'image/png', fileUri: 'https://host.test/a.png' } };
    expect((contentsOf(items) as unknown[])[2]).toEqual({
      role: 'user',
      parts: [{ functionResponse: { name: 'look', response: { result: 'seen' }, parts: [inline] } }, linked],
    });
    expect((contentsOf(items, { model: 'gemini-2.5-pro' }) as unknown[])[2]).toEqual({
      role: 'user',
      parts: [{ functionResponse: { name: 'look', response: { result: 'seen' } } }, inline, linked],
    });
  });

  test('a history that begins with a call gets a user content before it', () => {
    expect(contentsOf([call('c', 'a'), output('c', '1')], { model: 'gemini-2.5-pro' })).toMatchObject([
      { role: 'user', parts: [{ text: 'Begin.' }] },
      { role: 'model' },
      { role: 'user' },
    ]);
  });

  test('an output without its call is an error of the caller', () => {
    expect(() => bodyOf([output('nowhere', 'x')])).toThrow(
      expect.objectContaining({ code: 'tool_output_without_call' }),
    );
  });
});

describe('gemini request: items that the model wrote', () => {
  const reasoning: Item = {
    type: 'reasoning',
    summary: [],
    content: [{ type: 'reasoning_text', text: 'hmm' }],
  };

  test('signed parts are sent back unchanged', () => {
    const native = { parts: [{ length: 2 }, { length: 1, thoughtSignature: 's' }, { length: 0, x: 1 }] };
    expect(contentsOf([own(reasoning, { thoughtSignature: 't' }), own(assistant('abc'), native)])).toEqual([
      {
        role: 'model',
        parts: [
          { text: 'hmm', thought: true, thoughtSignature: 't' },
          { text: 'ab' },
          { text: 'c', thoughtSignature: 's' },
          { text: '', x: 1 },
        ],
      },
    ]);
  });

  test('an empty message with a signature is sent back too', () => {
    const empty: Item = { type: 'message', role: 'assistant', content: [] };
    expect(contentsOf([own(empty, { thoughtSignature: 's' })])).toEqual([
      { role: 'model', parts: [{ text: '', thoughtSignature: 's' }] },
    ]);
  });

  test('a text that was changed since then loses only its part fields', () => {
    const native = { parts: [{ length: 2 }, { length: 9, thoughtSignature: 's' }] };
    expect(contentsOf([own(assistant('abc'), native)])).toEqual([
      { role: 'model', parts: [{ text: 'abc' }] },
    ]);
  });

  test('of another provider only text is sent', () => {
    const other = (item: Item): PromptItem => ({
      item,
      origin: 'openai',
      native: { thoughtSignature: 'no' },
    });
    const unknown: Item = { type: 'web_search_call' as OtherType };
    expect(contentsOf([other(reasoning), other(assistant('said')), other(unknown)])).toEqual([
      { role: 'model', parts: [{ text: 'said' }] },
    ]);
  });

  test('reasoning that a caller wrote is not sent', () => {
    expect(contentsOf([userMessage('x'), reasoning])).toEqual([{ role: 'user', parts: [{ text: 'x' }] }]);
  });

  test('kept parts are sent back whole', () => {
    const code = { executableCode: { language: 'PYTHON', code: '1' } };
    const item: Item = { type: 'gemini:executableCode' as OtherType, id: 'item_1', ...code };
    expect(contentsOf([own(item, { thoughtSignature: 's' })])).toEqual([
      { role: 'model', parts: [{ ...code, thoughtSignature: 's' }] },
    ]);
    expect(contentsOf([item])).toEqual([{ role: 'model', parts: [code] }]);
    expect(contentsOf([{ item, origin: 'vertex' }])).toEqual([]);
  });
});
