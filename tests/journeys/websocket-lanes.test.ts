import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { ResponsesWS } from 'openai/resources/responses/ws';
import { type Journey, responseText, sdk, startJourney } from '../harness/journey.ts';
import { SocketClient } from '../harness/socket.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney();
});
beforeEach(() => journey.provider.reset());
afterAll(() => journey.end());

const MISSING = { code: 'previous_response_not_found', param: 'previous_response_id' };
const body = { model: 'groq/recall', store: false };

async function withSocket(use: (socket: SocketClient) => Promise<void>): Promise<void> {
  const socket = await SocketClient.open(journey.gateway);
  try {
    await use(socket);
  } finally {
    socket.close();
    await socket.closed;
  }
}

/** The last events of `count` responses, by lane. The default lane is `-`. */
async function ends(socket: SocketClient, count: number): Promise<Map<string, Json>> {
  const last = new Map<string, Json>();
  while (last.size < count) {
    const event = (await socket.response()).at(-1)!;
    last.set(asText(event.stream_id) || '-', event);
  }
  return last;
}

describe('the lanes of a socket', () => {
  test('are named by `stream_id`, which is in every event', () =>
    withSocket(async (socket) => {
      socket.create({ ...body, input: 'Hi', stream_id: 'main.1_a-B' });
      const named = await socket.response();
      expect(new Set(named.map(({ stream_id }) => stream_id))).toEqual(new Set(['main.1_a-B']));
      const numbered = named.filter(({ type }) => type !== 'clawhold:response.headers');
      expect(numbered.map(({ sequence_number }) => sequence_number)).toEqual(numbered.map((_, at) => at));
      expect(numbered).toHaveLength(named.length - 1);
      socket.create({ ...body, model: 'nowhere/x', stream_id: 'main.1_a-B' });
      expect(await socket.next()).toMatchObject({ type: 'error', stream_id: 'main.1_a-B' });
      socket.create({ ...body, input: 'Hi' });
      for (const event of await socket.response()) expect(event).not.toHaveProperty('stream_id');
      expect(asJson(journey.provider.requests[0]!.body)).not.toHaveProperty('stream_id');
    }));

  test('do not wait for each other; within a lane, answers have the order of the requests', () =>
    withSocket(async (socket) => {
      socket.create({ ...body, model: 'groq/silent', input: 'never' });
      socket.create({ ...body, input: 'behind it' });
      for (const input of ['one', 'two', 'three']) socket.create({ ...body, input, stream_id: 'other' });
      const texts = [];
      for (let at = 0; at < 3; at++) texts.push(responseText((await socket.response()).at(-1)!.response));
      expect(texts).toEqual(['one', 'two', 'three'].map((text) => `I have heard: "${text}"`));
      expect(journey.provider.requests).toHaveLength(4);
    }));

  test('each have their own latest response', () =>
    withSocket(async (socket) => {
      const lanes = ['a', 'b', undefined];
      const first: Json[] = [];
      for (const stream_id of lanes) first.push(await socket.ask({ ...body, input: 'one', stream_id }));
      for (const [at, stream_id] of lanes.entries()) {
        const next = { ...body, input: 'two', stream_id, previous_response_id: first[at]!.id };
        expect(responseText(await socket.ask(next))).toBe('I have heard: "one" | "two"');
        expect(await socket.ask(next)).toMatchObject(MISSING);
      }
    }));

  test('can fork from each other', () =>
    withSocket(async (socket) => {
      const { id } = await socket.ask({ ...body, input: 'plan', stream_id: 'planner' });
      const next = { ...body, previous_response_id: id };
      const critic = await socket.ask({ ...next, input: 'criticise', stream_id: 'critic' });
      const planner = await socket.ask({ ...next, input: 'go on', stream_id: 'planner' });
      expect(responseText(critic)).toBe('I have heard: "plan" | "criticise"');
      expect(responseText(planner)).toBe('I have heard: "plan" | "go on"');
      const further = { ...body, previous_response_id: critic.id, input: 'more', stream_id: 'critic' };
      expect(responseText(await socket.ask(further))).toBe('I have heard: "plan" | "criticise" | "more"');
    }));

  test('keep their latest response when a fork in another lane fails', () =>
    withSocket(async (socket) => {
      const { id } = await socket.ask({ ...body, input: 'one', stream_id: 'a' });
      const next = { ...body, input: 'two', previous_response_id: id };
      const failed = await socket.ask({ ...next, model: 'groq/status-500', stream_id: 'b' });
      expect(failed.code).toBe('provider_error');
      expect(responseText(await socket.ask({ ...next, stream_id: 'a' }))).toBe('I have heard: "one" | "two"');
    }));

  test('have names of 1 to 256 letters, digits and `_ - .`', () =>
    withSocket(async (socket) => {
      for (const stream_id of ['', 'a b', 'ü', 'x'.repeat(257), 7, ['a'], 'a\n']) {
        socket.create({ ...body, input: 'Hi', stream_id });
        const error = { code: 'invalid_stream_id', param: 'stream_id', type: 'invalid_request_error' };
        const event = await socket.next();
        expect(event).toMatchObject({ type: 'error', status: 400, error });
        expect(event).not.toHaveProperty('stream_id');
      }
      const long = 'x'.repeat(256);
      socket.create({ ...body, input: 'Hi', stream_id: long });
      expect((await socket.response()).at(-1)).toMatchObject({ type: 'response.completed', stream_id: long });
    }));

  test('are 32 at most; existing lanes still work', () =>
    withSocket(async (socket) => {
      const names = Array.from({ length: 32 }, (_, at) => `lane-${at}`);
      for (const stream_id of names) socket.create({ ...body, input: stream_id, stream_id });
      const answered = await ends(socket, names.length);
      for (const name of names) expect(responseText(answered.get(name)?.response)).toContain(`"${name}"`);
      socket.create({ ...body, input: 'Hi', stream_id: 'one-more' });
      const error = { code: 'websocket_stream_limit_reached', param: 'stream_id' };
      expect(await socket.next()).toMatchObject({ type: 'error', status: 400, stream_id: 'one-more', error });
      for (const stream_id of ['lane-0', undefined])
        expect(await socket.ask({ ...body, input: 'Hi', stream_id })).toMatchObject({ status: 'completed' });
    }));

  test('have at most 16 running responses together; more requests wait', () =>
    withSocket(async (socket) => {
      const names = Array.from({ length: 17 }, (_, at) => `lane-${at}`);
      const stalled = { model: 'groq/echo+stall-1', input: 'a b' };
      for (const stream_id of names) socket.create({ ...stalled, stream_id });
      const begun = new Map<string, string>();
      const more = async () => {
        const { stream_id, response } = await socket.until('response.created');
        begun.set(asText(stream_id), asText(asJson(response).id));
      };
      while (begun.size < 16) await more();
      // An immediate error arrives before the answers of waiting requests.
      socket.send('not JSON');
      await socket.until('error');
      expect([...begun.keys()].toSorted()).toEqual(names.slice(0, 16).toSorted());
      expect(journey.provider.requests).toHaveLength(16);
      await journey.gateway.post(`/v1/responses/${begun.get('lane-7')}/cancel`, {});
      await more();
      expect(begun.size).toBe(17);
      for (const id of begun.values()) await journey.gateway.post(`/v1/responses/${id}/cancel`, {});
    }));
});

describe("the SDK's own client", () => {
  /** Sends a request and collects events until the response has ended. */
  async function turn(ws: ResponsesWS, request: Parameters<ResponsesWS['send']>[0]) {
    const events = ws.stream();
    ws.send(request);
    let text = '';
    for await (const event of events) {
      if (event.type === 'error') throw event.error;
      if (event.type !== 'message') continue;
      const { message } = event;
      if (message.type === 'response.output_text.delta') text += message.delta;
      if (message.type === 'response.completed') return { response: message.response, text };
    }
    throw new Error('the socket closed before the response had ended');
  }

  test('has a conversation', async () => {
    const ws = new ResponsesWS(journey.client);
    const create = { type: 'response.create' as const, model: 'anthropic/recall', store: false };
    const first = await turn(ws, { ...create, input: 'one', stream_id: 'main' });
    expect(first.text).toBe('I have heard: "one"');
    const second = await turn(ws, {
      ...create,
      input: 'two',
      stream_id: 'main',
      previous_response_id: first.response.id,
    });
    expect(second.text).toBe('I have heard: "one" | "two"');
    ws.close();
  });

  test('runs a tool loop', async () => {
    const ws = new ResponsesWS(journey.client);
    const weather = {
      type: 'function' as const,
      name: 'weather',
      parameters: { type: 'object', properties: { city: { type: 'string' } } },
      strict: false,
    };
    const create = {
      type: 'response.create' as const,
      model: 'anthropic/tools',
      store: false,
      tools: [weather],
    };
    const { response } = await turn(ws, { ...create, input: 'How is Paris?' });
    const call = response.output.find((item) => item.type === 'function_call')!;
    const { text } = await turn(ws, {
      ...create,
      previous_response_id: response.id,
      input: [{ type: 'function_call_output', call_id: call.call_id, output: 'sunny' }],
    });
    expect(text).toBe('The tools answered: "sunny"');
    ws.close();
  });

  test('gets an error, and can continue', async () => {
    const ws = new ResponsesWS(journey.client);
    const create = { type: 'response.create' as const, model: 'groq/echo' };
    const missing = { ...create, input: 'x', previous_response_id: 'resp_missing' };
    const failure = await turn(ws, missing).catch((error: { error: unknown }) => error.error);
    expect(asJson(asJson(failure).error)).toMatchObject(MISSING);
    expect((await turn(ws, { ...create, input: 'Hi' })).text).toBe('You said: Hi');
    ws.close();
  });

  test('without a key gets no socket', async () => {
    const ws = new ResponsesWS(sdk(journey.gateway.url, 'sk-claw-wrong'));
    const refused = await new Promise((resolve) => ws.on('error', resolve));
    expect(refused).toBeInstanceOf(Error);
    expect(asList(journey.provider.requests)).toEqual([]);
  });
});
