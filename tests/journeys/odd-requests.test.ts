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
