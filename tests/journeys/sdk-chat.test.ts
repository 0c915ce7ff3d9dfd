import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import OpenAI from 'openai';
import type { ChatCompletionCreateParamsNonStreaming as ChatRequest } from 'openai/resources/chat/completions';
import { type Journey, sdk, startJourney } from '../harness/journey.ts';
import { asJson, asList, type Json } from '../simulators/provider/shape.ts';

const PROVIDERS = ['openai', 'anthropic', 'gemini'] as const;
/** Models that support reasoning and structured output. A claw uses the parameters of each model's API. */
const CAPABLE_MODELS = { openai: 'gpt-5', anthropic: 'claude-opus-4-8', gemini: 'gemini-2.5-flash' };
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const PAPER = Buffer.from('%PDF-1.4 paper').toString('base64');

const tools = ['weather', 'population'].map((name) => ({
  type: 'function' as const,
  function: { name, parameters: { type: 'object', properties: { city: { type: 'string' } } } },
}));

let journey: Journey;
let client: OpenAI;

beforeAll(async () => {
  journey = await startJourney();
  client = journey.client;
});
beforeEach(() => journey.provider.reset());
afterAll(() => journey.end());

const user = (content: string) => ({ role: 'user' as const, content });
const ask = (model: string, extra: Partial<ChatRequest> = {}) =>
  client.chat.completions.create({ model, messages: [user('Hi')], ...extra });
const upstream = (): Json => asJson(journey.provider.requests.at(-1)?.body);
/** Resolves to the error of a call. The SDK's promises are lazy, so this awaits them. */
const failure = async (call: PromiseLike<unknown>): Promise<unknown> => {
  try {
    return await call;
  } catch (error) {
    return error;
  }
};

describe.each(PROVIDERS)('a completion of %s', (provider) => {
  test('is whole', async () => {
    const completion = await ask(`${provider}/say-3`);
    expect(completion.usage?.prompt_tokens).toBeGreaterThan(0);
    expect(completion.usage?.total_tokens).toBe(completion.usage!.prompt_tokens + 3);
    expect(Math.abs(completion.created - Date.now() / 1000)).toBeLessThan(60);
    expect(completion.id).toStartWith('chatcmpl-');
    expect(completion).toMatchObject({ object: 'chat.completion', model: `${provider}/say-3` });
    expect(completion.choices).toEqual([
      {
        index: 0,
        finish_reason: 'stop',
        logprobs: null,
        message: { role: 'assistant', content: 'word1 word2 word3', refusal: null },
      },
    ]);
  });

  test('streams, with usage at the end if the request asks for it', async () => {
    const messages = [user('Hi')];
    const model = `${provider}/say-3+pace-0`;
    const plain = await Array.fromAsync(
      await client.chat.completions.create({ model, messages, stream: true }),
    );
    expect(plain.some(({ usage }) => usage)).toBe(false);
    const chunks = await Array.fromAsync(
      await client.chat.completions.create({
        model,
        messages,
        stream: true,
        stream_options: { include_usage: true },
      }),
    );
    expect(chunks[0]?.choices[0]?.delta.role).toBe('assistant');
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe('word1 word2 word3');
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(chunks.filter(({ choices }) => choices[0]?.finish_reason === 'stop')).toHaveLength(1);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 3 } });
  });

  test("equals the result of the SDK's stream helper", async () => {
    const stream = client.chat.completions.stream({
      model: `${provider}/tools+pace-0`,
      messages: [user('How is Paris?')],
      tools,
    });
    const streamed = (await stream.finalChatCompletion()).choices[0];
    const whole = (await ask(`${provider}/tools`, { tools })).choices[0];
    const calls = (choice: typeof whole | undefined) =>
      choice?.message.tool_calls?.map((call) => call.type === 'function' && call.function.name);
    expect(streamed?.finish_reason).toBe('tool_calls');
    expect(calls(streamed as typeof whole)).toEqual(['weather', 'population']);
    expect(calls(whole)).toEqual(['weather', 'population']);
  });

  test('fits the requested schema', async () => {
    const schema = {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'integer' } },
      required: ['city', 'days'],
      additionalProperties: false,
    };
    const { choices } = await ask(`${provider}/${CAPABLE_MODELS[provider]}+json`, {
      response_format: { type: 'json_schema', json_schema: { name: 'trip', schema, strict: true } },
    });
    expect(JSON.parse(choices[0]?.message.content ?? '')).toEqual({
      city: expect.any(String),
      days: expect.any(Number),
    });
  });

  test('receives images and files', async () => {
    const { choices } = await client.chat.completions.create({
      model: `${provider}/recall`,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What are these?' },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${PIXEL}` } },
            {
              type: 'file',
              file: { filename: 'paper.pdf', file_data: `data:application/pdf;base64,${PAPER}` },
            },
          ],
        },
      ],
    });
    expect(choices[0]?.message.content).toContain('What are these?');
    const sent = JSON.stringify(upstream());
    expect(sent).toContain(PIXEL);
    expect(sent).toContain(PAPER);
  });

  test('reasons with the requested effort', async () => {
    const { choices, usage } = await ask(`${provider}/${CAPABLE_MODELS[provider]}+think`, {
      reasoning_effort: 'high',
    });
    expect(choices[0]?.message).toMatchObject({ content: 'You said: Hi' });
    expect(usage?.completion_tokens_details?.reasoning_tokens).toBeGreaterThanOrEqual(0);
    const wanted = {
      openai: { reasoning_effort: 'high' },
      anthropic: { thinking: { type: expect.any(String) } },
      gemini: { generationConfig: { thinkingConfig: expect.any(Object) } },
    };
    expect(upstream()).toMatchObject(wanted[provider]);
  });
});

describe('features of only some providers', () => {
  test('several choices', async () => {
    await ask('openai/say-2', { n: 2 });
    expect(upstream().n).toBe(2);
    const refused = await failure(ask('anthropic/say-2', { n: 2 }));
    expect(refused).toBeInstanceOf(OpenAI.BadRequestError);
    expect(refused).toMatchObject({ code: 'unsupported_parameter', param: 'n' });
  });

  test('log probabilities', async () => {
    const { choices } = await ask('openai/say-2+logprobs', { logprobs: true, top_logprobs: 2 });
    expect(choices[0]?.logprobs?.content?.map(({ token }) => token)).toEqual(['word1', ' word2']);
    const refused = await failure(ask('anthropic/say-2', { logprobs: true }));
    expect(refused).toMatchObject({ status: 400, code: 'unsupported_parameter', param: 'logprobs' });
  });

  test('unknown fields reach a provider of the same dialect', async () => {
    await ask('openai/say-1', { prediction: { type: 'content', content: 'x' } });
    expect(upstream().prediction).toEqual({ type: 'content', content: 'x' });
  });
});

describe('stored completions', () => {
  const store = (trip: string) =>
    client.chat.completions.create({
      model: 'openai/say-1',
      messages: [{ role: 'system', content: 'Be brief.' }, user(`About ${trip}`)],
      store: true,
      metadata: { trip },
    });

  test('are listed, filtered, fetched, changed and deleted', async () => {
    const paris = await store('paris');
    const oslo = await store('oslo');
    await ask('openai/say-1', { metadata: { trip: 'paris' } });
    const ids = async (query: OpenAI.ChatCompletionListParams) =>
      (await Array.fromAsync(client.chat.completions.list(query))).map(({ id }) => id);
    expect(await ids({ limit: 1 })).toEqual([paris.id, oslo.id]);
    expect(await ids({ order: 'desc' })).toEqual([oslo.id, paris.id]);
    expect(await ids({ metadata: { trip: 'paris' } })).toEqual([paris.id]);
    expect(await ids({ model: 'openai/nothing' })).toEqual([]);

    expect(await client.chat.completions.retrieve(paris.id)).toEqual(paris);
    const changed = await client.chat.completions.update(paris.id, { metadata: { trip: 'lyon' } });
    expect(changed).toMatchObject({ id: paris.id, metadata: { trip: 'lyon' } });
    expect(await ids({ metadata: { trip: 'lyon' } })).toEqual([paris.id]);

    const messages = await Array.fromAsync(client.chat.completions.messages.list(paris.id, { limit: 1 }));
    expect(messages.map(({ role, content }) => [role as string, content])).toEqual([
      ['system', 'Be brief.'],
      ['user', 'About paris'],
    ]);

    expect(await client.chat.completions.delete(paris.id)).toEqual({
      object: 'chat.completion.deleted',
      id: paris.id,
      deleted: true,
    });
    expect(await failure(client.chat.completions.retrieve(paris.id))).toBeInstanceOf(OpenAI.NotFoundError);
    expect(await ids({})).toEqual([oslo.id]);
  });
});

describe('errors become the typed errors of the SDK', () => {
  test.each([
    ['openai/status-429', OpenAI.RateLimitError, 'rate_limited'],
    ['openai/quota', OpenAI.RateLimitError, 'quota_exceeded'],
    ['openai/status-500', OpenAI.InternalServerError, 'provider_error'],
    ['openai/auth', OpenAI.InternalServerError, 'provider_auth_failed'],
    ['openai/context', OpenAI.BadRequestError, 'context_length_exceeded'],
    ['no-such-model', OpenAI.NotFoundError, 'model_not_found'],
  ] as const)('%s', async (model, kind, code) => {
    const error = await failure(ask(model));
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ code, requestID: expect.stringMatching(/^req_/) });
  });

  test('a wrong key', async () => {
    const error = await failure(sdk(journey.gateway.url, 'sk-wrong').models.list());
    expect(error).toBeInstanceOf(OpenAI.AuthenticationError);
  });

  test('the SDK retries only if a retry may help', async () => {
    const retrying = new OpenAI({ baseURL: client.baseURL, apiKey: client.apiKey as string, maxRetries: 1 });
    const create = (model: string) =>
      retrying.chat.completions.create({ model, messages: [user('Hi')] }, { headers: {} });
    expect(await create('openai/once-status-500+say-1')).toMatchObject({ choices: [{ index: 0 }] });
    expect(journey.provider.requests).toHaveLength(2);
    journey.provider.reset();
    expect(await failure(create('openai/quota'))).toBeInstanceOf(OpenAI.RateLimitError);
    expect(journey.provider.requests).toHaveLength(1);
  });
});

describe('models', () => {
  test('that can be called now are listed', async () => {
    const models = await Array.fromAsync(client.models.list());
    const ids = models.map(({ id }) => id);
    expect(ids).toContain('local/recall');
    expect(new Set(ids).size).toBe(ids.length);
    const owners = new Set(models.map(({ owned_by }) => owned_by));
    for (const provider of PROVIDERS) expect(owners).toContain(provider);
    expect(owners).not.toContain('mistral');
    expect(await client.models.retrieve(ids[0]!)).toEqual(models[0]!);
    expect(asList(models as unknown[]).every(({ object }) => object === 'model')).toBe(true);
  });
});
