import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { OTHER_KEY } from '../harness/gateway.ts';
import { type Journey, json, sessionLog, startJourney } from '../harness/journey.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { asText, type Json } from '../simulators/provider/shape.ts';

const PATH = '/v1/responses/input_tokens';
const model = 'openai/recall';

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney();
});
beforeEach(() => journey.provider.reset());
afterAll(() => journey.end());

const post = (path: string, body: Json, headers?: Record<string, string>) =>
  journey.gateway.post(path, body, headers);

async function count(body: Json, headers?: Record<string, string>): Promise<number> {
  const reply = await post(PATH, body, headers);
  const counted = await json(reply);
  expect([reply.status, counted]).toEqual([
    200,
    { object: 'response.input_tokens', input_tokens: expect.any(Number) },
  ]);
  // The count calls no model, stores nothing and takes no lease.
  expect(reply.headers.get('x-clawhold-response-id')).toBeNull();
  return counted.input_tokens as number;
}

/** The tokens that the gateway reports for the prompt of a real turn. */
async function reported(body: Json, headers?: Record<string, string>): Promise<number> {
  const reply = await post('/v1/responses', { model, ...body }, headers);
  expect(reply.status).toBe(200);
  return Number(/^tokens=(\d+)/.exec(reply.headers.get('x-clawhold-context') ?? '')?.[1]);
}

const LONG = 'The quick brown fox jumps over the lazy dog. '.repeat(40);

test('the input, the instructions and the tools are counted', async () => {
  const short = await count({ model, input: 'Hello.' });
  expect(short).toBeGreaterThan(0);
  expect(await count({ model, input: LONG })).toBeGreaterThan(short + 300);
  expect(await count({ model, input: 'Hello.', instructions: LONG })).toBeGreaterThan(short + 300);
  const tools = [{ type: 'function', name: 'f', description: LONG, parameters: { type: 'object' } }];
  expect(await count({ model, input: 'Hello.', tools })).toBeGreaterThan(short + 300);
  expect(journey.provider.requests).toEqual([]);
});

test('the model may be absent, as in the API of OpenAI', async () => {
  const input = [{ role: 'user', content: 'Hello.' }];
  expect(await count({ input })).toBe(await count({ model, input }));
  expect(await count({ model: null, input })).toBe(await count({ model, input }));
  expect(await count({})).toBe(0);
});

test('the SDK reads it', async () => {
  const counted = await journey.client.responses.inputTokens.count({ model, input: 'Hello.' });
  expect(counted).toMatchObject({ object: 'response.input_tokens', input_tokens: expect.any(Number) });
});

describe('the state is counted', () => {
  test('of a response', async () => {
    const first = await json(post('/v1/responses', { model, input: LONG }));
    const next = { previous_response_id: asText(first.id), input: 'And now?' };
    const counted = await count({ model, ...next });
    expect(counted).toBeGreaterThan(300);
    expect(await reported(next)).toBe(counted);
  });

  test('of a conversation', async () => {
    const conversation = asText((await json(post('/v1/conversations', {}))).id);
    await post('/v1/responses', { model, conversation, input: LONG });
    const before = await sessionLog(journey.gateway, conversation);
    const next = { conversation, input: 'And now?' };
    const counted = await count({ model, ...next });
    expect(counted).toBeGreaterThan(300);
    expect(await sessionLog(journey.gateway, conversation)).toEqual(before);
    expect(await reported(next)).toBe(counted);
  });

  test('of the session of a header, also for a full history', async () => {
    const headers = { 'x-session-id': 'counted' };
    await post('/v1/responses', { model, input: LONG }, headers);
    const next = { input: 'And now?' };
    const counted = await count({ model, ...next }, headers);
    expect(counted).toBeGreaterThan(300);
    expect(await reported(next, headers)).toBe(counted);
  });

  test('while a turn holds the session', async () => {
    const headers = { 'x-session-id': 'held' };
    await post('/v1/responses', { model, input: LONG }, headers);
    const running = post('/v1/responses', { model: 'openai/recall+delay-300', input: 'x' }, headers);
    await Bun.sleep(50);
    let isRunning = true;
    void running.then(() => (isRunning = false));
    expect(await count({ model, input: 'And now?' }, headers)).toBeGreaterThan(300);
    expect(isRunning).toBe(true);
    expect((await running).status).toBe(200);
  });
});

test('a session that does not exist is not created', async () => {
  const headers = { 'x-session-id': 'never' };
  expect(await count({ model, input: 'Hello.' }, headers)).toBeGreaterThan(0);
  await expectRefusal(journey.gateway.fetch('/v1/conversations/never'), 404, { code: 'session_not_found' });
});

test('a history that does not fit is counted, without the items that truncation leaves out', async () => {
  const conversation = asText((await json(post('/v1/conversations', {}))).id);
  const words = 'one two three four five six seven eight nine ten '.repeat(4_000);
  for (let turn = 0; turn < 6; turn++) {
    const items = [{ role: 'user', content: words }];
    expect((await post(`/v1/conversations/${conversation}/items`, { items })).status).toBe(200);
  }
  const whole = await count({ conversation, input: 'x' });
  expect(whole).toBeGreaterThan(200_000);
  const cut = await count({ conversation, input: 'x', truncation: 'auto' });
  expect(cut).toBeLessThan(128_000);
});

describe('a request that cannot be counted is refused', () => {
  test('like the turn itself', async () => {
    await expectRefusal(post(PATH, { model: 'gpt-4o-minni', input: 'x' }), 404, {
      code: 'model_not_found',
    });
    await expectRefusal(post(PATH, { model, input: 7 }), 400, { code: 'invalid_request', param: 'input' });
    const previous_response_id = `resp_${'0'.repeat(33)}`;
    await expectRefusal(post(PATH, { model, previous_response_id }), 400, {
      code: 'previous_response_not_found',
    });
    const output = { type: 'function_call_output', call_id: 'c', output: '' };
    await expectRefusal(post(PATH, { model, input: [output] }), 400, {
      code: 'tool_output_without_call',
      param: 'input[0].call_id',
    });
  });

  test("as another tenant's state", async () => {
    const { id } = await json(post('/v1/responses', { model, input: 'x' }));
    const headers = { authorization: `Bearer ${OTHER_KEY}` };
    await expectRefusal(post(PATH, { model, previous_response_id: asText(id) }, headers), 400, {
      code: 'previous_response_not_found',
    });
  });

  test.each(['GET', 'DELETE', 'PUT'])('%s is not taken for the id of a response', async (method) => {
    const reply = await journey.gateway.fetch(PATH, { method });
    expect(reply.headers.get('allow')).toBe('POST');
    await expectRefusal(reply, 405, { code: 'method_not_allowed' });
  });
});

test('compaction is a clear 404', async () => {
  await expectRefusal(post('/v1/responses/compact', { model, input: 'x' }), 404, {
    code: 'not_found',
    message: /does not compact conversations/,
  });
});
