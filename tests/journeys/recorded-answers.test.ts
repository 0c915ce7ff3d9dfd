import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type Recording, recordings } from '../conformance/wire-protocol.ts';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { json, type ServerEvent, serverEvents } from '../harness/journey.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

/** Gemini's own code execution, in the form of https://ai.google.dev/gemini-api/docs/code-execution. */
const EXECUTED = {
  candidates: [
    {
      content: {
        role: 'model',
        parts: [
          { text: 'I compute.' },
          { executableCode: { language: 'PYTHON', code: 'print(1)', id: 'e1' } },
          { codeExecutionResult: { outcome: 'OUTCOME_OK', output: '1', id: 'e1' } },
          { text: 'It is 1.' },
        ],
      },
      finishReason: 'STOP',
      index: 0,
    },
  ],
  modelVersion: 'm',
  responseId: 'r',
};
/** Answers of hosted tools that are not recorded. */
const DOCUMENTED: Recording[] = [
  { name: 'code execution', whole: EXECUTED, events: [JSON.stringify(EXECUTED)] },
];

/** Answers that real providers gave, through a running gateway. The protocol is the claw's name. */
const RECORDED: Record<string, Recording[]> = {
  'openai-responses': [
    ...recordings(['openai', 'xai'], /^responses-(?!.*error)/),
    ...recordings(['azure'], /^(?!.*deepseek)/),
  ],
  anthropic: recordings(['anthropic'], /^anthropic-/),
  gemini: [...recordings(['google'], /^google-/), ...DOCUMENTED],
  'openai-chat': recordings(['groq', 'mistral', 'perplexity', 'openai-compatible'], /./),
};
const CASES = Object.entries(RECORDED).flatMap(([claw, all]) =>
  all.flatMap(({ name, whole, events }): [string, string, boolean, unknown][] => [
    ...(whole === undefined ? [] : [[name, claw, false, whole] as [string, string, boolean, unknown]]),
    ...(events ? [[name, claw, true, firstStream(events)] as [string, string, boolean, unknown]] : []),
  ]),
);

/** Some files hold the streams of several calls, one after the other. */
function firstStream(events: string[]): string[] {
  const end = events.findIndex((event) =>
    /"type": ?"(message_stop|response\.(completed|incomplete))"/.test(event),
  );
  return end === -1 ? events : events.slice(0, end + 1);
}

let answer: unknown;
let received: Json = {};
const upstream = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  async fetch(request) {
    received = asJson(await request.json());
    if (!Array.isArray(answer)) return Response.json(answer);
    const text = (answer as string[]).map((data) => `data: ${data}\n\n`).join('');
    return new Response(text, { headers: { 'content-type': 'text/event-stream' } });
  },
});
let gateway: TestGateway;
beforeAll(async () => {
  const claws = Object.keys(RECORDED).map(
    (name) => `  ${name}: { protocol: ${name}, base_url: '${upstream.url.origin}', api_key: k }\n`,
  );
  gateway = await testGateway({ yaml: `claws:\n${claws.join('')}` });
});
afterAll(async () => {
  await gateway.stop();
  await upstream.stop(true);
});

/** The ids under which events show the output items, by their index. */
function idsIn(events: ServerEvent[]): Map<unknown, Set<string>> {
  const ids = new Map<unknown, Set<string>>();
  for (const { data } of events) {
    if (data.output_index === undefined) continue;
    const known = ids.get(data.output_index) ?? new Set();
    ids.set(data.output_index, known.add(asText(data.item_id) || asText(asJson(data.item).id)));
  }
  return ids;
}

const ended = (events: ServerEvent[]) => {
  const items: unknown[] = [];
  for (const { event, data } of events) {
    if (event === 'response.output_item.done') items[Number(data.output_index)] = data.item;
  }
  return items;
};

describe('recorded answers', () => {
  if (CASES.length <= 2) test.skip('skipped: the recorded traffic is not on this machine', () => {});

  test.each(CASES)(
    '%s of %s have one id for each item (stream: %p)',
    async (_name, claw, stream, recorded) => {
      answer = recorded;
      const body = { model: `${claw}/m`, input: 'go', stream };
      const reply = await gateway.post('/v1/responses', body);
      expect(reply.status).toBe(200);
      const events = stream ? serverEvents(await reply.text()).events : [];
      const response = stream ? asJson(events.at(-1)!.data.response) : await json(reply);
      const output = asList(response.output);
      const got = await json(gateway.fetch(`/v1/responses/${response.id}`));
      expect(asList(got.output)).toEqual(output);
      const replay = await gateway.fetch(`/v1/responses/${response.id}?stream=true`);
      const replayed = serverEvents(await replay.text()).events;
      for (const seen of [...(stream ? [events] : []), replayed]) {
        expect([...idsIn(seen).values()].map((ids) => [...ids])).toEqual(
          output.map(({ id }) => [asText(id)]),
        );
        expect(ended(seen)).toEqual(output);
      }
      const conversation = asJson(response.conversation).id;
      if (conversation) {
        const items = await json(gateway.fetch(`/v1/conversations/${conversation}/items?order=asc`));
        expect(asList(items.data).slice(1)).toEqual(output);
      }
      for (const { id } of output) expect(asText(id)).toMatch(/^[a-z]+_[0-9a-z]{33}o\d+$/);
    },
  );
});

describe('recorded answers of the Responses API', () => {
  const whole = RECORDED['openai-responses']!.filter((recording) => recording.whole !== undefined);
  test.each(whole.map(({ name, whole }) => [name, whole]))(
    '%s go back to their provider with all that it said',
    async (name, recorded) => {
      answer = recorded;
      const headers = { 'x-session-id': String(name).replaceAll('/', '-') };
      const body = { model: 'openai-responses/m', input: 'go' };
      expect((await gateway.post('/v1/responses', body, headers)).status).toBe(200);
      expect((await gateway.post('/v1/responses', { ...body, input: 'on' }, headers)).status).toBe(200);
      const output = asList(asJson(recorded).output);
      const programs = output.flatMap((item) => (item.type === 'program' ? [item.call_id] : []));
      const kept = output.flatMap((item) => {
        // Reasoning may not be readable without a store. The program of an output was in an earlier answer.
        const isLost = item.type === 'program_output' && !programs.includes(item.call_id);
        return item.type === 'reasoning' || isLost ? [] : [comparable(item)];
      });
      expect(asList(received.input).map(comparable)).toEqual(expect.arrayContaining(kept));
      // Without its reasoning, an item has another id.
      if (output.some(({ type }) => type === 'reasoning')) return;
      const ids = output.flatMap(({ type, id }) => (NAMELESS.test(asText(type)) ? [] : [id]));
      expect(asList(received.input).map(({ id }) => id)).toEqual(expect.arrayContaining(ids));
    },
  );
});

test.each(RECORDED.anthropic!.filter(({ whole }) => whole).map(({ name, whole }) => [name, whole]))(
  '%s: blocks of hosted tools go back to their provider under its ids',
  async (name, recorded) => {
    answer = recorded;
    const headers = { 'x-session-id': String(name).replaceAll('/', '-') };
    const body = { model: 'anthropic/m', input: 'go' };
    expect((await gateway.post('/v1/responses', body, headers)).status).toBe(200);
    expect((await gateway.post('/v1/responses', { ...body, input: 'on' }, headers)).status).toBe(200);
    const sent = asList(received.messages).flatMap(({ content }) => asList(content));
    for (const block of asList(asJson(recorded).content)) {
      if (/^(server|mcp)_tool_use$/.test(asText(block.type))) expect(sent).toContainEqual(block);
    }
  },
);

/** Kinds that are sent without an id, or not at all. */
const NAMELESS = /^(message|function_call|program_output)$/;

/** An item without ids, and without what the API does not take back. */
function comparable({ id: _, status: __, content, caller, ...item }: Json): Json {
  if (content === undefined) return item;
  const parts = asList(content).map(({ logprobs: _logprobs, ...part }) => ({ annotations: [], ...part }));
  return { ...item, content: parts };
}
