import { afterAll, beforeAll, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { loadConfig } from '../../src/config/load.ts';
import { Fault } from '../../src/core/errors.ts';
import { parseResponseId, responseId } from '../../src/core/ids.ts';
import { messageText, userMessage } from '../../src/core/items.ts';
import type { AnsweredTurn } from '../../src/core/turn.ts';
import type { Dialect, StreamWriter } from '../../src/http/dialect.ts';
import { DIALECTS } from '../../src/http/dialects.ts';
import { faultResponse } from '../../src/http/envelope.ts';
import { validate } from '../../src/http/v1/fields.ts';
import { sessionFromHeaders } from '../../src/http/v1/request.ts';
import { replyAccepted, replyWhole } from '../../src/http/v1/turn-routes.ts';
import { type RunningGateway, startGateway } from '../../src/main.ts';
import { ROOT_KEY, temporaryDirectory } from '../harness/gateway.ts';

/** A dialect is one object and one line in a list. This one has every part of a dialect, and little more. */

const PATH = '/v1/echo';
const request = z.object({ ask: z.string(), model: z.string(), stream: z.boolean().optional() });

const answerOf = ({ output }: AnsweredTurn): string =>
  output.map((item) => (item.type === 'message' ? messageText(item) : '')).join('');

function writer(after: number): StreamWriter {
  let number = 0;
  const event = (data: unknown): string => {
    const id = number++;
    return id > after ? `id: ${id}\ndata: ${JSON.stringify(data)}\n\n` : '';
  };
  return {
    get sequence() {
      return number;
    },
    open: () => '',
    delta: (delta) => (delta.type === 'text-delta' ? event({ part: delta.text }) : ''),
    end: ({ state }) => event({ end: state }),
    fail: ({ code }) => `data: ${JSON.stringify({ problem: code })}\n\n`,
  };
}

const echo: Dialect = {
  name: 'echo',
  protocol: 'local',
  endpoints: [{ path: PATH }],
  whenBroken: 'fail',
  publicId: responseId,
  pathOf: (turn) => `${PATH}/${responseId(turn)}`,
  parse(body, { headers }) {
    const { ask, model, stream } = validate(request, body);
    const ref = sessionFromHeaders(headers);
    return {
      model,
      fallbacks: [],
      input: [userMessage(ask)],
      settings: {},
      extra: {},
      metadata: {},
      state: ref ? { kind: 'session', ref, create: true, history: false } : { kind: 'none' },
      retention: 'stored',
      delivery: stream ? 'stream' : 'whole',
      defaultContext: 'auto',
    };
  },
  whole(_view, turn) {
    if (turn.error) throw new Fault(turn.error.code, turn.error.message);
    return { id: responseId(turn.id), answer: answerOf(turn) };
  },
  stream: (_view, after) => writer(after),
  accepted: ({ asked }) => ({ id: responseId(asked.id), answer: null }),
  error: (fault) => faultResponse(fault, { problem: fault.code, text: fault.message }),
  routes: ({ responses, seal }) => [
    {
      method: 'GET',
      path: `${PATH}/:id`,
      access: 'key',
      async handle({ params, caller }) {
        const id = parseResponseId(params.id!);
        if (!id) throw new Fault('response_not_found', 'There is no such answer.');
        const once = { result: await responses.get(caller, id), replayed: false };
        return once.result.state === 'ended' ? replyWhole(once, echo, seal) : replyAccepted(once, echo);
      },
    },
  ],
};

let gateway: RunningGateway;
const cwd = temporaryDirectory();

beforeAll(async () => {
  const env = {
    CLAWHOLD_PORT: '0',
    CLAWHOLD_DATA_DIR: join(cwd, 'data'),
    CLAWHOLD_ROOT_KEY: ROOT_KEY,
    CLAWHOLD_DETECT: 'false',
    CLAWHOLD_LOG_LEVEL: 'error',
  };
  gateway = await startGateway(await loadConfig({ cwd, env }), env, { dialects: [...DIALECTS, echo] });
});
afterAll(async () => {
  await gateway.stop();
  rmSync(cwd, { recursive: true, force: true });
});

const AUTHORIZED = { authorization: `Bearer ${ROOT_KEY}` };
const MODEL = 'local/recall';

const post = (path: string, body: object, headers: Record<string, string> = {}) =>
  fetch(gateway.url + path, {
    method: 'POST',
    body: JSON.stringify({ model: MODEL, ...body }),
    headers: { ...AUTHORIZED, ...headers },
  });
const get = (path: string) => fetch(gateway.url + path, { headers: AUTHORIZED });

const RECALLED = /^I will remember that your dog is Rex\./;
const FACT = { ask: 'My dog is Rex.' };

test('is answered in its own words', async () => {
  const answer = await post(PATH, FACT);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('x-clawhold-model-id')).toBe(MODEL);
  expect(await answer.json()).toEqual({
    id: expect.stringMatching(/^resp_/),
    answer: expect.stringMatching(RECALLED),
  });
});

test('fails in its own envelope', async () => {
  const malformed = await post(PATH, { ask: 7 });
  expect([malformed.status, await malformed.json()]).toMatchObject([400, { problem: 'invalid_request' }]);
  const unknown = await post(PATH, { ...FACT, model: 'local/nothing' });
  expect([unknown.status, await unknown.json()]).toMatchObject([404, { problem: 'model_not_found' }]);
  const missing = await get(`${PATH}/resp_x`);
  expect([missing.status, await missing.json()]).toMatchObject([404, { problem: 'response_not_found' }]);
  const closed = await post(PATH, FACT, { authorization: '' });
  expect([closed.status, await closed.json()]).toMatchObject([401, { problem: 'missing_key' }]);
  expect(closed.headers.get('www-authenticate')).toBe('Bearer');
});

test('is streamed', async () => {
  const answer = await post(PATH, { ...FACT, stream: true });
  expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  const events = (await answer.text()).trimEnd().split('\n\n');
  const data = events.map((event) => JSON.parse(event.slice(event.indexOf('data: ') + 6)));
  expect(data.map(({ part }) => part ?? '').join('')).toMatch(RECALLED);
  expect(data.at(-1)).toEqual({ end: 'completed' });
  expect(events.map((event) => event.split('\n')[0])).toEqual(events.map((_, index) => `id: ${index}`));
});

test('shares sessions with the other dialects', async () => {
  const session = { 'x-session-id': 'toy' };
  await post(PATH, FACT, session);
  const chat = await post(
    '/v1/chat/completions',
    { messages: [{ role: 'user', content: 'Who is my dog?' }] },
    session,
  );
  expect(await chat.json()).toMatchObject({ choices: [{ message: { content: 'Your dog is Rex.' } }] });
  const again = await post(PATH, { ask: 'Who is my dog?' }, session);
  expect(await again.json()).toMatchObject({ answer: 'Your dog is Rex.' });
});

test('is fetched by its id, in its own words and as a response', async () => {
  const { id, answer } = (await (await post(PATH, FACT)).json()) as { id: string; answer: string };
  expect(await (await get(`${PATH}/${id}`)).json()).toEqual({ id, answer });
  expect(await (await get(`/v1/responses/${id}`)).json()).toMatchObject({
    id,
    status: 'completed',
    output: [{ type: 'message', content: [{ text: answer }] }],
  });
});

test('runs once for a request that is sent again', async () => {
  const key = { 'idempotency-key': 'toy-1' };
  const first = await post(PATH, FACT, key);
  const second = await post(PATH, FACT, key);
  expect(second.headers.get('x-clawhold-replayed')).toBe('true');
  expect(await second.json()).toEqual(await first.json());
  const stream = await post(PATH, { ...FACT, stream: true }, { 'idempotency-key': 'toy-2' });
  const events = (await stream.text()).split('\n\n');
  const rest = await post(
    PATH,
    { ...FACT, stream: true },
    { 'idempotency-key': 'toy-2', 'last-event-id': '1' },
  );
  expect(await rest.text()).toBe(events.slice(2).join('\n\n'));
});
