import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { json } from '../harness/journey.ts';
import { callDelta, type RawProvider, rawProvider, whole } from '../harness/raw-provider.ts';
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
