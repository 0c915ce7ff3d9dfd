import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { testGateway } from '../harness/gateway.ts';
import { inSession, type Journey, json, serverEvents, startJourney } from '../harness/journey.ts';
import { after, blocksOf, numberOf, withoutComments } from '../harness/reading.ts';
import { PIXEL } from '../simulators/provider/answer.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

/** Images that a model generates, and how they are sent in the next turns. */

const URL = `data:image/png;base64,${PIXEL}`;
/** The providers of the simulator that generate images. */
const MAKERS = ['openai', 'groq', 'gemini'] as const;
const DIALECTS = ['chat', 'responses'] as const;
type Dialect = (typeof DIALECTS)[number];
const CALLS = MAKERS.flatMap((maker) => DIALECTS.map((dialect) => [maker, dialect] as const));

let journey: Journey;
let count = 0;
let name = '';
beforeAll(async () => {
  journey = await startJourney();
});
beforeEach(() => {
  name = `images-${count++}`;
});
afterAll(() => journey.end());

function ask(dialect: Dialect, model: string, more: Json = {}, session = name): Promise<Response> {
  const input = dialect === 'chat' ? { messages: [{ role: 'user', content: 'Draw.' }] } : { input: 'Draw.' };
  const path = dialect === 'chat' ? '/v1/chat/completions' : '/v1/responses';
  return journey.gateway.post(path, { model, ...input, ...more }, inSession(session).headers);
}

const IMAGE = { index: 0, type: 'image_url', image_url: { url: URL } };
const messageOf = (completion: Json) => asJson(asList(completion.choices)[0]?.message);
const sentBody = () => asJson(journey.provider.requests.at(-1)!.body);
const listSent = () => asList(sentBody().messages ?? sentBody().input ?? sentBody().contents);

describe.each(MAKERS)('an image of %s', (maker) => {
  const model = `${maker}/say-2+image`;

  test('is an image of the message on chat, in JSON and in the stream', async () => {
    const whole = messageOf(await json(ask('chat', model)));
    expect(whole).toMatchObject({ content: 'word1 word2', images: [IMAGE] });
    const text = await (await ask('chat', model, { stream: true }, `${name}-s`)).text();
    const deltas = serverEvents(text).events.map(({ data }) => asJson(asList(data.choices)[0]?.delta));
    expect(deltas.flatMap(({ images }) => asList(images))).toEqual([IMAGE]);
  });

  test('is an image call on responses, in JSON, in the stream and when it is fetched', async () => {
    const call = {
      type: 'image_generation_call',
      id: expect.any(String) as string,
      status: 'completed',
      output_format: 'png',
      result: PIXEL,
    };
    const images = ({ output }: Json) => asList(output).filter(({ type }) => type === call.type);
    expect(images(await json(ask('responses', model)))).toMatchObject([call]);
    const asked = await ask('responses', model, { stream: true }, `${name}-s`);
    const { events } = serverEvents(await asked.text());
    const of = (type: string) => events.filter(({ event }) => event === type).map(({ data }) => data);
    const added = of('response.output_item.added').find(({ item }) => asJson(item).type === call.type);
    expect(added?.item).toMatchObject({ status: 'in_progress', result: null });
    const { output_index } = added!;
    const item_id = asJson(added!.item).id;
    for (const state of ['in_progress', 'generating', 'completed']) {
      expect(of(`response.image_generation_call.${state}`)).toMatchObject([{ output_index, item_id }]);
    }
    const done = of('response.output_item.done').find((event) => event.output_index === output_index);
    expect(done?.item).toMatchObject({ ...call, id: item_id });
    expect(images(asJson(events.at(-1)?.data.response))).toMatchObject([{ ...call, id: item_id }]);
    const id = asked.headers.get('x-clawhold-response-id');
    expect(images(await json(journey.gateway.fetch(`/v1/responses/${id}`)))).toMatchObject([call]);
  });

  test.each(DIALECTS)('is replayed with the same bytes on %s', async (dialect) => {
    const asked = await ask(dialect, `${maker}/say-4+image+pace-0`, { stream: true, store: true });
    const live = await asked.text();
    const id = asked.headers.get('x-clawhold-response-id')!;
    const url =
      dialect === 'chat'
        ? `/v1/chat/completions/${id.replace('resp_', 'chatcmpl-')}?stream=true`
        : `/v1/responses/${id}?stream=true`;
    const read = async (query = '') =>
      withoutComments(await (await journey.gateway.fetch(url + query)).text());
    expect(live).toContain(PIXEL);
    expect(await read()).toBe(live);
    const middle = Math.floor(blocksOf(live).map(numberOf).filter(Number.isInteger).length / 2);
    expect(await read(`&starting_after=${middle}`)).toBe(after(live, middle));
  });
});

describe('in the next turn, an image goes', () => {
  test.each(DIALECTS)('to Gemini, which made it, unchanged and with its signature (%s)', async (dialect) => {
    await ask(dialect, 'gemini/say-2+image+think');
    const next = await ask(dialect, 'gemini/say-2+image+think');
    expect([next.status, await next.text()]).toEqual([200, expect.any(String)]);
    const parts = listSent().flatMap((content) => asList(content.parts));
    expect(parts.filter(({ inlineData }) => inlineData)).toEqual([
      { inlineData: { mimeType: 'image/png', data: PIXEL }, thoughtSignature: expect.any(String) },
    ]);
  });

  test.each(DIALECTS)('to the chat provider that made it, in `images` (%s)', async (dialect) => {
    await ask(dialect, 'groq/say-2+image');
    expect((await ask(dialect, 'groq/say-2+image')).status).toBe(200);
    expect(listSent()[1]).toEqual({
      role: 'assistant',
      content: 'word1 word2',
      images: [{ type: 'image_url', image_url: { url: URL } }],
    });
  });

  test('to OpenAI, which made it, with its own id', async () => {
    await ask('responses', 'openai/say-2+image');
    expect((await ask('responses', 'openai/say-2+image')).status).toBe(200);
    expect(listSent()[1]).toMatchObject({
      type: 'image_generation_call',
      id: expect.stringMatching(/^ig_/) as string,
      result: PIXEL,
    });
  });

  test.each(CALLS)('from %s to Gemini as an image of the model (%s)', async (maker, dialect) => {
    await ask(dialect, `${maker}/say-2+image`);
    const next = await ask(dialect, 'gemini/echo');
    expect([next.status, next.ok || (await next.text())]).toEqual([200, true]);
    const parts = asList(listSent().find(({ role }) => role === 'model')?.parts);
    expect(parts.map(({ inlineData }) => inlineData).filter(Boolean)).toEqual([
      { mimeType: 'image/png', data: PIXEL },
    ]);
  });

  const OTHERS = MAKERS.flatMap((maker) =>
    ['openai', 'groq', 'anthropic']
      .filter((other) => other !== maker)
      .map((other) => [maker, other] as const),
  );
  test.each(OTHERS)('from %s to %s as a line of text', async (maker, other) => {
    for (const dialect of DIALECTS) {
      const session = `${name}-${dialect}`;
      await ask(dialect, `${maker}/say-2+image`, {}, session);
      const next = await ask(dialect, `${other}/echo`, {}, session);
      expect([next.status, next.ok || (await next.text())]).toEqual([200, true]);
      const sent = JSON.stringify(listSent());
      expect(sent).not.toContain(PIXEL);
      expect(sent).toContain('[The tool image_generation was run');
    }
  });
});

describe('a client that keeps the conversation', () => {
  const question = { role: 'user', content: 'Draw.' };

  test.each([
    [
      'gemini',
      (sent: string) => expect(sent).toContain(`"inlineData":{"mimeType":"image/png","data":"${PIXEL}"}`),
    ],
    ['openai', (sent: string) => expect(sent).toContain('[The tool image_generation was run')],
    ['groq', (sent: string) => expect(sent).toContain('[The tool image_generation was run')],
    ['anthropic', (sent: string) => expect(sent).toContain('[The tool image_generation was run')],
  ] as const)('may send its images back, to %s', async (provider, check) => {
    const { gateway } = journey;
    const answer = messageOf(await json(ask('chat', 'gemini/say-2+image')));
    for (const message of [answer, { role: 'assistant', content: null, images: [IMAGE] }]) {
      const messages = [question, message, question];
      const next = await gateway.post('/v1/chat/completions', { model: `${provider}/echo`, messages });
      expect([next.status, next.ok || (await next.text())]).toEqual([200, true]);
      check(JSON.stringify(listSent()));
    }
    const { output } = await json(ask('responses', 'gemini/say-2+image', {}, `${name}-r`));
    const input = [question, ...asList(output), question];
    const next = await gateway.post('/v1/responses', { model: `${provider}/echo`, input, store: false });
    expect([next.status, next.ok || (await next.text())]).toEqual([200, true]);
    check(JSON.stringify(listSent()));
  });

  test.each([true, false])('has the same history with its images and without (%p)', async (isKept) => {
    const answer = messageOf(await json(ask('chat', 'gemini/say-2+image')));
    const { images: _, ...text } = answer;
    const messages = [question, isKept ? answer : text, question];
    const next = await ask('chat', 'gemini/echo', { messages });
    expect(next.headers.get('x-clawhold-history')).toBe('matched');
    // The session has the image, whether the client sent it or not.
    expect(JSON.stringify(listSent())).toContain(PIXEL);
  });

  test('gets an error that names a malformed image', async () => {
    for (const [images, param] of [
      ['x', 'messages[0].images'],
      [[{ type: 'image_url' }], 'messages[0].images[0].image_url'],
    ] as const) {
      const messages = [{ role: 'assistant', content: 'a', images }, question];
      const reply = await ask('chat', 'gemini/echo', { messages });
      expect([reply.status, asJson((await json(reply)).error).param]).toEqual([400, param]);
    }
  });
});

test('a large image is kept beside the turn, and counts as one image', async () => {
  const { gateway } = journey;
  const large = 'A'.repeat(2_000_000);
  const image = { type: 'image_url', image_url: { url: `data:image/webp;base64,${large}` } };
  const messages = [
    { role: 'user', content: 'Draw.' },
    { role: 'assistant', content: 'Here.', images: [image] },
    { role: 'user', content: 'Again.' },
  ];
  const reply = await ask('chat', 'gemini/say-1', { messages });
  expect(reply.status).toBe(200);
  const context = /tokens=(\d+)/.exec(
    (await ask('chat', 'gemini/say-1')).headers.get('x-clawhold-context') ?? '',
  );
  expect(Number(context![1])).toBeLessThan(5_000);
  const id = reply.headers.get('x-clawhold-response-id');
  const { data } = await json(gateway.fetch(`/v1/responses/${id}/input_items?order=asc`));
  expect(asText(asList(data)[2]?.result)).toHaveLength(large.length);
  expect(readdirSync(join(gateway.dataDir, 'blobs'), { recursive: true }).length).toBeGreaterThan(0);
  const stored = ['clawhold.db', 'clawhold.db-wal'].map((file) => readFileSync(join(gateway.dataDir, file)));
  expect(stored.some((bytes) => bytes.includes(large.slice(0, 10_000)))).toBe(false);
});

test('an image of a Responses API reaches a chat client, whole and streamed', async () => {
  const yaml = `claws:\n  far: { protocol: openai-responses, base_url: '${journey.provider.url}/v1', api_key: sk-far }\n`;
  const gateway = await testGateway({ yaml });
  const body = { model: 'far/say-2+image', messages: [{ role: 'user', content: 'Draw.' }] };
  expect(messageOf(await json(gateway.post('/v1/chat/completions', body)))).toMatchObject({
    content: 'word1 word2',
    images: [IMAGE],
  });
  const streamed = await gateway.post('/v1/chat/completions', { ...body, stream: true });
  const { events } = serverEvents(await streamed.text());
  const deltas = events.map(({ data }) => asJson(asList(data.choices)[0]?.delta));
  expect(deltas.flatMap(({ images }) => asList(images))).toEqual([IMAGE]);
  await gateway.stop();
});
