import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import {
  completionText,
  inSession,
  type Journey,
  json,
  responseText,
  serverEvents,
  sessionLog,
  startJourney,
} from '../harness/journey.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

const PROVIDERS = ['openai', 'anthropic', 'gemini'] as const;
const DIALECTS = ['chat', 'responses'] as const;
type Dialect = (typeof DIALECTS)[number];

/** Every pair of provider and dialect. */
const CALLS = PROVIDERS.flatMap((provider) => DIALECTS.map((dialect) => [provider, dialect] as const));

let journey: Journey;
let count = 0;
let name = '';

beforeAll(async () => {
  journey = await startJourney({
    env: {
      CLAWHOLD_TIMEOUTS_FIRST_TOKEN_MS: '500',
      CLAWHOLD_TIMEOUTS_IDLE_MS: '250',
      CLAWHOLD_TIMEOUTS_TOTAL_MS: '1500',
      CLAWHOLD_SHUTDOWN_DRAIN_MS: '0',
    },
  });
});
beforeEach(() => {
  journey.provider.reset();
  name = `errors-${count++}`;
});
afterAll(() => journey.end());

function ask(
  dialect: Dialect,
  model: string,
  stream: boolean,
  session = name,
  fallbacks: string[] = [],
): Promise<Response> {
  const input = dialect === 'chat' ? { messages: [{ role: 'user', content: 'one' }] } : { input: 'one' };
  const path = dialect === 'chat' ? '/v1/chat/completions' : '/v1/responses';
  return journey.gateway.post(path, { model, fallbacks, stream, ...input }, { 'x-session-id': session });
}

/** The text of a refusal by the simulator's model. */
const REFUSAL = "I'm sorry, but I can't help with that.";

const requests = () => journey.provider.requests.length;
const log = () => sessionLog(journey.gateway, name);

/** The session must continue at every provider. */
async function expectToGoOn(texts: string[]): Promise<void> {
  const questions = [...texts];
  for (const provider of PROVIDERS) {
    questions.push(`next at ${provider}`);
    const { choices } = await journey.client.chat.completions.create(
      { model: `${provider}/recall`, messages: [{ role: 'user', content: questions.at(-1)! }] },
      inSession(name),
    );
    expect(choices[0]?.message.content).toBe(
      `I have heard: ${questions.map((text) => `"${text}"`).join(' | ')}`,
    );
  }
}

interface Refusal {
  fault: string;
  status: number;
  code: string;
  type: string;
  headers?: Record<string, string>;
  requests?: number;
}

/** The code, or the type and the code, that each provider has for a failure. */
const REPORTED: Record<string, Record<(typeof PROVIDERS)[number], object>> = {
  'status-500': {
    openai: { type: 'server_error' },
    anthropic: { type: 'api_error' },
    gemini: { type: 'INTERNAL' },
  },
  'status-429+retry-7': {
    openai: { code: 'rate_limit_exceeded', type: 'requests' },
    anthropic: { type: 'rate_limit_error' },
    gemini: { type: 'RESOURCE_EXHAUSTED' },
  },
  context: {
    openai: { code: 'context_length_exceeded', type: 'invalid_request_error', param: 'input' },
    anthropic: { type: 'invalid_request_error' },
    gemini: { type: 'INVALID_ARGUMENT' },
  },
  quota: {
    openai: { code: 'insufficient_quota', type: 'insufficient_quota' },
    anthropic: { type: 'invalid_request_error' },
    gemini: { type: 'RESOURCE_EXHAUSTED' },
  },
  auth: {
    openai: { code: 'invalid_api_key', type: 'invalid_request_error' },
    anthropic: { type: 'authentication_error' },
    gemini: { code: 'API_KEY_INVALID', type: 'INVALID_ARGUMENT' },
  },
  'status-404': {
    openai: { code: 'model_not_found', type: 'invalid_request_error' },
    anthropic: { type: 'not_found_error', param: 'model' },
    gemini: { type: 'NOT_FOUND' },
  },
  'error-3': {
    openai: { type: 'server_error' },
    anthropic: { type: 'overloaded_error' },
    gemini: { type: 'UNAVAILABLE' },
  },
};

/**
 * The error as the provider reports it; nothing if the failure is a missing answer. OpenAI is called in the
 * caller's vocabulary, in which the input of a chat has another name.
 */
function reported(
  fault: string,
  provider: (typeof PROVIDERS)[number],
  dialect: Dialect,
): { provider_error?: Json } {
  const words = REPORTED[fault]?.[provider] as Json | undefined;
  const isRenamed = dialect === 'chat' && words !== undefined && asJson(words).param === 'input';
  return words ? { provider_error: isRenamed ? { ...words, param: 'messages' } : words } : {};
}

/** The provider's field, as each dialect names it. */
const PARAMS: Record<string, Record<Dialect, string>> = {
  'openai context': { chat: 'messages', responses: 'input' },
  'anthropic status-404': { chat: 'model', responses: 'model' },
};
const paramOf = (provider: string, fault: string, dialect: Dialect) =>
  PARAMS[`${provider} ${fault}`]?.[dialect] ?? null;

/** Failures before the first delta. */
const BEFORE: Refusal[] = [
  { fault: 'status-500', status: 502, code: 'provider_error', type: 'api_error', requests: 2 },
  {
    fault: 'status-429+retry-7',
    status: 429,
    code: 'rate_limited',
    type: 'rate_limit_error',
    headers: { 'retry-after': '7', 'x-should-retry': 'true' },
  },
  { fault: 'context', status: 400, code: 'context_length_exceeded', type: 'invalid_request_error' },
  {
    fault: 'quota',
    status: 429,
    code: 'quota_exceeded',
    type: 'rate_limit_error',
    headers: { 'x-should-retry': 'false' },
  },
  {
    fault: 'auth',
    status: 502,
    code: 'provider_auth_failed',
    type: 'api_error',
    headers: { 'x-should-retry': 'false' },
  },
  { fault: 'status-404', status: 404, code: 'model_not_found', type: 'not_found_error' },
  { fault: 'badjson', status: 502, code: 'provider_protocol_error', type: 'api_error', requests: 2 },
  { fault: 'reset', status: 502, code: 'provider_unreachable', type: 'api_error', requests: 2 },
  { fault: 'silent', status: 504, code: 'provider_timeout', type: 'timeout_error' },
];

describe.each(BEFORE)('$fault', ({ fault, status, code, type, headers = {}, requests: tries = 1 }) => {
  // JSON answers have no first token: only the limit for the whole answer ends them.
  const modes = fault === 'silent' ? [true] : [false, true];

  test.each(CALLS)(
    'of %s is an error in the %s dialect, and the branch stays unchanged',
    async (provider, dialect) => {
      for (const stream of modes) {
        journey.provider.reset();
        const response = await ask(dialect, `${provider}/${fault}`, stream);
        const { error } = await json(response);
        expect(response.status).toBe(status);
        expect(response.headers.get('content-type')).toStartWith('application/json');
        const param = paramOf(provider, fault, dialect);
        const { attempts, provider_error = {}, ...own } = asJson(error);
        expect(own).toEqual({ message: expect.any(String), type, param, code });
        const { status: replied, request_id: _, ...words } = asJson(provider_error);
        expect(words).toEqual(reported(fault, provider, dialect).provider_error ?? {});
        expect(attempts).toHaveLength(tries);
        const call = { model: `${provider}/${fault}`, code, ms: expect.any(Number) };
        for (const attempt of attempts as Json[])
          expect(attempt).toEqual(
            replied === undefined ? call : expect.objectContaining({ ...call, status: replied }),
          );
        for (const [header, value] of Object.entries(headers))
          expect(response.headers.get(header)).toBe(value);
        expect(requests()).toBe(tries);
        expect(await log()).toEqual([]);
      }
      await expectToGoOn([]);
    },
  );
});

describe('a connection that fails once', () => {
  test.each(CALLS)('to %s is tried again without notice to a caller of %s', async (provider, dialect) => {
    for (const stream of [false, true]) {
      journey.provider.reset();
      const response = await ask(dialect, `${provider}/once-reset+say-3`, stream);
      expect(response.status).toBe(200);
      expect(response.headers.get('x-clawhold-attempted-retries')).toBe('1');
      expect(await response.text()).toContain('word3');
      expect(requests()).toBe(2);
    }
    await expectToGoOn(['one', 'one']);
  });
});

/** Failures after three deltas, every time. Five calls give fifteen words. */
const AFTER = [
  { fault: 'cut-3', code: 'stream_interrupted', type: 'api_error' },
  { fault: 'stall-3', code: 'provider_timeout', type: 'timeout_error' },
  { fault: 'garbage-3', code: 'provider_protocol_error', type: 'api_error' },
  { fault: 'error-3', code: expect.stringMatching(/^provider_(error|overloaded)$/), type: 'api_error' },
];
const CALLS_MADE = 5;
const PARTIAL_TEXT = Array.from({ length: 3 * CALLS_MADE }, (_, at) => `word${at + 1}`).join(' ');

describe.each(AFTER)('$fault in a stream, again and again', ({ fault, code, type }) => {
  test.each(PROVIDERS)('of %s is an error on chat after the partial text', async (provider) => {
    const response = await ask('chat', `${provider}/say-30+${fault}`, true);
    const { events, done } = serverEvents(await response.text());
    expect(response.status).toBe(200);
    expect(done).toBe(false);
    expect(events.map(({ data }) => asText(asJson(asList(data.choices)[0]?.delta).content)).join('')).toBe(
      PARTIAL_TEXT,
    );
    expect(events.at(-1)?.data.error).toEqual({
      ...{ message: expect.any(String), type, param: null, code },
      ...reported(fault, provider, 'chat'),
    });
    expect(events.some(({ data }) => asList(data.choices)[0]?.finish_reason === 'stop')).toBe(false);
    await expectStored(response, code);
  });

  test.each(PROVIDERS)('of %s fails the response, with its partial output', async (provider) => {
    const response = await ask('responses', `${provider}/say-30+${fault}`, true);
    const { events } = serverEvents(await response.text());
    const last = events.at(-1);
    const ended = asJson(last?.data.response);
    expect(last?.event).toBe('response.failed');
    expect(ended.status).toBe('failed');
    expect(ended.completed_at).toBeNull();
    const error = { code, message: expect.any(String), ...reported(fault, provider, 'responses') };
    expect(asJson(ended.error)).toEqual(error);
    const id = response.headers.get('x-clawhold-response-id');
    expect((await json(journey.gateway.fetch(`/v1/responses/${id}`))).error).toEqual(error);
    expect(asList(ended.output)).toMatchObject([{ type: 'message', status: 'incomplete' }]);
    expect(responseText(ended)).toBe(PARTIAL_TEXT);
    await expectStored(response, code);
  });

  test('reaches callers of the SDK as an error', async () => {
    const stream = await journey.client.chat.completions.create(
      { model: `openai/say-30+${fault}`, messages: [{ role: 'user', content: 'one' }], stream: true },
      inSession(name),
    );
    let text = '';
    const read = async () => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    };
    await expect(read()).rejects.toMatchObject({ code });
    expect(text).toBe(PARTIAL_TEXT);
  });

  async function expectStored(response: Response, errorCode: unknown): Promise<void> {
    expect(requests()).toBe(CALLS_MADE);
    const id = response.headers.get('x-clawhold-response-id');
    const stored = await json(journey.gateway.fetch(`/v1/responses/${id}`));
    expect(stored).toMatchObject({ status: 'failed', error: { code: errorCode } });
    expect(await log()).toEqual(['user: one', `assistant: ${PARTIAL_TEXT}`]);
    await expectToGoOn(['one']);
  }
});

describe('an answer without a stream that breaks off', () => {
  test.each([
    { fault: 'garbage-3', status: 502, code: 'provider_protocol_error', tries: 2 },
    { fault: 'error-3', status: 502, code: 'provider_error', tries: 2 },
    { fault: 'stall-3', status: 504, code: 'provider_timeout', tries: 1 },
  ])(
    '$fault is an error everywhere, and the branch stays unchanged',
    async ({ fault, status, code, tries }) => {
      const asked = CALLS.map(async ([provider, dialect]) => {
        const session = `${name}-${provider}-${dialect}`;
        const response = await ask(dialect, `${provider}/say-8+${fault}`, false, session);
        expect(response.status).toBe(status);
        expect(asJson((await json(response)).error).code).toBe(code);
        expect(await sessionLog(journey.gateway, session)).toEqual([]);
      });
      await Promise.all(asked);
      expect(requests()).toBe(tries * CALLS.length);
    },
  );

  test.each(CALLS)(
    'cut-3 of %s is tried once more, and is then an error on %s',
    async (provider, dialect) => {
      const response = await ask(dialect, `${provider}/say-8+cut-3`, false);
      expect(response.status).toBe(502);
      expect(asJson((await json(response)).error).code).toBe('stream_interrupted');
      expect(requests()).toBe(2);
      expect(await log()).toEqual([]);
      await expectToGoOn([]);
    },
  );

  test.each(CALLS)('a single cut-3 of %s is not visible to a caller of %s', async (provider, dialect) => {
    const body = await json(ask(dialect, `${provider}/say-8+once-cut-3`, false));
    const text = dialect === 'chat' ? completionText(body) : responseText(body);
    expect(text).toBe('word1 word2 word3 word4 word5 word6 word7 word8');
    expect(requests()).toBe(2);
    await expectToGoOn(['one']);
  });
});

describe('a stream without its last event', () => {
  // Chat completions and Anthropic give a reason to stop before their last event.
  test.each([
    ['anthropic', 'chat'],
    ['anthropic', 'responses'],
    ['groq', 'chat'],
  ] as const)('of %s is whole with a reason to stop, on %s', async (provider, dialect) => {
    const text = await (await ask(dialect, `${provider}/say-3+no-done`, true)).text();
    expect(text).toMatch(/"finish_reason":"stop"|response\.completed/);
    expect(requests()).toBe(1);
  });

  // In the other protocols the last event is the first that says how the answer ends.
  test.each([
    ['openai', 'responses'],
    ['gemini', 'chat'],
    ['gemini', 'responses'],
  ] as const)('of %s does not count as whole on %s', async (provider, dialect) => {
    await expectBroken(provider, dialect, 'no-done');
  });

  test.each(CALLS)(
    'of %s without a finish reason does not count as whole either, on %s',
    async (provider, dialect) => {
      await expectBroken(provider, dialect, 'no-finish');
    },
  );

  async function expectBroken(provider: string, dialect: Dialect, fault: string): Promise<void> {
    const text = await (await ask(dialect, `${provider}/say-3+${fault}`, true)).text();
    const { events, done } = serverEvents(text);
    expect(done).toBe(false);
    expect(events.some(({ event }) => event === 'response.completed')).toBe(false);
    const { error, response } = events.at(-1)?.data ?? {};
    expect(error ?? asJson(response).error).toMatchObject({ code: 'provider_protocol_error' });
    await expectToGoOn(['one']);
  }
});

describe('an answer that refuses or stops early', () => {
  const response = async (model: string): Promise<Json> => json(await ask('responses', model, false));

  test('OpenAI refuses: the refusal is the answer', async () => {
    const chat = asList((await json(ask('chat', 'openai/refuse', false))).choices)[0];
    expect(chat).toMatchObject({
      finish_reason: 'stop',
      message: { content: null, refusal: expect.stringContaining("can't help") },
    });
    expect(await response('openai/refuse')).toMatchObject({
      status: 'completed',
      output: [{ content: [{ type: 'refusal' }] }],
    });
    await expectToGoOn(['one', 'one']);
  });

  test.each(['anthropic', 'gemini'])('%s refuses: its explanation is a refusal', async (provider) => {
    const chat = asList((await json(ask('chat', `${provider}/refuse`, false))).choices)[0];
    expect(chat).toMatchObject({
      finish_reason: 'content_filter',
      message: { content: null, refusal: REFUSAL },
    });
    expect(await response(`${provider}/refuse`)).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'content_filter' },
      output: [{ type: 'message', content: [{ type: 'refusal', refusal: REFUSAL }] }],
    });
    await expectToGoOn(['one', 'one']);
  });

  test.each(PROVIDERS)('%s refuses in a stream, with the same text', async (provider) => {
    const chat = serverEvents(await (await ask('chat', `${provider}/refuse`, true)).text()).events;
    const choices = chat.map(({ data }) => asList(data.choices)[0]);
    expect(choices.map((choice) => asText(asJson(choice?.delta).refusal)).join('')).toBe(REFUSAL);
    expect(choices.map((choice) => asText(asJson(choice?.delta).content)).join('')).toBe('');
    const asked = await ask('responses', `${provider}/refuse`, true);
    const { events } = serverEvents(await asked.text());
    const of = (type: string) => events.filter(({ event }) => event === type).map(({ data }) => data);
    expect(of('response.content_part.added').map(({ part }) => part)).toEqual([
      { type: 'refusal', refusal: '' },
    ]);
    expect(
      of('response.refusal.delta')
        .map(({ delta }) => delta)
        .join(''),
    ).toBe(REFUSAL);
    expect(of('response.refusal.done')).toMatchObject([{ refusal: REFUSAL }]);
    const id = asked.headers.get('x-clawhold-response-id');
    const stored = asJson(await json(journey.gateway.fetch(`/v1/responses/${id}`)));
    expect(asList(asList(stored.output)[0]?.content)).toEqual([{ type: 'refusal', refusal: REFUSAL }]);
  });

  // The next provider reads the refusal in its own form.
  test.each([
    ['openai', 'chat', { role: 'assistant', content: null, refusal: REFUSAL }],
    ['groq', 'chat', { role: 'assistant', content: REFUSAL }],
    ['openai', 'responses', { role: 'assistant', content: [{ type: 'refusal', refusal: REFUSAL }] }],
    ['anthropic', 'chat', { role: 'assistant', content: [{ type: 'text', text: REFUSAL }] }],
    ['gemini', 'responses', { role: 'model', parts: [{ text: REFUSAL }] }],
  ] as const)('%s reads on %s that another provider refused', async (provider, dialect, expected) => {
    for (const refusing of ['anthropic', 'gemini'] as const) {
      const session = `${name}-${refusing}`;
      await ask(dialect, `${refusing}/refuse`, false, session);
      await ask(dialect, `${provider}/echo`, false, session);
      const body = asJson(journey.provider.requests.at(-1)!.body);
      expect(asList(body.messages ?? body.input ?? body.contents)[1]).toMatchObject(expected);
    }
  });

  test('a client sends a refusal back unchanged', async () => {
    const asked = { role: 'user', content: 'one' };
    const refused = { role: 'assistant', content: null, refusal: REFUSAL };
    for (const provider of PROVIDERS) {
      const messages = [asked, refused, asked];
      const model = `${provider}/echo`;
      const reply = await journey.gateway.post('/v1/chat/completions', { model, messages });
      expect(reply.status).toBe(200);
      expect(JSON.stringify(journey.provider.requests.at(-1)!.body)).toContain(REFUSAL);
    }
  });

  test.each(['openai', 'anthropic'])(
    '%s filters in the middle: the partial text is kept',
    async (provider) => {
      const chat = asList((await json(ask('chat', `${provider}/say-8+filter`, false))).choices)[0];
      expect(chat).toMatchObject({ finish_reason: 'content_filter', message: { content: 'word1 word2' } });
      expect(await log()).toEqual(['user: one', 'assistant: word1 word2']);
      await expectToGoOn(['one']);
    },
  );

  test('Gemini blocks the prompt: an error, and the session continues without it', async () => {
    const blocked = await ask('chat', 'gemini/filter', false);
    expect(blocked.status).toBe(400);
    expect(asJson((await json(blocked)).error).code).toBe('content_filtered');
    await expectToGoOn([]);
  });

  test.each(PROVIDERS)('%s ends by length: the answer is incomplete and kept', async (provider) => {
    expect(await response(`${provider}/say-3+long`)).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
    });
    await expectToGoOn(['one']);
  });
});

describe('a failure without a waiting client', () => {
  test.each(['reset', 'status-500', 'quota'])(
    '%s in the background is in the fetched response',
    async (fault) => {
      const { id } = await journey.client.responses.create(
        { model: `openai/delay-30+${fault}`, input: 'one', background: true },
        inSession(name),
      );
      let stored = await journey.client.responses.retrieve(id);
      while (stored.status === 'queued' || stored.status === 'in_progress')
        stored = await journey.client.responses.retrieve(id);
      expect(stored.status).toBe('failed');
      expect(stored.error?.code).toMatch(/^(provider_unreachable|provider_error|quota_exceeded)$/);
      expect(await log()).toEqual([]);
      await expectToGoOn([]);
    },
  );
});
