import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ResponsesWS } from 'openai/resources/responses/ws';
import { eventually } from '../harness/eventually.ts';
import { OTHER_KEY, ROOT_KEY } from '../harness/gateway.ts';
import {
  type Journey,
  json,
  responseText,
  serverEvents,
  sessionLog,
  startJourney,
} from '../harness/journey.ts';
import { SchemaBook } from '../harness/json-schema.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { SocketClient, type SocketOptions } from '../harness/socket.ts';
import { sent } from '../harness/upstream.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

const DEFAULT_SPEC = join(import.meta.dir, '../../../shared/specs/openresponses.openapi.json');
const SPEC = process.env.OPEN_RESPONSES_SPEC ?? (existsSync(DEFAULT_SPEC) ? DEFAULT_SPEC : undefined);
const PROVIDERS = ['openai', 'anthropic', 'gemini', 'groq'] as const;

const tools = [
  {
    type: 'function',
    name: 'weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } } },
    strict: false,
  },
];

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney();
});
beforeEach(() => journey.provider.reset());
afterAll(() => journey.end());

const opened: SocketClient[] = [];
async function open(options: SocketOptions = {}, on = journey): Promise<SocketClient> {
  const socket = await SocketClient.open(on.gateway, options);
  opened.push(socket);
  return socket;
}
afterAll(() => {
  for (const socket of opened) socket.close();
});

/** The provider's request that ends with `text`. */
const asked = (text: string, on = journey) =>
  on.provider.requests.find((request) => sent(request).at(-1) === `user: ${text}`);

/** An event of Clawhold's own, beside those of the specification. */
const HEADERS = 'clawhold:response.headers';

const MISSING = { code: 'previous_response_not_found', param: 'previous_response_id' };

describe('a response on a socket', () => {
  test.each(PROVIDERS)('has the events of an HTTP stream, one per message: %s', async (provider) => {
    const socket = await open();
    const body = { model: `${provider}/think+tools`, tools, reasoning: { effort: 'low', summary: 'auto' } };
    for (const more of [body, { model: `${provider}/echo` }]) {
      socket.create({ ...more, input: 'How is Paris?' });
      const all = await socket.response();
      expect(all[2]!.type).toBe(HEADERS);
      const events = all.toSpliced(2, 1);
      const { id } = asJson(events[0]!.response);
      const stream = await journey.gateway.fetch(`/v1/responses/${asText(id)}?stream=true`);
      expect(events).toEqual(serverEvents(await stream.text()).events.map(({ data }) => data));
      expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, at) => at));
      expect(events.at(-1)!.type).toBe('response.completed');
    }
  });

  test('arrives event by event', async () => {
    const socket = await open();
    socket.create({ model: 'groq/echo+stall-2', input: 'a b c', store: false });
    const { delta } = await socket.until('response.output_text.delta');
    expect(delta).toBeString();
    socket.close();
  });

  test('ignores the fields `stream`, `stream_options` and `background: false`', async () => {
    const socket = await open();
    const body = { model: 'groq/echo', input: 'Hi', stream_options: { include_obfuscation: false } };
    for (const stream of [true, false]) {
      expect(await socket.ask({ ...body, stream, background: false })).toMatchObject({ status: 'completed' });
    }
    expect(journey.provider.requests.every(({ body }) => asJson(body).stream === true)).toBe(true);
  });

  test('is stored as usual, in the session that the upgrade names', async () => {
    const socket = await open({ headers: { 'x-session-id': 'socket-trip' } });
    const first = await socket.ask({ model: 'groq/recall', input: 'one' });
    const second = await socket.ask({ model: 'groq/recall', input: 'two' });
    expect(responseText(second)).toBe('I have heard: "one" | "two"');
    expect(await sessionLog(journey.gateway, asText(asJson(second.conversation).id))).toEqual([
      'user: one',
      'assistant: I have heard: "one"',
      'user: two',
      'assistant: I have heard: "one" | "two"',
    ]);
    expect(await json(journey.gateway.fetch(`/v1/responses/${asText(first.id)}`))).toEqual(first);
  });

  test('is executed for every message, also if the upgrade had an idempotency key', async () => {
    const socket = await open({ headers: { 'idempotency-key': 'socket', 'x-stainless-retry-count': '1' } });
    const first = await socket.ask({ model: 'groq/echo', input: 'Hi' });
    const second = await socket.ask({ model: 'groq/echo', input: 'Hi' });
    expect(second.status).toBe('completed');
    expect(second.id).not.toBe(first.id);
    expect(journey.provider.requests).toHaveLength(2);
  });

  test('is deferred if its provider is down and the upgrade allows it', async () => {
    const socket = await open({ headers: { 'x-clawhold-when-down': 'defer' } });
    const response = await socket.ask({ model: 'groq/once-status-503+echo', input: 'Hi' });
    expect(responseText(response)).toBe('You said: Hi');
  });

  const check = SPEC ? test : test.skip;
  check('fits the schemas of Open Responses (OPEN_RESPONSES_SPEC names the file)', async () => {
    const book = await SchemaBook.load(SPEC!);
    const socket = await open();
    socket.create({ model: 'anthropic/tools', input: 'Hi', tools });
    const events = await socket.response();
    const problems = events
      .filter(({ type }) => type !== HEADERS)
      .flatMap((event) => book.problems(book.eventSchema(asText(event.type))!, event));
    socket.create({ model: 'nowhere/x', input: 'Hi' });
    problems.push(...book.problems('WebSocketErrorEvent', await socket.next()));
    socket.create({ model: 'groq/echo', input: 'Hi', generate: false });
    for (const event of await socket.response())
      problems.push(...book.problems(book.eventSchema(asText(event.type))!, event));
    expect(problems).toEqual([]);
  });
});

describe('the facts that a reply over HTTP has in its headers', () => {
  const told = (events: Json[]) => events.filter(({ type }) => type === HEADERS);

  test.each(['', 'lane'])('are in an event after the first ones (lane: %p)', async (lane) => {
    const session = `socket-headers-${lane}`;
    const headers = { 'x-session-id': session, 'x-clawhold-drop-tools': 'true' };
    const socket = await open({ headers });
    const body = { model: 'groq/echo', input: 'Hi', tools: [{ type: 'web_search' }, { type: 'mcp' }] };
    const http = await journey.gateway.post('/v1/responses', body, headers);
    for (const more of [{}, { store: false }]) {
      socket.create({ ...body, ...more, ...(lane && { stream_id: lane }) });
      const events = await socket.response();
      const [event, ...others] = told(events);
      expect(others).toEqual([]);
      expect(events.map(({ type }) => type).indexOf(HEADERS)).toBe(2);
      expect(event).toEqual({
        type: HEADERS,
        ...(lane && { stream_id: lane }),
        headers: {
          'x-clawhold-model-id': 'groq/echo',
          'x-clawhold-history': 'appended',
          'x-clawhold-dropped-tools': 'web_search, mcp',
          'x-clawhold-context': expect.stringMatching(/^tokens=\d+; turns=\d; dropped=0$/),
          'x-clawhold-session-id': http.headers.get('x-clawhold-session-id'),
          ...(more.store === false
            ? { 'x-clawhold-kept': 'session' }
            : { 'x-clawhold-response-id': asJson(events[0]!.response).id }),
        },
      });
    }
  });

  test('are in an error, too', async () => {
    const socket = await open({ headers: { 'x-session-id': 'socket-failed' } });
    socket.create({ model: 'groq/status-429+retry-7', input: 'Hi' });
    const error = (await socket.response()).at(-1)!;
    const http = await journey.gateway.post('/v1/responses', {
      model: 'groq/status-429+retry-7',
      input: 'Hi',
    });
    expect(error).toMatchObject({ type: 'error', status: 429 });
    const headers = asJson(error.headers);
    expect(headers['retry-after']).toBe(http.headers.get('retry-after'));
    expect(headers['x-clawhold-session-id']).toStartWith('conv_');
  });

  test('are accepted by the SDK', async () => {
    const ws = new ResponsesWS(journey.client);
    const seen: string[] = [];
    const failed = Promise.withResolvers<void>();
    ws.on('error', failed.reject);
    ws.on('event', ({ type }) => {
      seen.push(type);
      if (type === 'response.completed') failed.resolve();
    });
    ws.send({ type: 'response.create', model: 'groq/echo', input: 'Hi' } as never);
    await failed.promise;
    ws.close();
    expect(seen).toContain(HEADERS);
  });
});

describe('requests on one socket', () => {
  test('are answered one after the other, in their order', async () => {
    const socket = await open();
    const texts = ['first of all', 'second of all', 'third of all'];
    for (const input of texts) socket.create({ model: 'groq/echo+pace-5', input });
    for (const [index, text] of texts.entries()) {
      const events = await socket.response();
      const ids = events.flatMap(({ response }) => asText(asJson(response).id) || []);
      expect(new Set(ids).size).toBe(1);
      expect(responseText(events.at(-1)!.response)).toBe(`You said: ${text}`);
      // The next request may have begun by now, but not the one after it.
      expect(journey.provider.requests.length).toBeLessThanOrEqual(index + 2);
      expect(asked(texts[index]!)!.aborted).toBe(false);
    }
    const [one, two, three] = texts.map((text) => asked(text)!.at);
    expect([one, two, three]).toEqual([one, two, three].toSorted((a, b) => a! - b!));
  });

  test('are answered after one that fails', async () => {
    const socket = await open();
    socket.create({ model: 'groq/echo+pace-5', input: 'before' });
    socket.create({ model: 'nowhere/x', input: 'wrong' });
    socket.create({ model: 'groq/echo', input: 'after' });
    const ends = [];
    for (let at = 0; at < 3; at++) ends.push((await socket.response()).at(-1)!);
    expect(ends.map(({ type }) => type)).toEqual(['response.completed', 'error', 'response.completed']);
    expect(responseText(ends[2]!.response)).toBe('You said: after');
  });

  test('can belong to one session: none of them is lost', async () => {
    const socket = await open({ headers: { 'x-session-id': 'socket-burst' } });
    for (const input of ['a', 'b', 'c']) socket.create({ model: 'groq/recall', input });
    const texts = [];
    for (let at = 0; at < 3; at++) texts.push(responseText((await socket.response()).at(-1)!.response));
    expect(texts.at(-1)).toBe('I have heard: "a" | "b" | "c"');
  });
});

describe('with `store: false`', () => {
  test.each(PROVIDERS)('the latest response of the socket can be continued: %s', async (provider) => {
    const socket = await open();
    const model = `${provider}/recall`;
    const first = await socket.ask({ model, input: 'one', store: false });
    expect(first).toMatchObject({ store: false, previous_response_id: null });
    const second = await socket.ask({ model, input: 'two', store: false, previous_response_id: first.id });
    expect(second.previous_response_id).toBe(first.id);
    const third = await socket.ask({ model, input: 'three', store: false, previous_response_id: second.id });
    expect(responseText(third)).toBe('I have heard: "one" | "two" | "three"');
    expect(sent(journey.provider.requests.at(-1))).toEqual([
      'user: one',
      'assistant: I have heard: "one"',
      'user: two',
      'assistant: I have heard: "one" | "two"',
      'user: three',
    ]);
  });

  test.each(PROVIDERS)('a tool loop continues with all thoughts and signatures: %s', async (provider) => {
    const socket = await open();
    const body = {
      model: `${provider}/think+tools`,
      tools,
      store: false,
      reasoning: { effort: 'low', summary: 'auto' },
      include: ['reasoning.encrypted_content'],
    };
    const first = await socket.ask({ ...body, input: 'How is Paris?' });
    const call = asList(first.output).find(({ type }) => type === 'function_call');
    const output = { type: 'function_call_output', call_id: call?.call_id, output: 'sunny' };
    const second = await socket.ask({ ...body, input: [output], previous_response_id: first.id });
    expect([second.status, second.message]).toEqual(['completed', undefined]);
    // The simulator refuses a signature that it has not made, as real providers do.
    const lines = sent(journey.provider.requests.at(-1));
    expect(lines.filter((line) => line !== 'thought')).toEqual([
      'user: How is Paris?',
      'call weather',
      'output sunny',
    ]);
    if (provider !== 'groq') expect(lines).toContain('thought');
  });

  test('an open call gets a synthetic output when the conversation continues', async () => {
    const socket = await open();
    const body = { model: 'openai/tools', store: false, tools };
    const first = await socket.ask({ ...body, input: 'How is Paris?' });
    const next = {
      model: 'openai/recall',
      store: false,
      input: 'Never mind.',
      previous_response_id: first.id,
    };
    expect(responseText(await socket.ask(next))).toBe('I have heard: "How is Paris?" | "Never mind."');
  });

  test('instructions are not inherited', async () => {
    const socket = await open();
    const body = { model: 'openai/recall', store: false };
    const first = await socket.ask({ ...body, input: 'one', instructions: 'Be brief.' });
    await socket.ask({ ...body, input: 'two', previous_response_id: first.id });
    expect(sent(journey.provider.requests[0])[0]).toBe('system: Be brief.');
    expect(sent(journey.provider.requests[1])[0]).toBe('user: one');
  });

  test('only the socket that made it can continue it, and it cannot be fetched', async () => {
    const socket = await open();
    const { id } = await socket.ask({ model: 'groq/echo', input: 'secret', store: false });
    await expectRefusal(journey.gateway.fetch(`/v1/responses/${asText(id)}`), 404, {
      code: 'response_not_found',
    });
    const next = { model: 'groq/echo', input: 'x', previous_response_id: id };
    await expectRefusal(journey.gateway.post('/v1/responses', next), 400, MISSING);
    const others = await Promise.all([open(), open({ key: OTHER_KEY })]);
    for (const other of others) {
      expect(await other.ask({ ...next, store: false })).toMatchObject(MISSING);
      expect(await other.ask(next)).toMatchObject(MISSING);
    }
    expect(await socket.ask({ ...next, store: false })).toMatchObject({ status: 'completed' });
  });

  test('it is lost when its socket closes; the client can send the whole input again', async () => {
    const first = await open();
    const { id, output } = await first.ask({ model: 'groq/recall', input: 'one', store: false });
    first.close();
    const second = await open();
    const next = { model: 'groq/recall', store: false, previous_response_id: id, input: 'two' };
    expect(await second.ask(next)).toMatchObject(MISSING);
    const input = [{ role: 'user', content: 'one' }, ...asList(output), { role: 'user', content: 'two' }];
    const whole = await second.ask({ ...next, previous_response_id: null, input });
    expect(responseText(whole)).toBe('I have heard: "one" | "two"');
  });

  test('only the latest response is kept', async () => {
    const socket = await open();
    const body = { model: 'groq/recall', store: false };
    const first = await socket.ask({ ...body, input: 'one' });
    const second = await socket.ask({ ...body, input: 'two', previous_response_id: first.id });
    expect(await socket.ask({ ...body, input: 'x', previous_response_id: first.id })).toMatchObject(MISSING);
    const third = await socket.ask({ ...body, input: 'three', previous_response_id: second.id });
    expect(responseText(third)).toBe('I have heard: "one" | "two" | "three"');
  });

  test('a stored response replaces it', async () => {
    const socket = await open();
    const first = await socket.ask({ model: 'groq/echo', input: 'one', store: false });
    await socket.ask({ model: 'groq/echo', input: 'other' });
    const next = { model: 'groq/echo', store: false, input: 'x', previous_response_id: first.id };
    expect(await socket.ask(next)).toMatchObject(MISSING);
  });

  test('an answer that reached the length limit can be continued', async () => {
    const socket = await open();
    const first = await socket.ask({ model: 'groq/recall+long', input: 'one', store: false });
    expect(first.status).toBe('incomplete');
    const next = { model: 'groq/recall', store: false, input: 'two', previous_response_id: first.id };
    expect(responseText(await socket.ask(next))).toBe('I have heard: "one" | "two"');
  });

  test('it can continue a stored response', async () => {
    const stored = await json(journey.gateway.post('/v1/responses', { model: 'groq/recall', input: 'one' }));
    const socket = await open();
    const body = { model: 'groq/recall', store: false };
    const first = await socket.ask({ ...body, input: 'two', previous_response_id: stored.id });
    const second = await socket.ask({ ...body, input: 'three', previous_response_id: first.id });
    expect(responseText(second)).toBe('I have heard: "one" | "two" | "three"');
  });

  test('it can continue a stored response only while that exists', async () => {
    const socket = await open();
    const stored = await socket.ask({ model: 'groq/recall', input: 'one' });
    const body = { model: 'groq/recall', store: false };
    const first = await socket.ask({ ...body, input: 'two', previous_response_id: stored.id });
    await journey.gateway.fetch(`/v1/responses/${asText(stored.id)}`, { method: 'DELETE' });
    expect(await socket.ask({ ...body, input: 'three', previous_response_id: first.id })).toMatchObject(
      MISSING,
    );
  });

  test('a stored response that continues it includes the whole conversation', async () => {
    const socket = await open();
    const body = { model: 'groq/tools', tools, store: false };
    const first = await socket.ask({ ...body, input: 'one' });
    const call_id = asList(first.output).find(({ type }) => type === 'function_call')?.call_id;
    const input = [
      { type: 'function_call_output', call_id, output: 'sunny' },
      { role: 'user', content: 'two' },
    ];
    const stored = await socket.ask({ model: 'groq/recall', input, previous_response_id: first.id });
    expect(stored.store).toBe(true);
    const next = { model: 'groq/recall', input: 'three', previous_response_id: stored.id };
    const last = await json(journey.gateway.post('/v1/responses', next));
    expect(responseText(last)).toBe('I have heard: "one" | "two" | "three"');
    expect(sent(journey.provider.requests.at(-1)).slice(0, 4)).toEqual([
      'user: one',
      'call weather',
      'output sunny',
      'user: two',
    ]);
  });

  test('a conversation can continue a session without writing to it', async () => {
    const headers = { 'x-session-id': 'socket-aside' };
    const socket = await open({ headers });
    await socket.ask({ model: 'groq/recall', input: 'one' });
    const reading = await open({ headers: { ...headers, 'x-clawhold-keep': 'false' } });
    const body = { model: 'groq/recall', store: false };
    const aside = await reading.ask({ ...body, input: 'two' });
    const further = await reading.ask({ ...body, input: 'three', previous_response_id: aside.id });
    expect(responseText(further)).toBe('I have heard: "one" | "two" | "three"');
    expect(responseText(await socket.ask({ model: 'groq/recall', input: 'four' }))).toBe(
      'I have heard: "one" | "four"',
    );
  });
});

describe('a continuation that fails', () => {
  const body = { model: 'groq/recall', store: false };
  const failures: [string, Json][] = [
    ['by its input', { input: [{ type: 'function_call_output', call_id: 'call_none', output: 'x' }] }],
    ['by its form', { input: 'x', temperature: 9 }],
    ['by its model', { input: 'x', model: 'nowhere/x' }],
    ['before its first event', { input: 'x', model: 'groq/status-500' }],
    ['in the middle', { input: 'a b c d e f', model: 'groq/echo+error-1' }],
  ];

  test.each(failures)(
    '%s removes the named response from the memory of the socket',
    async (_how, failing) => {
      const socket = await open();
      const { id } = await socket.ask({ ...body, input: 'one' });
      socket.create({ ...body, ...failing, previous_response_id: id });
      const last = (await socket.response()).at(-1)!;
      expect(['error', 'response.failed']).toContain(asText(last.type));
      expect(await socket.ask({ ...body, input: 'two', previous_response_id: id })).toMatchObject(MISSING);
    },
  );

  test.each(failures)('%s does not change a stored response', async (_how, failing) => {
    const socket = await open();
    const { id } = await socket.ask({ model: 'groq/recall', input: 'one' });
    socket.create({ ...body, ...failing, previous_response_id: id });
    await socket.response();
    const next = await socket.ask({ ...body, input: 'two', previous_response_id: id });
    expect(responseText(next)).toBe('I have heard: "one" | "two"');
  });

  test('removes nothing else: other responses can still be continued', async () => {
    const socket = await open();
    const { id } = await socket.ask({ ...body, input: 'one' });
    await socket.ask({ ...body, input: 'x', model: 'groq/status-500' });
    await socket.ask({ ...body, input: 'x', previous_response_id: `resp_${'0'.repeat(33)}` });
    socket.send('not JSON');
    await socket.response();
    const next = await socket.ask({ ...body, input: 'two', previous_response_id: id });
    expect(responseText(next)).toBe('I have heard: "one" | "two"');
  });

  test('names the missing response, also for an unusual id', async () => {
    const socket = await open();
    for (const id of ['resp_made_up', `resp_${'0'.repeat(33)}`]) {
      socket.create({ ...body, input: 'x', previous_response_id: id });
      const event = await socket.next();
      expect(event).toEqual({
        type: 'error',
        status: 400,
        error: {
          type: 'invalid_request_error',
          ...MISSING,
          message: expect.stringContaining(`Previous response with id '${id}' not found.`),
        },
      });
    }
  });
});

describe('`generate: false`', () => {
  const body = { model: 'openai/recall', store: false };

  test('makes a response without calling a model; its input is part of the continuation', async () => {
    const socket = await open();
    socket.create({ ...body, generate: false, tools, input: [{ role: 'developer', content: 'Be brief.' }] });
    const events = await socket.response();
    expect(events.map(({ type }) => type)).toEqual([
      'response.created',
      'response.in_progress',
      'response.completed',
    ]);
    const warm = asJson(events[2]!.response);
    expect(warm).toMatchObject({ status: 'completed', output: [], usage: null, store: false });
    expect(journey.provider.requests).toEqual([]);
    const first = await socket.ask({ ...body, input: 'one', previous_response_id: warm.id });
    expect(first).toMatchObject({ status: 'completed', previous_response_id: warm.id });
    const second = await socket.ask({ ...body, input: 'two', previous_response_id: first.id });
    expect(responseText(second)).toBe('I have heard: "one" | "two"');
    expect(sent(journey.provider.requests.at(-1))[0]).toBe('system: Be brief.');
    expect(journey.provider.requests.map(({ body }) => 'generate' in asJson(body))).toEqual([false, false]);
  });

  test.each([true, false])('can be anywhere in a chain; store: %p', async (store) => {
    const socket = await open();
    const all = { ...body, store };
    const first = await socket.ask({ ...all, input: 'one' });
    const warm = await socket.ask({ ...all, generate: false, input: 'two', previous_response_id: first.id });
    const again = await socket.ask({
      ...all,
      generate: false,
      input: 'three',
      previous_response_id: warm.id,
    });
    const last = await socket.ask({ ...all, input: 'four', previous_response_id: again.id });
    expect(responseText(last)).toContain('"one"');
    expect(sent(journey.provider.requests.at(-1)).filter((line) => line.startsWith('user:'))).toEqual(
      ['one', 'two', 'three', 'four'].map((text) => `user: ${text}`),
    );
    if (store) {
      const next = { model: 'openai/recall', input: 'five', previous_response_id: last.id };
      const stored = await json(journey.gateway.post('/v1/responses', next));
      expect(responseText(stored)).toMatch(/"one" .*three.*"five"/s);
    }
  });

  test('can answer a call of the previous turn', async () => {
    const socket = await open();
    const first = await socket.ask({ ...body, model: 'openai/tools', tools, input: 'How is Paris?' });
    const call_id = asList(first.output).find(({ type }) => type === 'function_call')?.call_id;
    const input = [{ type: 'function_call_output', call_id, output: 'sunny' }];
    const warm = await socket.ask({ ...body, generate: false, input, previous_response_id: first.id });
    await socket.ask({ ...body, input: 'And now?', previous_response_id: warm.id });
    expect(sent(journey.provider.requests.at(-1))).toEqual([
      'user: How is Paris?',
      'call weather',
      'output sunny',
      'user: And now?',
    ]);
  });

  test('refuses an invalid request', async () => {
    const socket = await open();
    const warm = { ...body, generate: false, input: 'x' };
    expect(await socket.ask({ ...warm, model: 'nowhere/x' })).toMatchObject({ code: 'model_not_found' });
    const previous_response_id = `resp_${'0'.repeat(33)}`;
    expect(await socket.ask({ ...warm, previous_response_id })).toMatchObject(MISSING);
    expect(await socket.ask({ ...warm, generate: 'no' })).toMatchObject({ param: 'generate' });
  });
});

describe('an invalid message', () => {
  const refused: [string, unknown, Json][] = [
    ['no JSON', '{', { code: 'invalid_json' }],
    ['nothing', '', { code: 'invalid_json' }],
    ['no object', [1], { code: 'invalid_request' }],
    ['no type', { model: 'groq/echo', input: 'x' }, { code: 'invalid_request', param: 'type' }],
    ['another type', { type: 'response.steer' }, { code: 'invalid_request', param: 'type' }],
    [
      'a background response',
      { type: 'response.create', model: 'groq/echo', background: true },
      { param: 'background' },
    ],
    ['a field of the wrong type', { type: 'response.create', model: 7 }, { param: 'model' }],
  ];

  test.each(refused)('%s is an error, and the socket stays open', async (_what, message, error) => {
    const socket = await open();
    socket.send(message);
    const event = await socket.next();
    expect(Object.keys(event)).toEqual(['type', 'status', 'error']);
    expect(Object.keys(asJson(event.error)).sort()).toEqual(['code', 'message', 'param', 'type']);
    expect(event).toMatchObject({ type: 'error', status: 400, error });
    expect(await socket.ask({ model: 'groq/echo', input: 'Hi' })).toMatchObject({ status: 'completed' });
  });

  test('a turn that fails before its first event is an error with the same status as over HTTP', async () => {
    const socket = await open();
    for (const model of ['groq/status-500', 'groq/context', 'nowhere/x']) {
      const body = { model, input: 'Hi' };
      socket.create(body);
      const { status, error } = await socket.next();
      const plain = await journey.gateway.post('/v1/responses', body);
      expect([status, asJson(error).code]).toEqual([plain.status, asJson((await json(plain)).error).code]);
    }
  });
});

describe('the upgrade', () => {
  const url = () => `${journey.gateway.url.replace('http', 'ws')}/v1/responses`;

  /** The status that a handshake is refused with. */
  async function refusal(headers: Record<string, string>, path = '/v1/responses'): Promise<Response> {
    return fetch(journey.gateway.url + path, {
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': btoa('0123456789abcdef'),
        ...headers,
      },
    });
  }

  test('requires a key', async () => {
    await expectRefusal(refusal({}), 401, { code: 'missing_key' });
    await expectRefusal(refusal({ authorization: 'Bearer wrong' }), 401, { code: 'invalid_key' });
    await expectRefusal(refusal({ authorization: `Bearer ${ROOT_KEY}` }, '/v1/nothing'), 404, {
      code: 'not_found',
    });
  });

  test('accepts the key only in headers: a subprotocol would show it to every proxy', async () => {
    await expectRefusal(
      refusal({ 'sec-websocket-protocol': `realtime, openai-insecure-api-key.${ROOT_KEY}` }),
      401,
      { code: 'missing_key' },
    );
    const browser = new WebSocket(url(), ['realtime', `openai-insecure-api-key.${ROOT_KEY}`]);
    const opened = await new Promise((resolve) => {
      browser.addEventListener('open', () => resolve(true));
      browser.addEventListener('error', () => resolve(false));
    });
    expect(opened).toBe(false);
    const socket = await open({ headers: { authorization: '', 'x-api-key': ROOT_KEY } });
    expect(await socket.ask({ model: 'groq/echo', input: 'Hi' })).toMatchObject({ status: 'completed' });
  });

  test('agrees to no subprotocol, so that a key in one is not repeated', async () => {
    for (const offered of [`openai-insecure-api-key.${ROOT_KEY}`, 'realtime']) {
      const head = Promise.withResolvers<string>();
      const { hostname, port } = new URL(journey.gateway.url);
      const socket = await Bun.connect({
        hostname,
        port: Number(port),
        socket: { data: (_, data) => head.resolve(data.toString()) },
      });
      socket.write(
        [
          'GET /v1/responses HTTP/1.1',
          'host: x',
          `authorization: Bearer ${ROOT_KEY}`,
          'connection: upgrade',
          'upgrade: websocket',
          'sec-websocket-version: 13',
          `sec-websocket-key: ${btoa('0123456789abcdef')}`,
          `sec-websocket-protocol: ${offered}`,
          '\r\n',
        ].join('\r\n'),
      );
      expect(await head.promise).toStartWith('HTTP/1.1 101');
      expect((await head.promise).toLowerCase()).not.toContain('sec-websocket-protocol');
      socket.terminate();
    }
  });

  test('binds a socket to the tenant of its key', async () => {
    const mine = await (await open()).ask({ model: 'groq/echo', input: 'Hi' });
    const theirs = await open({ key: OTHER_KEY });
    const next = { model: 'groq/echo', input: 'x', previous_response_id: mine.id };
    expect(await theirs.ask(next)).toMatchObject(MISSING);
    expect(await theirs.ask({ ...next, generate: false })).toMatchObject(MISSING);
    const item = { type: 'item_reference', id: asList(mine.output)[0]!.id };
    const refers = { model: 'groq/recall', input: [item, { role: 'user', content: 'x' }] };
    expect(await theirs.ask(refers)).toMatchObject({ code: 'item_not_found' });
    expect(await (await open()).ask(refers)).toMatchObject({ status: 'completed' });
  });

  test('does not change the answer to a GET without upgrade', async () => {
    const answer = await journey.gateway.fetch('/v1/responses');
    expect(answer.headers.get('allow')).toBe('POST');
    await expectRefusal(answer, 405, { code: 'method_not_allowed' });
    // An incomplete handshake is not an upgrade.
    const half = journey.gateway.fetch('/v1/responses', { headers: { upgrade: 'websocket' } });
    await expectRefusal(half, 405, { code: 'method_not_allowed' });
  });
});

describe('a client that disconnects', () => {
  const WORDS = 'one two three four five six seven eight nine ten';

  test('stops a turn that is not stored, and waiting requests never run', async () => {
    const socket = await open();
    socket.create({ model: 'groq/echo+stall-4', input: 'left alone', store: false });
    socket.create({ model: 'groq/echo', input: 'never asked' });
    await socket.until('response.output_text.delta');
    socket.close();
    await eventually(
      'the gateway disconnects from the provider',
      () => asked('left alone')!.aborted,
      Boolean,
    );
    expect(asked('never asked')).toBeUndefined();
  });

  test('stops it also before its first event', async () => {
    const socket = await open();
    socket.create({ model: 'groq/silent', input: 'never answered', store: false });
    await eventually('the provider is asked', () => asked('never answered'), Boolean);
    socket.close();
    await eventually(
      'the gateway disconnects from the provider',
      () => asked('never answered')!.aborted,
      Boolean,
    );
  });

  test('does not stop a stored turn', async () => {
    const socket = await open();
    socket.create({ model: 'groq/echo+pace-5', input: `kept ${WORDS}` });
    const created = await socket.until('response.created');
    await socket.until('response.output_text.delta');
    socket.close();
    const path = `/v1/responses/${asText(asJson(created.response).id)}`;
    const ended = await eventually(
      'the turn has ended',
      () => json(journey.gateway.fetch(path)),
      ({ status }) => status !== 'in_progress',
    );
    expect(responseText(ended)).toBe(`You said: kept ${WORDS}`);
  });

  test('cancels a stored turn if the upgrade says so', async () => {
    const socket = await open({ headers: { 'x-clawhold-on-disconnect': 'cancel' } });
    socket.create({ model: 'groq/echo+stall-4', input: `cancelled ${WORDS}` });
    const created = await socket.until('response.created');
    await socket.until('response.output_text.delta');
    socket.close();
    const path = `/v1/responses/${asText(asJson(created.response).id)}`;
    await eventually(
      'the turn is cancelled',
      () => json(journey.gateway.fetch(path)),
      ({ status }) => status === 'cancelled',
    );
  });

  test('does not affect a turn that has ended', async () => {
    const socket = await open();
    await socket.ask({ model: 'groq/echo', input: 'whole', store: false });
    socket.close();
    await socket.closed;
    expect(asked('whole')!.aborted).toBe(false);
  });
});
