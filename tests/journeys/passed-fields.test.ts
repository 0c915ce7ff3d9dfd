import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { json, serverEvents } from '../harness/journey.ts';
import { withoutComments } from '../harness/reading.ts';
import { asJson, asList, type Json } from '../simulators/provider/shape.ts';

/** Fields of the answer that have no canonical form, and those of its choice. */
const FIELDS = {
  system_fingerprint: 'fp_1',
  x_groq: { id: 'req_1' },
  citations: ['https://x.test'],
  search_results: [{ title: 'X' }],
  service_tier: 'flex',
};
const CHOICE = { content_filter_results: { hate: { filtered: false } } };
const OUTPUT = [
  { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Hi', annotations: [] }] },
];

/** Written to the provider's cache, and read from it. */
const CACHE = { cached_tokens: 3, cache_write_tokens: 4 };
const CHAT_USAGE = {
  prompt_tokens: 10,
  completion_tokens: 1,
  total_tokens: 11,
  prompt_tokens_details: CACHE,
};
const USAGE = { input_tokens: 10, output_tokens: 1, total_tokens: 11, input_tokens_details: CACHE };

const sse = (events: Json[]) =>
  new Response(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''), {
    headers: { 'content-type': 'text/event-stream' },
  });

/** Answers chat completions and responses with more fields than the gateway knows. */
const upstream = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  async fetch(request) {
    const { stream, model } = (await request.json()) as { stream?: boolean; model: string };
    if (request.url.endsWith('/responses')) {
      const response = { id: 'r', model, status: 'completed', output: OUTPUT, usage: USAGE, ...FIELDS };
      if (!stream) return Response.json(response);
      return sse([
        { type: 'response.created', response: { id: 'r', model } },
        { type: 'response.completed', response },
      ]);
    }
    const tools = { tool_calls: [{ index: 0, id: 'c', function: { name: 'f', arguments: '{}' } }], novel: 1 };
    const message = model === 'calls' ? tools : { content: 'Hi' };
    const head = { id: 'a', model, usage: CHAT_USAGE, ...FIELDS };
    const choice = { index: 0, finish_reason: 'stop', ...CHOICE };
    if (!stream) return Response.json({ ...head, choices: [{ ...choice, message }] });
    return sse([
      { ...head, choices: [{ index: 0, delta: message, finish_reason: null }] },
      { ...head, choices: [{ ...choice, delta: {} }] },
    ]);
  },
});

let gateway: TestGateway;
beforeAll(async () => {
  const url = `${upstream.url.origin}/v1`;
  const env = { OPENAI_API_KEY: 'sk-x', OPENAI_BASE_URL: url, GROQ_API_KEY: 'sk-x', GROQ_BASE_URL: url };
  gateway = await testGateway({ env });
});
afterAll(async () => {
  await gateway.stop();
  await upstream.stop(true);
});

async function chat(model: string, stream: boolean): Promise<Json[]> {
  const body = {
    model,
    stream,
    stream_options: { include_usage: true },
    store: true,
    messages: [{ role: 'user', content: 'Hi' }],
  };
  const reply = await gateway.post('/v1/chat/completions', body);
  if (!stream) return [await json(reply)];
  const live = await reply.text();
  const id = reply.headers.get('x-clawhold-response-id')!.replace('resp_', 'chatcmpl-');
  const replay = await gateway.fetch(`/v1/chat/completions/${id}?stream=true`);
  expect(withoutComments(await replay.text())).toBe(withoutComments(live));
  return serverEvents(live).events.map(({ data }) => data);
}

/** The last chunk with a choice; the usage has a chunk of its own. */
const lastOf = (chunks: Json[]): Json => chunks.findLast(({ choices }) => asList(choices).length > 0)!;

async function respond(model: string, stream: boolean): Promise<Json> {
  const reply = await gateway.post('/v1/responses', { model, stream, input: 'Hi', service_tier: 'auto' });
  if (!stream) return json(reply);
  return asJson(serverEvents(await reply.text()).events.at(-1)!.data.response);
}

describe.each([true, false])('fields of the provider (stream: %p)', (stream) => {
  test('pass through in chat completions', async () => {
    const last = lastOf(await chat('groq/m', stream));
    expect(last).toMatchObject({ ...FIELDS, choices: [{ index: 0, finish_reason: 'stop', ...CHOICE }] });
    expect(last.id).not.toBe('a');
  });

  test('of a message without text pass through, too', async () => {
    const last = lastOf(await chat('groq/calls', stream));
    const choice = asList(last.choices)[0]!;
    expect(choice.finish_reason).toBe('tool_calls');
    expect(choice[stream ? 'delta' : 'message']).toMatchObject({ novel: 1 });
  });

  test('pass through in responses, with the tier that answered', async () => {
    expect(await respond('openai/m', stream)).toMatchObject(FIELDS);
  });

  test('usage has the tokens written to the cache', async () => {
    const chatUsage = { prompt_tokens_details: CACHE };
    for (const model of ['groq/m', 'openai/m']) {
      expect((await chat(model, stream)).some(({ usage }) => Bun.deepMatch(chatUsage, usage ?? {}))).toBe(
        true,
      );
      expect((await respond(model, stream)).usage).toMatchObject({ input_tokens_details: CACHE });
    }
  });

  test('of another vocabulary do not, except the tier', async () => {
    const response = await respond('groq/m', stream);
    expect(response.service_tier).toBe('flex');
    expect(response.system_fingerprint).toBeUndefined();
  });
});
