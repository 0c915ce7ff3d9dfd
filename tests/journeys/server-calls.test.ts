import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { json, serverEvents } from '../harness/journey.ts';
import { asJson, asList, type Json } from '../simulators/provider/shape.ts';

const SEARCH = {
  type: 'custom_tool_call',
  id: 'ctc_1',
  call_id: 'xs_call_1',
  name: 'x_keyword_search',
  input: '{"query":"cats"}',
  status: 'completed',
};
const SAID = {
  type: 'message',
  id: 'msg_1',
  role: 'assistant',
  status: 'completed',
  content: [{ type: 'output_text', text: 'Cats.', annotations: [], logprobs: [] }],
};

/** A provider that runs its search itself and writes its calls as calls of custom tools, as xAI does. */
function searchingProvider() {
  const bodies: Json[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const body = asJson(await request.json());
      bodies.push(body);
      const response = {
        id: 'resp_1',
        object: 'response',
        model: 'grok',
        status: 'completed',
        output: [SEARCH, SAID],
      };
      if (body.stream !== true) return Response.json(response);
      const events: Json[] = [
        { type: 'response.created', response: { ...response, status: 'in_progress', output: [] } },
        {
          type: 'response.output_item.added',
          output_index: 0,
          item: { ...SEARCH, input: '', status: 'in_progress' },
        },
        {
          type: 'response.custom_tool_call_input.delta',
          output_index: 0,
          item_id: 'ctc_1',
          delta: SEARCH.input,
        },
        { type: 'response.output_item.added', output_index: 1, item: { ...SAID, content: [] } },
        // The call ends after the model went on.
        { type: 'response.output_item.done', output_index: 0, item: SEARCH },
        {
          type: 'response.output_text.delta',
          output_index: 1,
          item_id: 'msg_1',
          content_index: 0,
          delta: 'Cats.',
        },
        { type: 'response.output_item.done', output_index: 1, item: SAID },
        { type: 'response.completed', response },
      ];
      const text = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
      return new Response(text, { headers: { 'content-type': 'text/event-stream' } });
    },
  });
  return { bodies, url: `http://127.0.0.1:${server.port}`, stop: () => server.stop(true) };
}

let provider: ReturnType<typeof searchingProvider>;
let gateway: TestGateway;

beforeAll(async () => {
  provider = searchingProvider();
  const yaml = `claws:\n  xai: { protocol: openai-responses, base_url: '${provider.url}', api_key: k }\n`;
  gateway = await testGateway({ yaml });
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop();
});

describe.each([
  ['with the tool that ran', [{ type: 'x_search' }]],
  ['without tools', undefined],
])('a call that the provider ran itself, %s', (name, tools) => {
  const session = (kind: string) => ({ 'x-session-id': `${kind}-${name.replaceAll(' ', '-')}` });

  test('is no call for a chat client', async () => {
    const body = { model: 'xai/grok', messages: [{ role: 'user', content: 'cats?' }], tools };
    for (const stream of [false, true]) {
      const reply = await gateway.post(
        '/v1/chat/completions',
        { ...body, stream },
        session(`chat-${stream}`),
      );
      const choices = stream
        ? serverEvents(await reply.text()).events.flatMap(({ data }) => asList(data.choices))
        : asList((await json(reply)).choices);
      expect(choices.at(-1)?.finish_reason).toBe('stop');
      expect(JSON.stringify(choices)).not.toContain('tool_calls');
      expect(JSON.stringify(choices)).toContain('Cats.');
    }
  });

  test('does not hide the history of a chat client', async () => {
    const headers = session('history');
    const asked = [{ role: 'user', content: 'cats?' }];
    const body = { model: 'xai/grok', tools };
    const first = await json(gateway.post('/v1/chat/completions', { ...body, messages: asked }, headers));
    const messages = [
      ...asked,
      asJson(asList(first.choices)[0]?.message),
      { role: 'user', content: 'and dogs?' },
    ];
    const next = await gateway.post('/v1/chat/completions', { ...body, messages }, headers);
    expect(next.headers.get('x-clawhold-history')).toBe('matched');
    const input = asList(provider.bodies.at(-1)?.input);
    expect(input.map(({ type, role }) => role ?? type)).toEqual([
      ...['user', 'custom_tool_call', 'assistant', 'user'],
    ]);
  });

  test('has its name in the stream, and gets no output in the session', async () => {
    const headers = session('responses');
    const body = { model: 'xai/grok', input: 'cats?', tools };
    const { events } = serverEvents(
      await (await gateway.post('/v1/responses', { ...body, stream: true }, headers)).text(),
    );
    const items = events.flatMap(({ event, data }) =>
      /output_item/.test(String(event)) ? [asJson(data.item)] : [],
    );
    const calls = items.filter(({ type }) => type === 'custom_tool_call');
    expect(calls).toHaveLength(2);
    for (const call of calls) expect(call).toMatchObject({ name: SEARCH.name, execution: 'server' });
    const whole = await json(gateway.post('/v1/responses', body, headers));
    expect(asList(whole.output)[0]).toMatchObject({ ...SEARCH, id: expect.any(String), execution: 'server' });
    const next = await gateway.post('/v1/responses', { ...body, input: 'and dogs?' }, headers);
    expect(next.status).toBe(200);
    const input = asList(provider.bodies.at(-1)?.input);
    expect(input.map(({ type }) => type)).not.toContain('custom_tool_call_output');
    expect(input.filter(({ type }) => type === 'custom_tool_call')).toEqual([SEARCH, SEARCH]);
  });
});

test("a call of the client's own custom tool is one, also where the model goes on", async () => {
  const tools = [{ type: 'x_search' }, { type: 'custom', name: SEARCH.name }];
  const whole = await json(gateway.post('/v1/responses', { model: 'xai/grok', input: 'cats?', tools }));
  expect(asList(whole.output)[0]).not.toHaveProperty('execution');
  const chat = { model: 'xai/grok', messages: [{ role: 'user', content: 'cats?' }] };
  const custom = { type: 'custom', custom: { name: SEARCH.name } };
  const completion = await json(gateway.post('/v1/chat/completions', { ...chat, tools: [custom] }));
  expect(asList(completion.choices)[0]).toMatchObject({
    finish_reason: 'tool_calls',
    message: { tool_calls: [{ custom: { name: SEARCH.name } }] },
  });
});
