import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { Api } from '../../src/api/api.ts';
import { routesOf } from '../../src/http/server.ts';
import { OTHER_KEY, ROOT_KEY } from '../harness/gateway.ts';
import { type Journey, json, sessionLog, startJourney } from '../harness/journey.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { asList, asText, type Json } from '../simulators/provider/shape.ts';

const CHAT = '/v1/chat/completions';
const RESPONSES = '/v1/responses';
const CONVERSATIONS = '/v1/conversations';
/** Well-formed ids that never existed. */
const NO_RESPONSE = `resp_${'0'.repeat(33)}`;
const NO_CONVERSATION = `conv_${'0'.repeat(20)}`;
const NO_ITEM = `msg_${'0'.repeat(33)}i0`;

/** The routes of every gateway. Their list does not depend on what they do. */
const routes = routesOf({
  api: { admin: {} } as Api,
  settings: () => ({ bodyBytes: 0, bodyMs: 10_000, socketMs: 0, ruleHeaders: [] }),
  health: { ready: () => true, probeStore: async () => {}, failingClaws: () => [] },
  startedAt: 0,
  reload: async () => ({ state: 'rejected', problems: [] }),
  metrics: { read: async () => ({ contentType: '', text: '' }), key: () => undefined },
  signIns: { signIn: async () => ({ token: '', expiresAt: 0 }), callerOf: () => undefined, signOut() {} },
  dashboard: async () => [],
  configuration: () => [],
});

let journey: Journey;
/** A session with one turn, and its items. */
let conversation = '';
let response = '';
let item = '';
let before: string[] = [];

const question = { messages: [{ role: 'user', content: 'two' }] };

beforeAll(async () => {
  journey = await startJourney();
  const { headers } = await journey.gateway.post(
    CHAT,
    { model: 'openai/recall', messages: [{ role: 'user', content: 'one' }] },
    { 'x-session-id': 'kept' },
  );
  conversation = headers.get('x-clawhold-session-id') ?? '';
  response = headers.get('x-clawhold-response-id') ?? '';
  const items = await json(journey.gateway.fetch(`${CONVERSATIONS}/${conversation}/items`));
  item = asText(asList(items.data)[0]?.id);
  before = await sessionLog(journey.gateway, conversation);
});
afterAll(() => journey.end());

async function expectUntouched(): Promise<void> {
  expect(await sessionLog(journey.gateway, conversation)).toEqual(before);
}

describe('the data of another tenant does not exist for a caller', () => {
  /** Expects the same answer for a real id of another tenant and for an id that never existed. */
  async function expectAlike(
    call: (id: string) => Promise<Response>,
    real: string,
    never: string,
  ): Promise<void> {
    const [ofOtherTenant, ofUnknownId] = await Promise.all([call(real), call(never)]);
    const mask = async (answer: Response, id: string) =>
      JSON.stringify(await json(answer))
        .replaceAll(id, '<id>')
        .replaceAll(conversation, '<id>');
    expect(ofOtherTenant.status).toBe(ofUnknownId.status);
    expect(ofOtherTenant.status).toBeGreaterThanOrEqual(400);
    expect(await mask(ofOtherTenant, real)).toBe(
      (await mask(ofUnknownId, never)).replaceAll(NO_CONVERSATION, '<id>'),
    );
    await expectUntouched();
  }

  const other = (path: string, method = 'GET', body?: Json) =>
    journey.gateway.fetch(path, { key: OTHER_KEY, method, body: body && JSON.stringify(body) });

  test.each([
    ['GET', ''],
    ['DELETE', ''],
    ['POST', '/cancel'],
    ['GET', '/input_items'],
  ])('its responses: %s %s', (method, sub) =>
    expectAlike((id) => other(`${RESPONSES}/${id}${sub}`, method), response, NO_RESPONSE),
  );

  test('its responses, by previous_response_id', () =>
    expectAlike(
      (previous_response_id) =>
        other(RESPONSES, 'POST', { model: 'openai/recall', input: 'x', previous_response_id }),
      response,
      NO_RESPONSE,
    ));

  const item1 = { type: 'message', role: 'user', content: 'x' };
  test.each([
    ['GET', '', undefined],
    ['POST', '', { metadata: {} }],
    ['DELETE', '', undefined],
    ['GET', '/items', undefined],
    ['POST', '/items', { items: [item1] }],
  ] as const)('its conversations: %s %s', (method, sub, body) =>
    expectAlike((id) => other(`${CONVERSATIONS}/${id}${sub}`, method, body), conversation, NO_CONVERSATION),
  );

  test('its conversations, in a request for a turn', async () => {
    await expectAlike(
      (id) => other(RESPONSES, 'POST', { model: 'openai/recall', input: 'x', conversation: id }),
      conversation,
      NO_CONVERSATION,
    );
    await expectAlike(
      (id) => other(CHAT, 'POST', { model: 'openai/recall', ...question, conversation: id }),
      conversation,
      NO_CONVERSATION,
    );
  });

  test.each(['GET', 'DELETE'])('its items: %s', (method) =>
    expectAlike((id) => other(`${CONVERSATIONS}/${conversation}/items/${id}`, method), item, NO_ITEM),
  );

  test('its items, by reference', () =>
    expectAlike(
      (id) => other(RESPONSES, 'POST', { model: 'openai/recall', input: [{ type: 'item_reference', id }] }),
      item,
      NO_ITEM,
    ));

  test('its stored completions', async () => {
    const stored = await json(
      journey.gateway.post(CHAT, { model: 'openai/recall', ...question, store: true }),
    );
    const path = `${CHAT}/${asText(stored.id)}`;
    for (const [method, sub] of [
      ['GET', ''],
      ['POST', ''],
      ['DELETE', ''],
      ['GET', '/messages'],
    ] as const) {
      const answer = other(path + sub, method, method === 'POST' ? { metadata: {} } : undefined);
      await expectRefusal(answer, 404, { code: 'response_not_found' });
    }
    expect((await json(other(CHAT))).data).toEqual([]);
    expect((await journey.gateway.fetch(path)).status).toBe(200);
  });
});

describe('authentication', () => {
  const HEALTH = ['/health', '/healthz', '/health/readiness', '/readyz'];
  const OPEN = [
    ...[...HEALTH, '/health/liveness', '/health/liveliness', '/livez', '/', '/openapi.json'],
    ...['/dashboard', '/dashboard/*', '/admin/v1/sign-in'],
  ];
  /** With its own answers for what is not there, and without data. */
  const ASSETS = '/dashboard/assets/*';

  test('requires a key on every route except health, pages, the OpenAPI document and the sign-in', async () => {
    const closed = routes.filter(({ path }) => !OPEN.includes(path) && path !== ASSETS);
    expect(closed.length).toBeGreaterThan(20);
    expect(closed.filter(({ access }) => access === 'open')).toEqual([]);
    for (const { method, path } of closed) {
      const url = journey.gateway.url + path.replaceAll(/(?<=\/):\w+/g, 'x').replace('*', 'x');
      for (const [headers, code] of [
        [{}, 'missing_key'],
        [{ authorization: 'Bearer ' }, 'missing_key'],
        [{ authorization: `Basic ${ROOT_KEY}` }, 'missing_key'],
        [{ authorization: 'Bearer sk-claw-wrong' }, 'invalid_key'],
        [{ 'x-api-key': 'sk-claw-wrong' }, 'invalid_key'],
      ] as [Record<string, string>, string][]) {
        const answer = await fetch(url, { method, headers, body: method === 'POST' ? '{}' : undefined });
        expect([method, path, answer.status]).toEqual([method, path, 401]);
        expect(answer.headers.get('www-authenticate')).toBe('Bearer');
        // Each dialect has the code in its own envelope.
        expect((await answer.text()).toLowerCase()).toContain(code);
      }
    }
    await expectUntouched();
  });

  test('reveals nothing about unknown paths without a key', async () => {
    for (const path of ['/x', '/v2/x', '/v1', '/admin', '/metric', `${RESPONSES}/`]) {
      expect((await fetch(journey.gateway.url + path)).status).toBe(401);
      await expectRefusal(journey.gateway.fetch(path), 404, { code: 'not_found' });
    }
  });

  test('is not required for health, pages, the OpenAPI document and the sign-in, which reveal no tenant', async () => {
    for (const path of OPEN) expect((await fetch(journey.gateway.url + path)).status).toBe(200);
  });

  test('accepts the key in `x-api-key` too', async () => {
    const answer = await fetch(`${journey.gateway.url}/v1/models`, { headers: { 'x-api-key': ROOT_KEY } });
    expect(answer.status).toBe(200);
  });

  test('lists the allowed methods of a path', async () => {
    const answer = await journey.gateway.fetch(`${RESPONSES}/${response}`, { method: 'PUT' });
    expect(answer.headers.get('allow')).toBe('GET, DELETE');
    await expectRefusal(answer, 405, { code: 'method_not_allowed' });
  });
});
