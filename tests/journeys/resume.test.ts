import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { rmSync } from 'node:fs';
import type OpenAI from 'openai';
import type { ResponseStreamEvent } from 'openai/resources/responses/responses';
import { breakableConnection } from '../harness/breakable-connection.ts';
import { DIALECTS, type Dialect, FORMS, PATHS, pathOf, question } from '../harness/dialects.ts';
import { type DictatedProvider, dictatedProvider } from '../harness/dictated.ts';
import {
  OTHER_KEY,
  ROOT_KEY,
  spawnGateway,
  type TestGateway,
  temporaryDirectory,
  testGateway,
} from '../harness/gateway.ts';
import { json, sdk } from '../harness/journey.ts';
import { after, blocksOf, numberOf, readerOf, withoutComments } from '../harness/reading.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';
import { asText } from '../simulators/provider/shape.ts';

/** A longer timeout, because processes start slowly on a busy machine. */
setDefaultTimeout(20_000);

const tools = ['weather', 'traffic'].map((name) => ({
  name,
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
}));

function bodyOf(dialect: Dialect, model: string, rest: object = {}): object {
  const { stored, tool } = FORMS[dialect];
  return {
    model,
    stream: true,
    ...(dialect === 'chat' && { stream_options: { include_usage: true } }),
    ...stored,
    ...question(dialect, 'How is Paris today?'),
    tools: tools.map(tool),
    ...rest,
  };
}

/** The URL at which the turn of a reply can be resumed. */
const urlOf = (dialect: Dialect, reply: Response): string =>
  `${pathOf(dialect, reply.headers.get('x-clawhold-response-id') ?? '')}?stream=true`;

const textAt = async (gateway: TestGateway, url: string, headers: Record<string, string> = {}) =>
  withoutComments(await (await gateway.fetch(url, { headers })).text());

describe('a stream is replayed with the same bytes', () => {
  const dataDir = temporaryDirectory();
  let provider: Provider;
  let gateway: TestGateway;
  /** The text of the live stream, by the URL of its replay. */
  const seen = new Map<string, string>();
  beforeAll(async () => {
    provider = startProvider();
    gateway = await testGateway({ provider: provider.url, dataDir });
  });
  afterAll(async () => {
    await gateway.stop();
    provider.stop();
    rmSync(dataDir, { recursive: true });
  });

  const models = [
    'say-5',
    'echo+pace-0',
    'echo+think+pace-0',
    'tools',
    'tools+think+pace-0',
    'refuse',
    'filter',
    'long+say-4',
    'once-cut-2+say-6+pace-0',
    'cut-3+say-9+pace-0',
    'status-400',
  ];
  const cases = DIALECTS.flatMap((dialect) =>
    ['openai', 'groq', 'anthropic', 'gemini'].flatMap((claw) =>
      models.map((model) => [dialect, `${claw}/${model}`] as const),
    ),
  );

  test.each(cases)('%s of %s', async (dialect, model) => {
    provider.reset();
    const reply = await gateway.post(PATHS[dialect], bodyOf(dialect, model));
    if (!reply.headers.get('content-type')!.startsWith('text/event-stream')) {
      expect(reply.ok).toBe(false);
      return;
    }
    const url = urlOf(dialect, reply);
    const live = await reply.text();
    seen.set(url, live);
    const numbers = blocksOf(live).map(numberOf);
    const ids = numbers.filter((number) => number !== undefined);
    expect(ids).toEqual(ids.map((_, at) => at));
    expect(numbers.lastIndexOf(undefined)).toBe(live.endsWith('data: [DONE]\n\n') ? numbers.length - 1 : -1);
    expect(await textAt(gateway, url)).toBe(live);
    for (const last of new Set([0, Math.floor(ids.length / 2), ids.length - 1])) {
      expect(await textAt(gateway, `${url}&starting_after=${last}`)).toBe(after(live, last));
      if (last === ids.length - 1) continue;
      expect(await textAt(gateway, url, { 'last-event-id': String(last) })).toBe(after(live, last));
    }
    // An event source that has every event must stop.
    for (const last of [ids.length - 1, ids.length + 5]) {
      const end = await gateway.fetch(url, { headers: { 'last-event-id': String(last) } });
      expect([end.status, await end.text()]).toEqual([204, '']);
    }
  });

  const shapes = [
    ['chat', { stream_options: { include_usage: true } }],
    ['chat', { stream_options: { include_usage: false } }],
    ['chat', { stream_options: null }],
    ['chat', { stream_options: { include_usage: true, include_obfuscation: true } }],
    ['chat', { logprobs: true, top_logprobs: 2 }],
    ['chat', { n: 2 }],
    ['responses', { top_logprobs: 2, include: ['message.output_text.logprobs'] }],
    ['responses', { stream_options: { include_obfuscation: true } }],
    ['responses', { include: ['reasoning.encrypted_content'] }],
  ] as const;

  test.each(shapes)('%s with what the request asks of its stream: %j', async (dialect, options) => {
    const body = bodyOf(dialect, 'openai/say-4+logprobs+think+pace-0', { tools: undefined, ...options });
    const key = { 'idempotency-key': `${dialect} ${JSON.stringify(options)}`.replace(/\W/g, '-') };
    const reply = await gateway.post(PATHS[dialect], body, key);
    const url = urlOf(dialect, reply);
    const live = await reply.text();
    const asksUsage = JSON.stringify(body).includes('"include_usage":true');
    if (dialect === 'chat') expect(live.includes('"usage":{')).toBe(asksUsage);
    if ('top_logprobs' in options) expect(live).toContain('"logprob":');
    const retry = await gateway.post(PATHS[dialect], body, key);
    expect(retry.headers.get('x-clawhold-replayed')).toBe('true');
    expect(withoutComments(await retry.text())).toBe(live);
    expect(await textAt(gateway, url)).toBe(live);
    seen.set(url, live);
  });

  test('also after a restart of the gateway', async () => {
    await gateway.stop();
    gateway = await testGateway({ provider: provider.url, dataDir });
    const asked = provider.requests.length;
    expect(seen.size).toBeGreaterThan(70);
    for (const [url, live] of seen) {
      expect(await textAt(gateway, url)).toBe(live);
      expect(await textAt(gateway, `${url}&starting_after=3`)).toBe(after(live, 3));
    }
    expect(provider.requests).toHaveLength(asked);
  });

  test('events of a response have the same number in the `id:` line and in the data', async () => {
    const reply = await gateway.post('/v1/responses', bodyOf('responses', 'anthropic/say-3+think'));
    for (const block of blocksOf(await reply.text())) {
      expect(block).toMatch(/^id: (\d+)\nevent: \S+\ndata: .*"sequence_number":\1\}\n\n$/);
    }
  });

  test('a chat turn in a session can be read as a response, without store', async () => {
    const body = bodyOf('chat', 'anthropic/say-3', { store: undefined });
    const reply = await gateway.post(PATHS.chat, body, { 'x-session-id': 'kept' });
    const url = urlOf('chat', reply);
    const live = await reply.text();
    expect(await textAt(gateway, url)).toBe(live);
    const id = reply.headers.get('x-clawhold-response-id');
    const events = blocksOf(await textAt(gateway, `/v1/responses/${id}?stream=true`));
    expect(events.at(-1)).toContain('event: response.completed');
    expect(events.map(numberOf)).toEqual(events.map((_, at) => at));
  });
});

/** An answer with several content parts and an annotation, as the Responses API streams it. */
function severalParts(): string {
  const part = (text: string) => ({ type: 'output_text', text, annotations: [] as object[], logprobs: [] });
  const cite = {
    type: 'url_citation',
    url: 'https://example.com',
    title: 'Example',
    start_index: 0,
    end_index: 3,
  };
  const message = (content: object[]) => ({
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    status: 'completed',
    content,
  });
  const base = {
    id: 'resp_far',
    object: 'response',
    created_at: 1,
    model: 'parts',
    status: 'in_progress',
    output: [],
  };
  const output = [message([{ ...part('One, two.'), annotations: [cite] }, part('Three.')])];
  const usage = { input_tokens: 3, output_tokens: 4, total_tokens: 7 };
  const at = (content_index: number) => ({ item_id: 'msg_1', output_index: 0, content_index });
  const events: [string, object][] = [
    ['response.created', { response: base }],
    ['response.output_item.added', { output_index: 0, item: { ...message([]), status: 'in_progress' } }],
    ['response.content_part.added', { ...at(0), part: part('') }],
    ['response.output_text.delta', { ...at(0), delta: 'One,' }],
    ['response.output_text.delta', { ...at(0), delta: ' two.' }],
    ['response.output_text.annotation.added', { ...at(0), annotation_index: 0, annotation: cite }],
    ['response.output_text.done', { ...at(0), text: 'One, two.' }],
    ['response.content_part.done', { ...at(0), part: part('One, two.') }],
    ['response.content_part.added', { ...at(1), part: part('') }],
    ['response.output_text.delta', { ...at(1), delta: 'Th' }],
    ['response.output_text.delta', { ...at(1), delta: 'ree.' }],
    ['response.output_text.done', { ...at(1), text: 'Three.' }],
    ['response.content_part.done', { ...at(1), part: part('Three.') }],
    ['response.output_item.done', { output_index: 0, item: output[0] }],
    ['response.completed', { response: { ...base, status: 'completed', output, usage } }],
  ];
  return events
    .map(([type, data], sequence_number) => {
      return `event: ${type}\ndata: ${JSON.stringify({ type, ...data, sequence_number })}\n\n`;
    })
    .join('');
}

test.each(DIALECTS)('an answer of several parts with a citation is replayed on %s', async (dialect) => {
  const headers = { 'content-type': 'text/event-stream' };
  const server = Bun.serve({ port: 0, fetch: () => new Response(severalParts(), { headers }) });
  const dataDir = temporaryDirectory();
  const baseUrl = `http://127.0.0.1:${server.port}/v1`;
  const yaml = `claws:\n  far: { protocol: openai-responses, base_url: '${baseUrl}', api_key: sk-far }\n`;
  let gateway = await testGateway({ yaml, dataDir });
  const reply = await gateway.post(PATHS[dialect], bodyOf(dialect, 'far/parts'));
  const url = urlOf(dialect, reply);
  const live = await reply.text();
  expect(live).toContain('https://example.com');
  expect(await textAt(gateway, url)).toBe(live);
  await gateway.stop();
  gateway = await testGateway({ yaml, dataDir });
  expect(await textAt(gateway, url)).toBe(live);
  await gateway.stop();
  await server.stop(true);
  rmSync(dataDir, { recursive: true });
});

describe('a turn that is running', () => {
  let provider: DictatedProvider;
  let gateway: TestGateway;
  let client: OpenAI;
  beforeAll(async () => {
    provider = dictatedProvider();
    gateway = await testGateway({ env: provider.env });
    client = sdk(gateway.url);
  });
  afterAll(async () => {
    await gateway.stop();
    await provider.stop();
  });

  /** A running turn whose reader has received two words. */
  async function underWay(dialect: Dialect, rest: object = {}, headers: Record<string, string> = {}) {
    const asked = gateway.post(PATHS[dialect], bodyOf(dialect, 'groq/dictated', rest), headers);
    const call = await provider.next();
    call.say('one');
    call.say(' two');
    const reply = await asked;
    const reader = readerOf(reply);
    await reader.until('two');
    return { call, reader, url: urlOf(dialect, reply), id: reply.headers.get('x-clawhold-response-id')! };
  }

  test.each(DIALECTS)(
    '%s: fifty readers that connect at different times get the same stream',
    async (dialect) => {
      const { call, reader, url } = await underWay(dialect);
      const readers = Array.from({ length: 50 }, () => textAt(gateway, url));
      const first = readerOf(await gateway.fetch(url));
      await first.until('two');
      for (let word = 3; word < 30; word++) {
        call.say(` word${word}`);
        await first.until(`word${word}`);
        readers.push(textAt(gateway, url));
      }
      call.end();
      const live = await reader.rest();
      expect(new Set(await Promise.all(readers))).toEqual(new Set([live]));
      expect(await first.rest()).toBe(live);
    },
  );

  test.each(DIALECTS)(
    '%s: the rest can be read from a number, also from a future number',
    async (dialect) => {
      const { call, reader, url } = await underWay(dialect);
      const soFar = blocksOf(reader.text()).length;
      const known = textAt(gateway, `${url}&starting_after=${soFar - 1}`);
      const ahead = textAt(gateway, url, { 'last-event-id': String(soFar + 1) });
      const never = textAt(gateway, `${url}&starting_after=100000`);
      for (const word of [' three', ' four', ' five']) {
        call.say(word);
        await reader.until(word);
      }
      call.end();
      const live = await reader.rest();
      expect(live).toContain(' five');
      expect(await known).toBe(after(live, soFar - 1));
      expect(await ahead).toBe(after(live, soFar + 1));
      expect(await never).toBe(FORMS[dialect].tail);
      expect(await textAt(gateway, `${url}&starting_after=100000`)).toBe(await never);
    },
  );

  test("the SDK's own resume: events after a number, during the turn and afterwards", async () => {
    const { call, reader, id } = await underWay('responses');
    const last = blocksOf(reader.text()).length - 2;
    const stream = await client.responses.retrieve(id, { stream: true, starting_after: last });
    const running: ResponseStreamEvent[] = [];
    for await (const event of stream) {
      running.push(event);
      if (event.type !== 'response.output_text.delta') continue;
      if (event.delta === ' two') call.say(' three');
      else call.end();
    }
    const live = await reader.rest();
    expect(running.map(({ sequence_number }) => sequence_number)).toEqual(
      blocksOf(after(live, last)).map((block) => numberOf(block)!),
    );
    expect(running.at(-1)?.type).toBe('response.completed');
    const ended = await client.responses.retrieve(id, { stream: true, starting_after: last });
    expect(await Array.fromAsync(ended)).toEqual(running);
  });

  test("the SDK's stream helper replays all events and emits only the new ones", async () => {
    const { call, reader, id } = await underWay('responses');
    const last = blocksOf(reader.text()).length - 1;
    const helper = client.responses.stream({ response_id: id, starting_after: last });
    const emitted: ResponseStreamEvent[] = [];
    helper.on('event', (event) => emitted.push(event));
    call.say(' three');
    call.end();
    const final = await helper.finalResponse();
    expect(final).toMatchObject({ id, status: 'completed', output_text: 'one two three' });
    expect(emitted[0]).toMatchObject({
      type: 'response.output_text.delta',
      sequence_number: last + 1,
      delta: ' three',
    });
    expect(emitted.at(-1)?.type).toBe('response.completed');
    const again = client.responses.stream({ response_id: id });
    expect((await again.finalResponse()).output).toEqual(final.output);
    await reader.rest();
  });

  test.each(DIALECTS)(
    '%s: an event source whose connection breaks again and again gets every event once',
    async (dialect) => {
      const connection = await breakableConnection(gateway.url);
      const { call, reader, url } = await underWay(dialect);
      const headers: Record<string, string> = { authorization: `Bearer ${ROOT_KEY}` };
      let have = '';
      for (const word of [' three', ' four', ' five']) {
        const reply = await fetch(connection.url + url, { headers, keepalive: false });
        const part = readerOf(reply);
        call.say(word);
        await part.until(word);
        await part.until('\n\n');
        connection.cut();
        await part.rest().catch(() => {});
        // An event that was cut in the middle does not count as received.
        const whole = blocksOf(withoutComments(part.text()));
        have += whole.join('');
        headers['last-event-id'] = String(numberOf(whole.at(-1)!));
      }
      call.end();
      have += withoutComments(
        await (await fetch(connection.url + url, { headers, keepalive: false })).text(),
      );
      expect(have).toBe(await reader.rest());
      await connection.stop();
    },
  );

  test.each(DIALECTS)(
    '%s: a repeated request with its key and Last-Event-ID continues after that event',
    async (dialect) => {
      const key = { 'idempotency-key': `again-${dialect}` };
      const { call, reader } = await underWay(dialect, {}, key);
      const last = blocksOf(reader.text()).length - 1;
      const body = bodyOf(dialect, 'groq/dictated');
      const again = await gateway.post(PATHS[dialect], body, { ...key, 'last-event-id': String(last) });
      call.say(' three');
      call.end();
      expect(withoutComments(await again.text())).toBe(after(await reader.rest(), last));
      expect(again.headers.get('x-clawhold-replayed')).toBe('true');
    },
  );

  test.each(DIALECTS)(
    '%s: a repeated request whose Last-Event-ID is the last event is answered with 204',
    async (dialect) => {
      const key = { 'idempotency-key': `ended-${dialect}` };
      const { call, reader } = await underWay(dialect, {}, key);
      call.end();
      const ids = blocksOf(withoutComments(await reader.rest())).map(numberOf);
      const last = Math.max(...ids.filter((id) => id !== undefined));
      const body = bodyOf(dialect, 'groq/dictated');
      const again = await gateway.post(PATHS[dialect], body, { ...key, 'last-event-id': String(last) });
      expect([again.status, await again.text()]).toEqual([204, '']);
      expect(again.headers.get('x-clawhold-replayed')).toBe('true');
    },
  );

  test.each(DIALECTS)('%s: is not found by another tenant, or if it is not stored', async (dialect) => {
    const { call, reader, url } = await underWay(dialect);
    await expectRefusal(gateway.fetch(url, { key: OTHER_KEY }), 404, { code: 'response_not_found' });
    call.end();
    await reader.rest();
    await expectRefusal(gateway.fetch(url, { key: OTHER_KEY }), 404, { code: 'response_not_found' });
    const passing = gateway.post(PATHS[dialect], bodyOf(dialect, 'groq/dictated', { store: false }));
    const unkept = await provider.next();
    unkept.say('one');
    const live = readerOf(await passing);
    const { id } = await json(Response.json(JSON.parse(/^data: (.*)$/m.exec(await live.until('\n\n'))![1]!)));
    expect((await passing).headers.get('x-clawhold-response-id')).toBeNull();
    // An interaction that is not stored has no id.
    const shown = live.text().match(/"(?:id|responseId)":"((?:resp_|chatcmpl-|msg_)[^"]+)"/)?.[1];
    const hidden = shown ?? (asText(id) || `int_${'0'.repeat(33)}`);
    const lost = () => gateway.fetch(`${pathOf(dialect, hidden)}?stream=true`);
    await expectRefusal(lost(), 404, { code: 'response_not_found' });
    unkept.end();
    await live.rest();
    await expectRefusal(lost(), 404, { code: 'response_not_found' });
  });

  test.each(DIALECTS)('%s: is not found after it is deleted', async (dialect) => {
    const { call, reader, url } = await underWay(dialect);
    call.end();
    await reader.rest();
    const [path] = url.split('?');
    expect((await gateway.fetch(path!, { method: 'DELETE' })).status).toBe(200);
    await expectRefusal(gateway.fetch(url), 404, { code: 'response_not_found' });
  });

  test.each(DIALECTS)('%s: an invalid number is refused', async (dialect) => {
    const { call, reader, url } = await underWay(dialect);
    call.end();
    await reader.rest();
    for (const number of ['', 'abc', '-1', '1.5', '1e3', '0x1', '9'.repeat(16)]) {
      const refused = { code: 'invalid_request', param: 'starting_after' };
      await expectRefusal(gateway.fetch(`${url}&starting_after=${number}`), 400, refused);
    }
    for (const number of ['abc', '-1', '1.5']) {
      const headers = { 'last-event-id': number };
      const refused = { code: 'invalid_request', param: 'last-event-id' };
      await expectRefusal(gateway.fetch(url, { headers }), 400, refused);
    }
  });
});

test.each(DIALECTS)('%s: after kill -9, a reader continues where it was cut', async (dialect) => {
  const provider = dictatedProvider();
  const dataDir = temporaryDirectory();
  const gateway = await spawnGateway({ env: provider.env, dataDir });
  const asked = gateway.post(PATHS[dialect], bodyOf(dialect, 'groq/dictated'));
  const call = await provider.next();
  call.say('one two three');
  call.say(' four five');
  const reply = await asked;
  const url = urlOf(dialect, reply);
  const reader = readerOf(reply);
  await reader.until('five');
  await gateway.kill();
  await reader.rest().catch(() => {});
  const successor = await spawnGateway({ env: provider.env, dataDir });
  const seen = blocksOf(reader.text());
  const last = numberOf(seen.at(-1)!)!;
  const rest = textAt(successor, url, { 'last-event-id': String(last) });
  const next = await provider.next();
  expect(next.received).toContain('assistant: one two three four five');
  next.say(' six seven');
  next.end();
  const whole = await textAt(successor, url);
  expect(seen.join('') + (await rest)).toBe(whole);
  expect(whole).toContain('six seven');
  await successor.stop();
  await provider.stop();
  rmSync(dataDir, { recursive: true });
});
