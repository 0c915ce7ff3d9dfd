import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type Journey, startJourney } from '../harness/journey.ts';

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney();
});
afterAll(() => journey.end());

const DEEP = '['.repeat(100_000) + ']'.repeat(100_000);
const messages = '"messages":[{"role":"user","content":"x"}]';

test.each([
  ['an unknown field', `{"model":"openai/echo",${messages},"further":${DEEP}}`],
  [
    'a tool',
    `{"model":"openai/echo",${messages},"tools":[{"type":"function","function":{"name":"f","parameters":{"a":${DEEP}}}}]}`,
  ],
])('%s with very deep nesting is an error of the caller', async (_where, body) => {
  const response = await journey.gateway.post('/v1/chat/completions', body);
  expect(response.status).toBe(400);
  expect((await response.json()) as object).toMatchObject({ error: { code: 'invalid_request' } });
});

test('a provider name without a model is not a model', async () => {
  const response = await journey.gateway.post('/v1/chat/completions', `{"model":"openai/",${messages}}`);
  expect(response.status).toBe(404);
});

test('an empty request id is replaced', async () => {
  const response = await journey.gateway.fetch('/v1/models', { headers: { 'x-request-id': '' } });
  expect(response.headers.get('x-request-id')).toMatch(/^req_/);
});

test.each(['/v1/chat/completions', '/v1/responses'])(
  'an empty session header names no session at %s',
  async (path) => {
    const input = [{ role: 'user', content: 'x' }];
    const body = { model: 'openai/echo', [path.endsWith('responses') ? 'input' : 'messages']: input };
    const anonymous = await journey.gateway.post(path, { ...body, store: false }, { 'x-session-id': '' });
    expect([anonymous.status, anonymous.headers.get('x-clawhold-kept')]).toEqual([200, 'none']);
    const names = { 'session-id': '', 'x-session-id': 'named' };
    const named = await journey.gateway.post(path, { ...body, store: false }, names);
    expect([named.status, named.headers.get('x-clawhold-kept')]).toEqual([200, 'session']);
  },
);
