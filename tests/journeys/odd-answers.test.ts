import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { json, serverEvents } from '../harness/journey.ts';
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
