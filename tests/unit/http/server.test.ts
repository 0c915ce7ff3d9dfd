import { beforeEach, describe, expect, test } from 'bun:test';
import type { Api } from '../../../src/api/api.ts';
import type { Delta } from '../../../src/core/delta.ts';
import { Fault } from '../../../src/core/errors.ts';
import type { GatewayEvent } from '../../../src/core/events.ts';
import { completionId, newSessionId, newTurnId, responseId } from '../../../src/core/ids.ts';
import type { Caller, Once, Tenant } from '../../../src/core/request.ts';
import type { AnsweredTurn, Asked } from '../../../src/core/turn.ts';
import type { TurnView } from '../../../src/core/turn-view.ts';
import type { Authenticator } from '../../../src/http/authenticator.ts';
import { openServer, type Server } from '../../../src/http/server.ts';

const KEY = 'sk-claw-unit';
const NOW = 1_750_000_000_000;
const CALLER: Caller = {
  tenant: 'default' as Tenant,
  key: 'web',
  mayKeep: true,
  isRoot: true,
  policy: { onDisconnect: 'run_on', whenBusy: 'wait', whenDown: 'fail' },
};

const session = newSessionId(NOW);
const asked: Asked = {
  id: newTurnId(session, NOW),
  tenant: CALLER.tenant,
  session,
  createdAt: NOW,
  dialect: 'chat',
  model: 'openai/recall',
  input: [],
  settings: {},
  metadata: {},
  key: 'root',
  retention: 'stored',
};
const turn: AnsweredTurn = {
  kind: 'ask',
  parent: null,
  ...asked,
  state: 'completed',
  completedAt: NOW,
  answeredBy: { provider: 'openai', protocol: 'openai-chat', model: 'recall' },
  output: [
    {
      type: 'message',
      role: 'assistant',
      content: [{ type: 'output_text', text: 'Hello.', annotations: [] }],
    },
  ],
  finish: [{ unified: 'stop', raw: 'stop' }],
  usage: { input: 3, output: 2, cacheRead: 0, cacheWrite: 0, reasoning: 0 },
};
const log: Delta[] = [
  { type: 'attempt', provider: 'openai', protocol: 'openai-chat', model: 'recall' },
  { type: 'start', model: 'recall' },
  { type: 'item-start', index: 0, item: { type: 'message', role: 'assistant', content: [] } },
  { type: 'text-delta', index: 0, part: 0, text: 'Hello.' },
];
/** A turn that has ended. */
const view: TurnView = {
  asked,
  retention: 'stored',
  session: undefined,
  state: 'ended',
  log,
  receipt: { candidate: { provider: 'openai', model: 'recall' }, retries: 0 },
  begun: Promise.resolve(),
  ended: Promise.resolve(turn),
  more: async (seen) => seen < log.length,
};

/** What is fetched by its id. */
let stored = view;

const api = {
  admin: {},
  turns: { create: async (): Promise<Once<TurnView>> => ({ result: view, replayed: false }) },
  responses: { get: async () => view },
  completions: { get: async () => stored },
  models: {
    names: () => ['openai/recall', 'local/my model'],
    has: () => false,
  },
} as unknown as Api;

const keys: Authenticator = {
  authenticate(headers) {
    if (headers.get('authorization') === `Bearer ${KEY}`) return CALLER;
    throw new Fault('missing_key', 'This request has no key.');
  },
};

let bodyBytes = 1024;
let events: GatewayEvent[] = [];
beforeEach(() => {
  bodyBytes = 1024;
  stored = view;
  events = [];
});

function serverWith(authenticator: Authenticator, prepared?: Promise<unknown>): Server {
  return openServer({
    host: '127.0.0.1',
    port: 0,
    api,
    authenticator,
    prepared,
    settings: () => ({ bodyBytes, bodyMs: 10_000, socketMs: 60_000, ruleHeaders: [] }),
    health: { ready: () => true, probeStore: async () => {}, failingClaws: () => [] },
    startedAt: NOW,
    reload: async () => ({ state: 'rejected', problems: [] }),
    signIns: { signIn: async () => ({ token: '', expiresAt: 0 }), callerOf: () => undefined, signOut() {} },
    dashboard: async () => [],
    configuration: () => [],
    emit: (event) => events.push(event),
  });
}

const server = serverWith(keys);

function ask(method: string, path: string, init: RequestInit & { key?: string } = {}): Promise<Response> {
  const { key = KEY, ...rest } = init;
  const headers = { authorization: `Bearer ${key}`, 'x-request-id': 'req_unit' };
  return server.fetch(new Request(`http://gateway${path}`, { method, headers, ...rest }));
}

const post = (body: object) =>
  ask('POST', '/v1/chat/completions', { body: JSON.stringify({ model: 'openai/recall', ...body }) });
const MESSAGES = [{ role: 'user', content: 'hi' }];

describe('while it is prepared', () => {
  const asked = () =>
    new Request('http://gateway/v1/models', { headers: { authorization: `Bearer ${KEY}` } });

  test('requests with a key wait, and probes do not', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = serverWith(keys, promise);
    let status: number | undefined;
    const reply = waiting.fetch(asked()).then((response) => {
      status = response.status;
    });
    expect((await waiting.fetch(new Request('http://gateway/health'))).status).toBe(200);
    await Bun.sleep(5);
    expect(status).toBeUndefined();
    resolve();
    await reply;
    expect(status).toBe(200);
    expect((await waiting.fetch(asked())).status).toBe(200);
  });

  test('requests fail where that fails', async () => {
    const failed = serverWith(
      keys,
      Promise.reject(new Fault('store_unavailable', 'The journal is unreadable.')),
    );
    for (const _ of [1, 2]) {
      const reply = await failed.fetch(asked());
      expect([reply.status, await reply.text()]).toEqual([503, expect.stringContaining('is unreadable')]);
    }
  });
});

describe('without a port', () => {
  test('health answers without a key', async () => {
    const answer = await server.fetch(new Request('http://gateway/health'));
    expect([answer.status, await answer.json()]).toEqual([200, { status: 'ready', store: 'ok' }]);
  });

  test.each(['/v1/models', '/v1/nothing'])('%s needs a key', async (path) => {
    const answer = await server.fetch(new Request(`http://gateway${path}`));
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    expect(await answer.json()).toMatchObject({ error: { code: 'missing_key' } });
  });

  test.each(['/x', '/v1', '/v1/models/../../x', '/v1/responses/', '/v1/responses//cancel', '/V1/models'])(
    'there is nothing at %s',
    async (path) => {
      const answer = await ask('GET', path);
      expect(answer.status).toBe(404);
      expect(await answer.json()).toMatchObject({ error: { code: 'not_found' } });
    },
  );

  test.each([
    ['PUT', '/v1/chat/completions', 'POST, GET'],
    ['PUT', `/v1/responses/${responseId(asked.id)}`, 'GET, DELETE'],
    ['GET', '/v1/responses', 'POST'],
    ['HEAD', '/v1/responses', 'POST'],
  ])('%s %s is not allowed', async (method, path, allow) => {
    const answer = await ask(method, path);
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow]);
    expect(await answer.json()).toMatchObject({ error: { code: 'method_not_allowed' } });
  });

  test('a chat completion is answered whole', async () => {
    const answer = await post({ messages: MESSAGES });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-request-id')).toBe('req_unit');
    expect(answer.headers.get('x-clawhold-model-id')).toBe('openai/recall');
    expect(answer.headers.get('x-clawhold-response-id')).toBe(responseId(asked.id));
    expect(await answer.json()).toMatchObject({
      object: 'chat.completion',
      model: 'openai/recall',
      choices: [{ message: { role: 'assistant', content: 'Hello.' }, finish_reason: 'stop' }],
    });
  });

  test('a chat completion is answered as a stream', async () => {
    const answer = await post({ messages: MESSAGES, stream: true });
    expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const text = await answer.text();
    expect(text).toContain('"delta":{"content":"Hello."}');
    expect(text).toEndWith('data: [DONE]\n\n');
  });

  test('HEAD is answered like GET', async () => {
    expect((await ask('HEAD', '/v1/models')).status).toBe(200);
    expect((await server.fetch(new Request('http://gateway/livez', { method: 'HEAD' }))).status).toBe(200);
  });
});

describe('a path parameter', () => {
  test('is decoded', async () => {
    const model = (path: string) => ask('GET', `/v1/models/${path}`).then((answer) => answer.json());
    expect(await model('local/my%20model')).toMatchObject({ id: 'local/my model' });
    expect(await model('local%2Fmy%20model?x=1')).toMatchObject({ id: 'local/my model' });
  });

  test.each(['/v1/responses/a%zz', '/v1/responses/%ff', '/v1/chat/completions/%', '/v1/models/a%zz'])(
    'that is not well encoded names nothing: %s',
    async (path) => {
      expect((await ask('GET', path)).status).toBe(404);
    },
  );
});

test('settings hold for requests that come after their change', async () => {
  expect((await post({ messages: MESSAGES })).status).toBe(200);
  bodyBytes = 10;
  expect((await post({ messages: MESSAGES })).status).toBe(413);
});

test('the replay of a stream has usage where its request asked for it', async () => {
  const replay = async (query = '') =>
    (await ask('GET', `/v1/chat/completions/${completionId(asked.id)}?stream=true${query}`)).text();
  expect(await replay()).not.toContain('"usage"');
  expect(await replay('&include_usage=true')).toContain('"usage":{"prompt_tokens":3');
  stored = { ...view, asked: { ...asked, echo: { include_usage: true } } };
  expect(await replay()).toContain('"usage":{"prompt_tokens":3');
});

describe('an authenticator', () => {
  test('may be asynchronous', async () => {
    const slow = serverWith({ authenticate: async (headers) => keys.authenticate(headers) });
    const request = (key: string) =>
      new Request('http://gateway/v1/models', { headers: { authorization: `Bearer ${key}` } });
    expect((await slow.fetch(request(KEY))).status).toBe(200);
    expect((await slow.fetch(request('other'))).status).toBe(401);
  });
});

describe('the event of a request', () => {
  test('names the route, the key and the status', async () => {
    await ask('GET', `/v1/responses/${responseId(asked.id)}?stream=false`);
    expect(events).toEqual([
      {
        type: 'request-ended',
        requestId: 'req_unit',
        method: 'GET',
        path: '/v1/responses/:id',
        route: '/v1/responses/:id',
        status: 200,
        startedAt: expect.any(Number),
        durationMs: expect.any(Number),
        key: 'web',
      },
    ]);
  });

  test('has the fault', async () => {
    await post({ messages: [] });
    expect(events).toMatchObject([{ status: 400, fault: { code: 'invalid_request' } }]);
  });
});
