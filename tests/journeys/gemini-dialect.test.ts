import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { ROOT_KEY } from '../harness/gateway.ts';
import { type Journey, serverEvents, startJourney } from '../harness/journey.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { sent } from '../harness/upstream.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

/** Google's API at the gateway, over providers of every protocol. */

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney();
});
afterAll(() => journey.end());

const PROVIDERS = ['gemini', 'openai', 'anthropic', 'deepseek'];
const HELLO = { contents: [{ role: 'user', parts: [{ text: 'Hello' }] }] };

const post = (model: string, method: string, body: unknown, headers: Record<string, string> = {}) =>
  journey.gateway.post(`/v1beta/models/${model}:${method}`, body, headers);

async function generate(model: string, body: unknown, headers: Record<string, string> = {}): Promise<Json> {
  const reply = await post(model, 'generateContent', body, headers);
  return asJson(await reply.json());
}

async function stream(model: string, body: unknown, headers: Record<string, string> = {}): Promise<Json[]> {
  const reply = await post(model, 'streamGenerateContent?alt=sse', body, headers);
  return serverEvents(await reply.text()).events.map(({ data }) => data);
}

const candidateOf = (reply: Json | undefined): Json => asList(reply?.candidates)[0] ?? {};
const contentOf = (reply: Json | undefined): Json => asJson(candidateOf(reply).content);
const partsOf = (reply: Json | undefined): Json[] => asList(contentOf(reply).parts);
const textOf = (parts: Json[]): string =>
  parts
    .filter(({ thought }) => thought !== true)
    .map(({ text }) => asText(text))
    .join('');
const callsIn = (parts: Json[]): Json[] => parts.flatMap((part) => part.functionCall ?? []).map(asJson);
const last = () => journey.provider.requests.at(-1);
const lastBody = (): Json => asJson(last()?.body);

describe.each(PROVIDERS)('over %s', (provider) => {
  test('an answer is whole, with the name of the model, its tokens and an id', async () => {
    const reply = await generate(`${provider}/echo`, HELLO);
    expect(reply).toMatchObject({
      candidates: [
        {
          content: { role: 'model', parts: [{ text: 'You said: Hello' }] },
          finishReason: 'STOP',
          index: 0,
        },
      ],
      modelVersion: 'echo',
      responseId: expect.stringMatching(/^resp_/),
      usageMetadata: { candidatesTokenCount: 3 },
    });
  });

  test('a stream of events is the whole answer in parts', async () => {
    const chunks = await stream(`${provider}/echo`, HELLO);
    expect(chunks.length).toBeGreaterThan(2);
    expect(textOf(chunks.flatMap(partsOf))).toBe('You said: Hello');
    expect(chunks.map((chunk) => candidateOf(chunk).finishReason).filter(Boolean)).toEqual(['STOP']);
    expect(candidateOf(chunks.at(-1)).finishReason).toBe('STOP');
    expect(chunks.at(-1)).toMatchObject({ modelVersion: 'echo', usageMetadata: { candidatesTokenCount: 3 } });
  });

  test('without `alt=sse`, a stream is a JSON array', async () => {
    const reply = await post(`${provider}/echo`, 'streamGenerateContent', HELLO);
    expect(reply.headers.get('content-type')).toBe('application/json; charset=utf-8');
    const chunks = (await reply.json()) as Json[];
    expect(textOf(chunks.flatMap(partsOf))).toBe('You said: Hello');
  });

  test.each([
    ['whole', false],
    ['streamed', true],
  ])(
    'a thought comes back to its provider through the calls of a client without a session: %s',
    async (_, streams) => {
      const model = `${provider}/${provider === 'gemini' ? 'gemini-3-' : ''}think+tools+${provider}`;
      const ask = async (body: object) =>
        streams ? (await stream(model, body)).flatMap(partsOf) : partsOf(await generate(model, body));
      const rest = { tools: [PRINT], generationConfig: { thinkingConfig: { includeThoughts: true } } };
      const question = { role: 'user', parts: [{ text: 'Print a word' }] };
      const first = await ask({ contents: [question], ...rest });
      const [call] = callsIn(first);
      expect(call).toMatchObject({ name: 'print', args: { word: 'Paris' }, id: expect.any(String) });
      const output = { functionResponse: { id: call!.id, name: 'print', response: { output: 'done' } } };
      const contents = [question, { role: 'model', parts: first }, { role: 'user', parts: [output] }];
      const second = await ask({ contents, ...rest });
      expect(textOf(second)).toContain('The tools answered');
      expect(sent(last()).map((line) => line.split(' ')[0])).toEqual(
        provider === 'gemini' ? ['user:', 'call', 'output'] : ['user:', 'thought', 'call', 'output'],
      );
    },
  );

  test('a session recognises the history of its client', async () => {
    const headers = { 'x-session-id': `trip-${provider}` };
    const question = { role: 'user', parts: [{ text: 'Print a word' }] };
    const model = `${provider}/tools`;
    const first = await generate(model, { contents: [question], tools: [PRINT] }, headers);
    const [call] = callsIn(partsOf(first));
    const output = { functionResponse: { id: call!.id, name: 'print', response: { output: 'done' } } };
    const contents = [question, contentOf(first), { role: 'user', parts: [output] }];
    const reply = await post(model, 'generateContent', { contents, tools: [PRINT] }, headers);
    expect(reply.headers.get('x-clawhold-history')).toBe('matched');
    const answer = contentOf(asJson(await reply.json()));
    const again = await post(
      model,
      'generateContent',
      { contents: [...contents, answer, question] },
      headers,
    );
    expect(again.headers.get('x-clawhold-history')).toBe('matched');
  });
});

const PRINT = {
  functionDeclarations: [
    {
      name: 'print',
      description: 'Prints a word.',
      parameters: {
        type: 'OBJECT',
        properties: { word: { type: 'STRING', nullable: false } },
        required: ['word'],
      },
    },
  ],
};

test('keys are read from the header of Google and from the query', async () => {
  const url = `${journey.gateway.url}/v1beta/models/openai/echo:generateContent`;
  const ask = (path: string, headers: Record<string, string> = {}) =>
    fetch(path, { method: 'POST', body: JSON.stringify(HELLO), headers });
  expect((await ask(url, { 'x-goog-api-key': ROOT_KEY })).status).toBe(200);
  expect((await ask(`${url}?key=${ROOT_KEY}`)).status).toBe(200);
  const closed = await ask(url);
  expect([closed.status, await closed.json()]).toMatchObject([
    401,
    { error: { code: 401, status: 'UNAUTHENTICATED', details: [{ reason: 'MISSING_KEY' }] } },
  ]);
});

test('an error is in the envelope of Google and names the field', async () => {
  const reply = await post('openai/echo', 'generateContent', {
    ...HELLO,
    generationConfig: { temperature: 7 },
  });
  expect([reply.status, await reply.json()]).toMatchObject([
    400,
    {
      error: {
        code: 400,
        status: 'INVALID_ARGUMENT',
        message: expect.stringContaining('from 0 to 2'),
        details: [
          { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'INVALID_REQUEST' },
          { fieldViolations: [{ field: 'generationConfig.temperature' }] },
        ],
      },
    },
  ]);
});

test('an error inside a stream has the same envelope', async () => {
  const chunks = await stream('openai/echo+cut-1', HELLO);
  expect(chunks.at(-1)).toMatchObject({
    error: { code: 502, status: 'UNAVAILABLE', details: [{ reason: 'STREAM_INTERRUPTED' }] },
  });
  const reply = await post('openai/echo+cut-1', 'streamGenerateContent', HELLO);
  expect(((await reply.json()) as Json[]).at(-1)).toMatchObject({ error: { code: 502 } });
});

test('fields in the spelling of protobuf are read', async () => {
  await generate('gemini/gemini-3-echo', {
    contents: [{ role: 'user', parts: [{ inline_data: { mime_type: 'image/png', data: 'AAAA' } }] }],
    system_instruction: { parts: [{ text: 'Be short.' }] },
    generation_config: { max_output_tokens: 99, stop_sequences: ['x'] },
  });
  expect(sent(last())).toEqual(['system: Be short.', 'user: [image/png]']);
  expect(lastBody()).toMatchObject({ generationConfig: { maxOutputTokens: 99, stopSequences: ['x'] } });
});

describe('fields that only Google has', () => {
  const OWN = {
    generationConfig: {
      topK: 3,
      responseMimeType: 'application/json',
      responseSchema: { type: 'OBJECT', properties: { a: { type: 'STRING' } }, propertyOrdering: ['a'] },
      thinkingConfig: { thinkingBudget: 777 },
    },
    safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
  };

  test('reach a provider of this API unchanged', async () => {
    const tools = [{ functionDeclarations: PRINT.functionDeclarations }, { googleSearch: {} }];
    const toolConfig = { retrievalConfig: { languageCode: 'de' } };
    await generate('gemini/gemini-2.5-flash+json', { ...HELLO, ...OWN, cachedContent: 'cachedContents/1' });
    expect(lastBody()).toMatchObject({ ...OWN, cachedContent: 'cachedContents/1' });
    expect(asJson(lastBody().generationConfig).responseJsonSchema).toBeUndefined();
    await generate('gemini/gemini-3-echo', { ...HELLO, tools: [tools[1]], toolConfig });
    expect(lastBody()).toMatchObject({ tools: [{ googleSearch: {} }], toolConfig });
  });

  test('are left out for other models, and named', async () => {
    const reply = await post('openai/json', 'generateContent', { ...HELLO, ...OWN });
    expect([reply.status, reply.headers.get('x-clawhold-dropped-settings')]).toEqual([
      200,
      'safetySettings, generationConfig',
    ]);
    const schema = { type: 'object', properties: { a: { type: 'string' } } };
    expect(lastBody()).toMatchObject({ text: { format: { type: 'json_schema', schema } } });
  });

  test.each([
    ['cachedContent', { cachedContent: 'cachedContents/1' }],
    ['generationConfig.responseModalities', { generationConfig: { responseModalities: ['IMAGE'] } }],
    ['generationConfig.responseMimeType', { generationConfig: { responseMimeType: 'text/x.enum' } }],
  ])('%s is refused for a model that lacks it', async (param, fields) => {
    const refused = post('openai/echo', 'generateContent', { ...HELLO, ...fields });
    await expectRefusal(refused, 400, { code: 'unsupported_parameter', param });
  });
});

test('parts of the client keep what only Google reads', async () => {
  const parts = [
    { fileData: { mimeType: 'video/mp4', fileUri: 'https://x.test/v' }, videoMetadata: { fps: 2 } },
    { inlineData: { mimeType: 'audio/mp3', data: 'AAAA' } },
    { text: 'What is it?' },
  ];
  await generate('gemini/gemini-3-echo', { contents: [{ role: 'user', parts }] });
  expect(lastBody().contents).toEqual([{ role: 'user', parts }]);
});

describe('a malformed request is refused with its field', () => {
  const part = (value: unknown) => ({ contents: [{ role: 'user', parts: [value] }] });
  test.each<[string, Json]>([
    ['contents', {}],
    ['contents', { contents: [] }],
    ['contents', { messages: [{ role: 'user', content: 'x' }], contents: 7 }],
    ['messages', { messages: [{ role: 'user', content: 'x' }] }],
    ['contents[0]', { contents: [7] }],
    ['contents[0].role', { contents: [{ role: 'wizard', parts: [] }] }],
    ['contents[0].parts', { contents: [{ role: 'user' }] }],
    ['contents[0].parts[0]', part(7)],
    ['contents[0].parts[0]', part({})],
    ['contents[0].parts[0]', part({ text: 'a', inlineData: {} })],
    ['contents[0].parts[0].text', part({ text: 7 })],
    ['contents[0].parts[0].inlineData.mimeType', part({ inlineData: { data: 'AAAA' } })],
    ['contents[0].parts[0].fileData.fileUri', part({ fileData: {} })],
    ['contents[0].parts[0].functionResponse.name', part({ functionResponse: {} })],
    ['contents[0].parts[0].functionResponse', part({ functionResponse: { name: 'f', response: {} } })],
    ['systemInstruction', { ...HELLO, systemInstruction: {} }],
    ['tools[0]', { ...HELLO, tools: [7] }],
    ['tools[0].functionDeclarations[0].name', { ...HELLO, tools: [{ functionDeclarations: [{}] }] }],
    [
      'toolConfig.functionCallingConfig.mode',
      { ...HELLO, toolConfig: { functionCallingConfig: { mode: 'X' } } },
    ],
    ['generationConfig.topP', { ...HELLO, generationConfig: { topP: 3 } }],
    ['generationConfig.stopSequences', { ...HELLO, generationConfig: { stopSequences: 'x' } }],
  ])('%s', async (param, body) => {
    const refused = post('openai/echo', 'generateContent', body);
    await expectRefusal(refused, 400, { code: 'invalid_request', param });
  });

  test('an output without its call is named where the client wrote it', async () => {
    const functionResponse = { id: 'nobody', name: 'f', response: { output: 'x' } };
    const refused = post('openai/echo', 'generateContent', part({ functionResponse }));
    const param = 'contents[0].parts[0].functionResponse.id';
    await expectRefusal(refused, 400, { code: 'tool_output_without_call', param });
  });
});

test('a refusal is the reason of the finish', async () => {
  for (const model of ['openai/refuse', 'gemini/gemini-3-pro+refuse']) {
    const reply = await generate(model, HELLO);
    expect(candidateOf(reply)).toMatchObject({ finishReason: 'SAFETY', finishMessage: expect.any(String) });
  }
});

test('models are listed page by page, with their limits', async () => {
  const read = async (query: string) =>
    asJson(await (await journey.gateway.fetch(`/v1beta/models?${query}`)).json());
  const first = await read('pageSize=3');
  expect(asList(first.models)).toHaveLength(3);
  const all = asList((await read('pageSize=1000')).models);
  const second = await read(`pageSize=3&pageToken=${asText(first.nextPageToken)}`);
  expect(asList(second.models)).toEqual(all.slice(3, 6));
  const one = await journey.gateway.fetch('/v1beta/models/gemini/gemini-2.5-flash');
  expect(await one.json()).toMatchObject({
    name: 'models/gemini/gemini-2.5-flash',
    inputTokenLimit: expect.any(Number),
    supportedGenerationMethods: expect.arrayContaining(['generateContent']),
  });
  await expectRefusal(journey.gateway.fetch('/v1beta/models/nobody/nothing'), 404, {
    code: 'model_not_found',
  });
});

test('tokens are counted with instructions and tools', async () => {
  const count = async (body: Json) =>
    Number(asJson(await (await post('openai/echo', 'countTokens', body)).json()).totalTokens);
  const bare = await count(HELLO);
  const whole = { ...HELLO, systemInstruction: { parts: [{ text: 'Be short.' }] }, tools: [PRINT] };
  expect(await count({ generateContentRequest: { model: 'models/x', ...whole } })).toBeGreaterThan(bare + 10);
});

describe('a path that names a method', () => {
  test.each([
    ['POST', '/v1beta/models/x:embedContent', / `embedContent` here\. POST \/v1\/embeddings embeds texts\./],
    ['POST', '/v1beta/models/a/b:batchGenerateContent', / `batchGenerateContent` here\./],
    ['GET', '/v1beta/models/x:predict', / `predict` here\./],
    ['POST', '/v1/models/x:embedContent', / `embedContent` here\./],
  ])('%s %s: there is none', async (method, path, message) => {
    const reply = await journey.gateway.fetch(path, { method, ...(method === 'POST' && { body: '{}' }) });
    expect(asJson(asJson(await reply.clone().json()).error)).toMatchObject({
      code: 404,
      status: 'NOT_FOUND',
    });
    await expectRefusal(reply, 404, { code: 'not_found', message });
  });

  test.each([
    ['GET', '/v1beta/models/x:generateContent', 'POST'],
    ['GET', '/v1/models/gemini/x:streamGenerateContent', 'POST'],
    ['PUT', '/v1beta/models/x:countTokens', 'POST'],
    ['POST', '/v1beta/models/x', 'GET'],
    ['POST', '/v1beta/models/ollama/qwen3:4b', 'GET'],
  ])('%s %s: it takes another one', async (method, path, allow) => {
    const reply = await journey.gateway.fetch(path, { method, ...(method !== 'GET' && { body: '{}' }) });
    expect(reply.headers.get('allow')).toBe(allow);
    expect(asJson(asJson(await reply.clone().json()).error).code).toBe(405);
    await expectRefusal(reply, 405, {
      code: 'method_not_allowed',
      message: new RegExp(`it takes ${allow}\\.`),
    });
  });

  test('a colon in the name of a model names none', async () => {
    const reply = await journey.gateway.fetch('/v1beta/models/gemini/qwen3:4b');
    expect([reply.status, asJson(await reply.json()).name]).toEqual([200, 'models/gemini/qwen3:4b']);
  });
});
