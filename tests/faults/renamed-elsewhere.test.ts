import { afterAll, beforeAll, expect, test } from 'bun:test';
import { eventually } from '../harness/eventually.ts';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { type Journey, json, responseText, startJourney } from '../harness/journey.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { asList, asText, type Json } from '../simulators/provider/shape.ts';

/** Gateways that share a data folder and tell each other nothing: one of them renames what the other one remembers. */

let journey: Journey;
let neighbour: TestGateway;
beforeAll(async () => {
  journey = await startJourney();
  neighbour = await testGateway({ provider: journey.provider.url, dataDir: journey.gateway.dataDir });
});
afterAll(async () => {
  await neighbour.stop();
  await journey.end();
});

const ask = (gateway: TestGateway, session: string, input: string, more: Json = {}) => {
  const body = { model: 'openai/recall', input, ...more };
  return gateway.post('/v1/responses', body, { 'x-session-id': session });
};
const rename = (gateway: TestGateway, session: string, name: string) =>
  json(
    gateway.fetch(`/admin/v1/sessions/${session}`, {
      method: 'PATCH',
      body: JSON.stringify({ name }),
      headers: { 'content-type': 'application/json' },
    }),
  );
const heard = async (reply: Promise<Response>) => responseText(await json(reply));

test('a session is not continued under the name that it had', async () => {
  await ask(journey.gateway, 'draft', 'one');
  await ask(neighbour, 'draft', 'two');
  await rename(journey.gateway, 'draft', 'final');
  const refused = await ask(neighbour, 'draft', 'another');
  expect(refused.headers.get('x-should-retry')).toBe('true');
  await expectRefusal(refused, 409, { code: 'session_busy' });
  expect(await heard(ask(neighbour, 'draft', 'another'))).toBe('I have heard: "another"');
  expect(await heard(ask(neighbour, 'final', 'three'))).toBe('I have heard: "one" | "two" | "three"');
});

test('its side lines are not, either', async () => {
  const aside = (session: string, input: string) =>
    neighbour.post(
      '/v1/responses',
      { model: 'openai/recall', input },
      { 'x-session-id': session, 'x-clawhold-branch': 'side' },
    );
  await ask(neighbour, 'task', 'one');
  await aside('task', 'aside');
  await rename(journey.gateway, 'task', 'done');
  await expectRefusal(await aside('task', 'more'), 409, { code: 'session_busy' });
  // The line is free: the session goes on under its new name.
  expect(await heard(aside('done', 'more'))).toBe('I have heard: "one" | "aside" | "more"');
  expect(asText((await json(neighbour.fetch('/v1/conversations/done'))).id)).toStartWith('conv_');
});

test('a background turn is accepted under the name that its session has, and keeps its session', async () => {
  await ask(journey.gateway, 'plan', 'one');
  await ask(neighbour, 'plan', 'two');
  await rename(journey.gateway, 'plan', 'plan-a');
  const queue = (session: string, input: string) => ask(neighbour, session, input, { background: true });
  await expectRefusal(await queue('plan', 'another'), 409, { code: 'session_busy' });
  // While it waits for its session, the session gets another name.
  const running = ask(neighbour, 'plan-a', 'slow', { model: 'openai/recall+delay-500' });
  await eventually(
    'the turn runs',
    () => json(neighbour.fetch('/admin/v1/turns/running')),
    ({ data }) => asList(data).length === 1,
  );
  const { id } = await json(queue('plan-a', 'queued'));
  await rename(journey.gateway, 'plan-a', 'plan-b');
  await running;
  const ended = await eventually(
    'the queued turn ends',
    () => json(neighbour.fetch(`/v1/responses/${asText(id)}`)),
    ({ status }) => status === 'completed',
  );
  expect(responseText(ended)).toBe('I have heard: "one" | "two" | "slow" | "queued"');
});
