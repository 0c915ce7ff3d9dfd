import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { json, serverEvents, sessionLog } from '../harness/journey.ts';
import { callDelta, chunk, DONE, type RawProvider, rawProvider, whole } from '../harness/raw-provider.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

let gateway: TestGateway;
let provider: Provider;
let raw: RawProvider;
let count = 0;
let session = '';

beforeAll(async () => {
  provider = startProvider();
  raw = rawProvider();
  gateway = await testGateway({ provider: provider.url, env: raw.env });
});
beforeEach(() => {
  session = `odd-${count++}`;
});
afterAll(async () => {
  await gateway.stop();
  provider.stop();
  await raw.stop();
});

/** Models of every protocol. */
const MODELS = ['openai/echo', 'anthropic/echo', 'gemini/echo', 'deepseek/echo'];

const user = (content: string) => ({ role: 'user', content });
const tools = [
  { type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } },
];

/** Asks in the session; resolves to the answer's message. */
async function ask(model: string, messages: Json[], more: Json = {}): Promise<Json> {
  const body = { model, messages, tools, ...more };
  const response = await gateway.post('/v1/chat/completions', body, { 'x-session-id': session });
  const answer = await json(response);
  expect([model, response.status, answer.error]).toEqual([model, 200, undefined]);
  return asJson(asList(answer.choices)[0]?.message);
}

const calls = (message: Json): Json[] => asList(message.tool_calls);
const output = (call: Json | undefined, content: string) => ({
  role: 'tool',
  tool_call_id: asText(call?.id),
  content,
});

describe('arguments that are no JSON object', () => {
  test.each(['{"a": "unfinis', '[1]', 'city: Rome'])('are sent to no provider: %s', async (args) => {
    raw.answer(whole(callDelta('c1', 'look', args), 'length'));
    const [call] = calls(await ask('groq/a', [user('look')]));
    expect(asJson(call?.function).arguments).toBe(args);
    await ask('openai/echo', [output(call, 'seen')]);
    for (const model of MODELS) await ask(model, [user('and now?')]);
    raw.answer(whole({ content: 'ok' }));
    await ask('groq/a', [user('and now?')]);
    const sent = asList(raw.received.at(-1)!.messages).flatMap(calls);
    expect(JSON.parse(asText(asJson(sent[0]?.function).arguments))).toEqual({ invalid_arguments: args });
  });

  test.each(MODELS)('are not sent to %s from a history of the caller', async (model) => {
    const call = { id: 'c1', type: 'function', function: { name: 'look', arguments: '{"a": "unfinis' } };
    await ask(model, [
      user('look'),
      { role: 'assistant', content: null, tool_calls: [call] },
      output(call, 'seen'),
    ]);
  });
});

test.each([true, false])('annotations that are no objects do no harm, stream: %p', async (stream) => {
  const message = { content: 'Hi', annotations: [null, 5] };
  raw.answer(stream ? [chunk(message, 'stop'), DONE] : whole(message));
  const body = { model: 'groq/a', messages: [user('hi')], stream };
  const reply = await gateway.post('/v1/chat/completions', body);
  const text = await reply.text();
  expect([reply.status, text.includes('Hi'), text.includes('error')]).toEqual([200, true, false]);
});

describe('an answer without text', () => {
  test.each([
    ['of nothing', { content: '' }],
    ['of reasoning alone', { content: null, reasoning_content: 'Hm.' }],
  ])('%s does not hide that the messages are a whole history', async (_, message) => {
    raw.answer(whole(message, 'length'));
    const messages: Json[] = [user('what?')];
    for (const model of ['groq/a', ...MODELS]) {
      const answer = await ask(model, messages);
      messages.push(answer, user(`and ${model}?`));
    }
    expect(await sessionLog(gateway, session)).toEqual([
      'user: what?',
      message.content === null ? 'reasoning' : 'assistant: ',
      ...['groq/a', ...MODELS.slice(0, -1)].flatMap((model) => [
        `user: and ${model}?`,
        `assistant: You said: and ${model}?`,
      ]),
    ]);
  });

  test.each(MODELS)('is accepted by %s in a history of another session', async (model) => {
    for (const content of ['', null]) {
      await ask(model, [user('what?'), { role: 'assistant', content }, user('and now?')]);
      session = `${session}-null`;
    }
  });
});

describe('lone surrogates', () => {
  const LONE = 'ab \ud82d cd';

  test.each(MODELS)('of the caller are U+FFFD for %s', async (model) => {
    await ask(model, [
      { role: 'system', content: LONE },
      { ...user(LONE), name: 'bob' },
    ]);
    const call = { id: 'c1', type: 'function', function: { name: 'look', arguments: '{"a":"\\ud82d"}' } };
    const named = {
      type: 'function',
      function: { name: 'look', description: LONE, parameters: { type: 'object' } },
    };
    const called = { role: 'assistant', content: LONE, tool_calls: [call] };
    await ask(model, [called, output(call, LONE), user('and now?')], { tools: [named] });
    const sent = JSON.stringify(provider.requests.at(-1)!.body);
    expect(sent).toContain('ab \ufffd cd');
    expect(sent).not.toContain('ud82d');
  });

  test.each(MODELS)('of an answer are U+FFFD for the caller and for %s', async (model) => {
    raw.answer(whole({ content: LONE }));
    expect((await ask('groq/a', [user('say')])).content).toBe('ab \ufffd cd');
    await ask(model, [user('and now?')]);
    expect(JSON.stringify(provider.requests.at(-1)!.body)).toContain('ab \ufffd cd');
  });

  test.each(['/v1/chat/completions', '/v1/responses'])(
    'a pair in two events stays whole: %s',
    async (path) => {
      const pieces = ['a \ud83d', '\ude00 b', '\ud83d', '\ude00'];
      raw.answer([
        ...pieces.map((content) => chunk({ content })),
        chunk(callDelta('c1', 'look', '{"a":"\ud83d')),
        chunk({ tool_calls: [{ index: 0, function: { arguments: '\ude00"}' } }] }),
        chunk({}, 'tool_calls'),
        DONE,
      ]);
      const model = 'groq/a';
      const body = { model, messages: [user('say')], input: 'say', stream: true };
      const text = await (await gateway.post(path, body, { 'x-session-id': session })).text();
      for (const { data } of serverEvents(text).events) expect(JSON.stringify(data)).not.toContain('\\ud');
      expect(text).not.toContain('\ufffd');
      const stored = asList((await json(gateway.fetch(`/v1/conversations/${session}/items?order=asc`))).data);
      expect(JSON.stringify(stored)).toContain('a 😀 b😀');
      expect(stored.at(-1)).toMatchObject({ type: 'function_call', arguments: '{"a":"😀"}' });
    },
  );
});

describe('repeated call ids', () => {
  /** Calls that the last request of the raw provider holds, and the ids that its outputs name. */
  function rawIds(): [calls: string[], outputs: string[]] {
    const messages = asList(raw.received.at(-1)!.messages);
    return [
      messages.flatMap(calls).map(({ id }) => asText(id)),
      messages.filter(({ role }) => role === 'tool').map((message) => asText(message.tool_call_id)),
    ];
  }

  /** Each turn answers with these calls, then with a text. Resolves to the ids that the caller sees. */
  async function rounds(answers: Json[]): Promise<string[]> {
    const seen: string[] = [];
    for (const answer of answers) {
      raw.answer(answer);
      const called = calls(await ask('groq/a', [user('look')]));
      seen.push(...called.map(({ id }) => asText(id)));
      raw.answer(whole({ content: 'ok' }));
      await ask(
        'groq/a',
        called.map((call) => output(call, `of ${asText(call.id)}`)),
      );
    }
    return seen;
  }

  const numbered = whole(
    {
      tool_calls: [
        ...asList(callDelta('0', 'look', '{"a":1}').tool_calls),
        ...asList(callDelta('1', 'look', '{}', 1).tool_calls),
      ],
    },
    'tool_calls',
  );

  test('over turns are unique for the caller, and the own ones for the provider that gave them', async () => {
    expect(await rounds([numbered, numbered, numbered])).toEqual(['0', '1', '0_2', '1_2', '0_3', '1_3']);
    expect(rawIds()).toEqual([
      ['0', '1', '0', '1', '0', '1'],
      ['0', '1', '0', '1', '0', '1'],
    ]);
    for (const model of MODELS) await ask(model, [user('and now?')]);
  });

  test('inside one answer are unique for all', async () => {
    const twice = whole(
      {
        tool_calls: [
          ...asList(callDelta('c', 'look', '{"a":1}').tool_calls),
          ...asList(callDelta('c', 'look', '{}', 1).tool_calls),
        ],
      },
      'tool_calls',
    );
    expect(await rounds([twice])).toEqual(['c', 'c_2']);
    expect(rawIds()).toEqual([
      ['c', 'c_2'],
      ['c', 'c_2'],
    ]);
    expect(await rounds([twice])).toEqual(['c_3', 'c_4']);
    for (const model of MODELS) await ask(model, [user('and now?')]);
  });

  test('are made unique where the provider gives none, and its answers have one id', async () => {
    const unnamed = whole(callDelta(undefined, 'look', '{}'), 'tool_calls');
    const seen = await rounds([unnamed, unnamed]);
    expect(new Set(seen).size).toBe(2);
    for (const model of MODELS) await ask(model, [user('and now?')]);
  });

  test('are unique in a stream, in the order of its events', async () => {
    raw.answer(numbered);
    const first = calls(await ask('groq/a', [user('look')]));
    raw.answer(whole({ content: 'ok' }));
    await ask(
      'groq/a',
      first.map((call) => output(call, 'x')),
    );
    raw.answer([chunk(callDelta('0', 'look', '{}')), chunk({}, 'tool_calls'), DONE]);
    const body = { model: 'groq/a', input: 'look', stream: true };
    const text = await (await gateway.post('/v1/responses', body, { 'x-session-id': session })).text();
    const ids = [...text.matchAll(/"call_id":"([^"]*)"/g)].map(([, id]) => id);
    expect(ids).toEqual(['0_2', '0_2', '0_2']);
  });

  test.each(MODELS)('of a history of the caller are unique for %s', async (model) => {
    const call = { id: '0', type: 'function', function: { name: 'look', arguments: '{}' } };
    const round = [
      user('look'),
      { role: 'assistant', content: null, tool_calls: [call] },
      output(call, 'seen'),
    ];
    const body = { model, messages: [...round, ...round, user('and now?')], tools };
    const response = await gateway.post('/v1/chat/completions', body);
    expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('and now?')]);
  });
});

test('a chat stream that is rescued names the image that is void, and its text goes on', async () => {
  const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } };
  const answers = [
    [chunk({ content: 'Hello ' }), chunk({ images: [image] })],
    [chunk({ content: 'Hello world' }), chunk({ images: [image] }, 'stop'), DONE],
  ];
  const server = Bun.serve({
    port: 0,
    fetch: () =>
      new Response(answers.shift()!.join(''), { headers: { 'content-type': 'text/event-stream' } }),
  });
  const own = await testGateway({
    env: { GROQ_API_KEY: 'sk-own', GROQ_BASE_URL: `${server.url.origin}/v1` },
  });
  try {
    const body = { model: 'groq/a', messages: [user('hi')], stream: true };
    const headers = { 'x-clawhold-when-broken': 'restart' };
    const reply = await own.post('/v1/chat/completions', body, headers);
    const { events } = serverEvents(await reply.text());
    const restart = asJson(events.find(({ data }) => data.clawhold)?.data.clawhold).restart;
    expect(asJson(restart).discard).toEqual({ content: false, tool_calls: [], images: [0] });
    const deltas = events.map(({ data }) => asJson(asList(data.choices)[0]?.delta));
    expect(deltas.map(({ content }) => asText(content)).join('')).toBe('Hello world');
    expect(deltas.flatMap(({ images }) => asList(images)).map(({ index }) => index)).toEqual([0, 1]);
  } finally {
    await own.stop();
    await server.stop(true);
  }
});

test('a call without arguments ends before the next one begins, in a stream of events', async () => {
  raw.answer([
    chunk(callDelta('c1', 'look', '')),
    chunk(callDelta('c2', 'look', '{"a":', 1)),
    chunk({ tool_calls: [{ index: 1, function: { arguments: '1}' } }] }, 'tool_calls'),
    DONE,
  ]);
  const [{ function: look }] = tools as [(typeof tools)[0]];
  const body = { model: 'groq/a', input: 'look twice', tools: [{ type: 'function', ...look }], stream: true };
  const response = await gateway.post('/v1/responses', body, { 'x-session-id': session });
  const bounds = serverEvents(await response.text()).events.flatMap(({ event, data }) =>
    event?.startsWith('response.output_item')
      ? [`${event.slice('response.output_item.'.length)} ${asText(asJson(data.item).arguments)}`]
      : [],
  );
  expect(bounds).toEqual(['added ', 'done ', 'added ', 'done {"a":1}']);
});
