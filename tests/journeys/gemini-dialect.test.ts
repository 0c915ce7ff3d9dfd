import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { ROOT_KEY } from '../harness/gateway.ts';
import { type Journey, serverEvents, startJourney } from '../harness/journey.ts';
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
