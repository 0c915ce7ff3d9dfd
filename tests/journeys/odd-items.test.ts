import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { json, serverEvents } from '../harness/journey.ts';
import { type ResponsesProvider, responsesProvider } from '../harness/responses-provider.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

/** Items of a Responses provider whose known fields have odd values. */

let provider: ResponsesProvider;
let gateway: TestGateway;
beforeAll(async () => {
  provider = responsesProvider();
  gateway = await testGateway({ yaml: provider.yaml });
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop();
});

const said = (more: Json = {}): Json => ({
  ...{ type: 'message', id: 'msg_1', role: 'assistant', status: 'completed' },
  content: [{ type: 'output_text', text: 'Hello', annotations: [] }],
  ...more,
});
const search = { type: 'web_search_call', status: 'completed', action: { type: 'search', query: 'q' } };
const thought = { type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: 'Hm' }] };
const custom = { type: 'custom_tool_call', name: 'sql', input: 'select', status: 'completed' };
const hostile = '{"__proto__":{"x":1},"constructor":{"x":2},"toString":3,"phase":7}';

const ODD: [string, Json[]][] = [
  ['an empty id', [{ ...search, id: '' }, { ...thought, id: '' }, said({ id: '' })]],
  ['a number as its id', [{ ...search, id: 5 }, { ...thought, id: 6 }, said({ id: 7 })]],
  ['the role of a tool', [said({ role: 'tool' })]],
  ['the role of a user', [said({ role: 'user' })]],
  ['a number as its role', [said({ role: 5 })]],
  ['no status', [said({ status: null })]],
  ['names of inherited fields', [JSON.parse(`{"type":"message","content":[],${hostile.slice(1)}`)]],
  ['an id instead of its call id', [{ ...custom, id: 'ctc_1' }]],
  ['an empty call id', [{ ...custom, id: 'ctc_1', call_id: '' }]],
  ['no input', [{ ...custom, call_id: 'call_1', input: null }]],
  ['no id at all', [said(), custom]],
];

let sessions = 0;

describe.each([false, true])('an item (stream: %p)', (stream) => {
  test.each(ODD)('that has %s is the same in every view, and the session goes on', async (_, output) => {
    provider.answer(...output);
    const headers = { 'x-session-id': `odd-items-${stream}-${sessions++}` };
    const ask = (body: Json) => gateway.post('/v1/responses', { model: 'one/m', ...body }, headers);
    const reply = await ask({ input: 'Hi', stream });
    const shown = stream ? streamed(await reply.text()) : asList((await json(reply)).output);
    const id = reply.headers.get('x-clawhold-response-id');
    expect(asList((await json(gateway.fetch(`/v1/responses/${id}`))).output)).toEqual(shown);
    const outputs = shown.flatMap(({ type, call_id }) =>
      type === 'custom_tool_call' && call_id ? [{ type: `${type}_output`, call_id, output: 'fine' }] : [],
    );
    provider.answer(said({ id: 'msg_2' }));
    const history = [{ role: 'user', content: 'Hi' }, ...shown, ...outputs];
    const next = await ask({ input: [...history, { role: 'user', content: 'Next' }] });
    expect([next.status, next.headers.get('x-clawhold-history')]).toEqual([200, 'matched']);
    const sent = asList(provider.bodies.at(-1)!.input);
    for (const item of sent) if ('id' in item) expect(asText(item.id)).not.toBe('');
    for (const model of ['two/m', 'chat/m']) expect((await ask({ model, input: 'And?' })).status).toBe(200);
  });
});

describe.each([
  ['refusals between texts', ['Well', { refusal: 'No' }, 'but', { refusal: 'never' }]],
  ['a refusal alone', [{ refusal: 'No' }]],
  ['an empty text', ['']],
  ['a part that chat does not have', ['Hi', { type: 'hologram' }]],
] as [string, (string | Json)[]][])('an answer of %s', (_, parts) => {
  test.each([
    ['as it came', (message: Json): Json => message],
    ['without its refusal', ({ role, content }: Json): Json => ({ role, content: content ?? '' })],
  ])('is known when a chat client sends it back %s', async (_, back) => {
    const content = parts.map((part) =>
      typeof part === 'string' ? { type: 'output_text', text: part } : { type: 'refusal', ...part },
    );
    provider.answer(said({ content }));
    const headers = { 'x-session-id': `odd-parts-${sessions++}` };
    const messages: Json[] = [];
    for (const history of ['started', 'matched', 'matched']) {
      messages.push({ role: 'user', content: 'Hi' });
      const reply = await gateway.post('/v1/chat/completions', { model: 'one/m', messages }, headers);
      expect([reply.status, reply.headers.get('x-clawhold-history')]).toEqual([200, history]);
      messages.push(back(asJson(asList((await json(reply)).choices)[0]!.message)));
    }
  });
});

test('an answer that is cut in its second part, without a delta of the first, is recorded', async () => {
  const incomplete_details = { reason: 'max_output_tokens' };
  const response = { id: 'r', model: 'm', output: [], incomplete_details };
  const events = [
    { type: 'response.created', response },
    { type: 'response.output_item.added', output_index: 0, item: said({ content: [] }) },
    { type: 'response.output_text.delta', output_index: 0, content_index: 1, delta: 'Hel' },
    { type: 'response.incomplete', response: { ...response, status: 'incomplete' } },
  ];
  const stream = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
  const server = Bun.serve({
    port: 0,
    fetch: () => new Response(stream, { headers: { 'content-type': 'text/event-stream' } }),
  });
  const yaml = `claws:\n  cut: { protocol: openai-responses, base_url: '${server.url.origin}', api_key: k }\n`;
  const own = await testGateway({ yaml });
  try {
    for (const input of ['Hi', 'And?']) {
      const body = { model: 'cut/m', input, stream: true };
      const reply = await own.post('/v1/responses', body, { 'x-session-id': 'cut' });
      const { events } = serverEvents(await reply.text());
      expect(events.at(-1)!.event).toBe('response.incomplete');
      const [message] = asList(asJson(events.at(-1)!.data.response).output);
      expect(asList(message!.content).map(({ text }) => text)).toEqual(['', 'Hel']);
    }
  } finally {
    await own.stop();
    await server.stop(true);
  }
});

/** The items of a stream, which are the same in every event. */
function streamed(text: string): Json[] {
  const { events } = serverEvents(text);
  const items = (type: string) => events.filter(({ event }) => event === type).map(({ data }) => data.item);
  const done = items('response.output_item.done').map(asJson);
  expect(items('response.output_item.added').map((item) => asJson(item).id)).toEqual(
    done.map(({ id }) => id),
  );
  expect(asList(asJson(events.at(-1)!.data.response).output)).toEqual(done);
  return done;
}
