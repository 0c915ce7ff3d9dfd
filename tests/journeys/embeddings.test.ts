import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import type OpenAI from 'openai';
import { ROOT_KEY } from '../harness/gateway.ts';
import { type Journey, sdk, startJourney } from '../harness/journey.ts';
import { asJson, asList, type Json } from '../simulators/provider/shape.ts';

const LIMITED_KEY = 'sk-claw-test-limited-0123456789';
const YAML = `keys:
  - name: limited
    key: ${LIMITED_KEY}
    models: [openai/*]
    limits: { tokens_per_minute: 100 }
aliases:
  meaning:
    models: [{ model: openai/status-500 }, { model: openai/text-embedding-3-small }]
  vectors:
    models: [{ model: openai/text-embedding-3-small }]
`;

let journey: Journey;
let client: OpenAI;

beforeAll(async () => {
  journey = await startJourney({ yaml: YAML });
  client = journey.client;
});
beforeEach(() => journey.provider.reset());
afterAll(() => journey.end());

const SMALL = 'openai/text-embedding-3-small';
const failureOf = async (call: PromiseLike<unknown>): Promise<Json> => {
  try {
    return asJson(await call);
  } catch (error) {
    return error as Json;
  }
};
const post = (body: Json, key = ROOT_KEY) =>
  journey.gateway.fetch('/v1/embeddings', { method: 'POST', body: JSON.stringify(body), key });

describe('embeddings by OpenAI’s SDK', () => {
  test.each([SMALL, 'text-embedding-3-small', 'vectors'])('%s embeds a text', async (model) => {
    const { data, response } = await client.embeddings
      .create({ model, input: 'A cat sat.', user: 'ada' })
      .withResponse();
    expect(data.object).toBe('list');
    expect(data.data).toHaveLength(1);
    expect(data.data[0]!.embedding).toHaveLength(64);
    expect(Math.hypot(...data.data[0]!.embedding)).toBeCloseTo(1, 5);
    expect(data.model).toBe(SMALL);
    expect(data.usage).toEqual({ prompt_tokens: 3, total_tokens: 3 });
    // 3 tokens at 0.02 dollars per million.
    expect(Number(response.headers.get('x-clawhold-response-cost'))).toBeCloseTo(6e-8, 12);
    expect(journey.provider.embeddings[0]!.body).toMatchObject({
      ...{ model: 'text-embedding-3-small', input: ['A cat sat.'], user: 'ada' },
    });
  });

  test('numbers and base64 are the same vectors', async () => {
    const input = ['one two', 'three'];
    const floats = await client.embeddings.create({ model: SMALL, input, encoding_format: 'float' });
    const coded = asJson(await (await post({ model: SMALL, input, encoding_format: 'base64' })).json());
    for (const [index, { embedding }] of floats.data.entries()) {
      const bytes = Buffer.from(String(asList(coded.data)[index]!.embedding), 'base64');
      const decoded = Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(4 * at));
      expect(decoded.map((value, at) => Math.abs(value - embedding[at]!)).every((gap) => gap < 1e-8)).toBe(
        true,
      );
    }
  });

  test('a model may have any name', async () => {
    const { data, response } = await client.embeddings
      .create({ model: 'openai/模型', input: 'x' })
      .withResponse();
    expect(data.model).toBe('openai/模型');
    expect(response.headers.get('x-clawhold-model-id')).toBe(`openai/${encodeURIComponent('模型')}`);
  });

  test('a shorter length and lists of tokens are passed on', async () => {
    const { data } = await client.embeddings.create({
      ...{ model: SMALL, input: [[1, 2, 3], [4]], dimensions: 16 },
    });
    expect(data.map(({ embedding }) => embedding.length)).toEqual([16, 16]);
    expect(journey.provider.embeddings[0]!.body.input).toEqual([[1, 2, 3], [4]]);
    await client.embeddings.create({ model: SMALL, input: [5, 6] });
    expect(journey.provider.embeddings[1]!.body.input).toEqual([[5, 6]]);
  });

  test('Gemini embeds more texts than one of its calls takes', async () => {
    const input = Array.from({ length: 230 }, (_, at) => `text ${at}`);
    const { data } = await client.embeddings.create({
      ...{ model: 'gemini/gemini-embedding-001', input, dimensions: 32, encoding_format: 'float' },
    });
    expect(data.map(({ index }) => index)).toEqual(input.map((_, at) => at));
    expect(data[229]!.embedding).toHaveLength(32);
    expect(journey.provider.embeddings.map(({ texts }) => texts.length)).toEqual([100, 100, 30]);
    expect(journey.provider.embeddings[2]!.texts.at(-1)).toBe('text 229');
    const { response } = await client.embeddings
      .create({ model: 'gemini/gemini-embedding-001', input: 'two words' })
      .withResponse();
    // Gemini reports no usage.
    expect(response.headers.get('x-clawhold-cost-estimated')).toBe('true');
  });

  test('local/gloss embeds offline, and close meanings are close', async () => {
    const { data, usage } = await client.embeddings.create({
      ...{ model: 'local/gloss', input: ['a big dog', 'a large hound', 'interest rates of banks'] },
    });
    const [dog, hound, bank] = data.map(({ embedding }) => embedding);
    const cosine = (a: number[], b: number[]) => a.reduce((sum, value, at) => sum + value * b[at]!, 0);
    expect(dog).toHaveLength(128);
    expect(cosine(dog!, hound!)).toBeGreaterThan(cosine(dog!, bank!) + 0.2);
    expect(usage.prompt_tokens).toBeGreaterThan(0);
  });
});

describe('what is refused', () => {
  test.each([
    ['a provider without embeddings', 'anthropic/claude-opus-4-8', 404, 'model_not_found'],
    ['a chat model of the gateway', 'local/recall', 404, 'model_not_found'],
    ['a name that nobody has', 'text-embeding-3-small', 404, 'model_not_found'],
    ['a provider without a key', 'mistral/mistral-embed', 400, 'provider_not_configured'],
  ])('%s', async (_, model, status, code) => {
    expect(await failureOf(client.embeddings.create({ model, input: 'x' }))).toMatchObject({ status, code });
  });

  test('a near name is suggested', async () => {
    const reply = await post({ model: 'text-embeding-3-small', input: 'x' });
    expect(await reply.text()).toContain('openai/text-embedding-3-small');
  });

  test.each([
    [{ input: '' }, 'input'],
    [{ input: [] }, 'input'],
    [{ input: ['a', ''] }, 'input'],
    [{ input: [[]] }, 'input'],
    [{ input: 'x'.repeat(2_049).split('') }, 'input'],
    [{ input: { text: 'x' } }, 'input'],
    [{}, 'input'],
    [{ input: 'x', encoding_format: 'int8' }, 'encoding_format'],
    [{ input: 'x', dimensions: 1.5 }, 'dimensions'],
  ])('a body that is wrong, number %#', async (fields, param) => {
    const reply = await post({ model: SMALL, ...fields });
    expect(reply.status).toBe(400);
    expect(asJson(asJson(await reply.json()).error).param).toStartWith(param);
    expect(journey.provider.embeddings).toHaveLength(0);
  });

  test.each(['gemini/gemini-embedding-001', 'local/gloss'])('tokens at %s', async (model) => {
    const failure = await failureOf(client.embeddings.create({ model, input: [1, 2] }));
    expect(failure).toMatchObject({ status: 400, code: 'unsupported_parameter', param: 'input' });
  });

  test('a request without a key, and a model that a key may not use', async () => {
    const reply = await fetch(`${journey.gateway.url}/v1/embeddings`, { method: 'POST', body: '{}' });
    expect(reply.status).toBe(401);
    const limited = sdk(journey.gateway.url, LIMITED_KEY);
    const failure = await failureOf(limited.embeddings.create({ model: 'local/gloss', input: 'x' }));
    expect(failure).toMatchObject({ status: 403, code: 'model_not_allowed' });
  });

  test('more tokens than the limit of a key', async () => {
    const limited = sdk(journey.gateway.url, LIMITED_KEY);
    const ask = (words: number) =>
      limited.embeddings.create({ model: SMALL, input: 'word '.repeat(words) }).withResponse();
    const { response } = await ask(40);
    expect(Number(response.headers.get('x-ratelimit-remaining-tokens'))).toBeLessThan(70);
    expect(await failureOf(ask(80))).toMatchObject({ status: 429, code: 'rate_limit_exceeded' });
  });

  test.each([
    ['openai/status-429', 429, 'rate_limited'],
    ['openai/status-500', 502, 'provider_error'],
    ['openai/wrong-shape', 502, 'provider_protocol_error'],
    ['gemini/status-503', 503, 'provider_overloaded'],
  ])('a failure of %s is classified as that of a call', async (model, status, code) => {
    expect(await failureOf(client.embeddings.create({ model, input: 'x' }))).toMatchObject({ status, code });
  });

  test('an alias never mixes the vectors of two models', async () => {
    expect(await failureOf(client.embeddings.create({ model: 'meaning', input: 'x' }))).toMatchObject({
      status: 502,
    });
    expect(journey.provider.embeddings.map(({ model }) => model)).toEqual(['status-500']);
  });
});
