import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type Journey, startJourney } from '../harness/journey.ts';

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney();
});
afterAll(() => journey.end());

type Item = { type: string; encrypted_content?: string };

test('a client that keeps its own state brings encrypted thoughts back to the provider that made them', async () => {
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
