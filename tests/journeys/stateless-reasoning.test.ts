import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type Journey, startJourney } from '../harness/journey.ts';

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney();
});
afterAll(() => journey.end());

type Item = { type: string; encrypted_content?: string };

test('a client that keeps its own state can send encrypted thoughts back to their provider', async () => {
  const question = { role: 'user', content: 'Think about it.' };
  const body = {
    model: 'openai/think',
    store: false,
    reasoning: { effort: 'low', context: 'all' },
    include: ['reasoning.encrypted_content'],
  };
  const first = (await (
    await journey.gateway.post('/v1/responses', { ...body, input: [question] })
  ).json()) as {
    output: Item[];
  };
  const thought = first.output.find(({ type }) => type === 'reasoning');
  expect(thought?.encrypted_content).toBeString();

  const input = [question, ...first.output, { role: 'user', content: 'Go on.' }];
  const second = await journey.gateway.post('/v1/responses', { ...body, input });
  expect([second.status, second.ok || (await second.text())]).toEqual([200, true]);
  const sent = journey.provider.requests.at(-1)!.body as { input: Item[]; reasoning: unknown };
  expect(sent.input.find(({ type }) => type === 'reasoning')?.encrypted_content).toBe(
    thought!.encrypted_content!,
  );
  expect(sent.reasoning).toEqual({ effort: 'low', context: 'all' });
});

test('plain-text thoughts of a client go to no other provider', async () => {
  const { gateway, provider } = journey;
  const question = { role: 'user', content: 'Think about it.' };
  const ask = async (model: string, input: unknown[]) => {
    const reply = await gateway.post('/v1/responses', { model, input, store: false });
    expect([reply.status, reply.ok || (await reply.text())]).toEqual([200, true]);
    return ((await reply.json()) as { output: Item[] }).output;
  };
  const thought = await ask('anthropic/think', [question]);
  expect(thought.map(({ type }) => type)).toEqual(['reasoning', 'message']);
  await ask('openai/echo', [question, ...thought, { role: 'user', content: 'Go on.' }]);
  const { input } = provider.requests.at(-1)!.body as { input: Item[] };
  expect(input.map(({ type }) => type)).toEqual(['message', 'message', 'message']);
});

test('thoughts from one protocol of a provider are not sent over its other protocol', async () => {
  const { gateway, provider } = journey;
  const headers = { 'x-session-id': 'two-protocols' };
  const messages = [{ role: 'user', content: 'Think about it.' }];
  const chat = { model: 'openai/think', reasoning_effort: 'low', messages };
  expect((await gateway.post('/v1/chat/completions', chat, headers)).status).toBe(200);
  const next = await gateway.post('/v1/responses', { model: 'openai/echo', input: 'Go on.' }, headers);
  expect([next.status, next.ok || (await next.text())]).toEqual([200, true]);
  const { input } = provider.requests.at(-1)!.body as { input: Item[] };
  expect(input.map(({ type }) => type)).toEqual(['message', 'message', 'message']);
});
