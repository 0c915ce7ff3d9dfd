import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type Journey, startJourney } from '../harness/journey.ts';

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney();
});
afterAll(() => journey.end());

const lastBody = () => JSON.stringify(journey.provider.requests.at(-1)!.body);

async function send(model: string, content: unknown, session: string): Promise<void> {
  const input = [{ role: 'user', content }];
  const answer = await journey.gateway.post('/v1/responses', { model, input }, { 'x-session-id': session });
  expect([answer.status, answer.ok || (await answer.text())]).toEqual([200, true]);
}

test('a file that a later provider cannot read is replaced by a note, and the session continues', async () => {
  const file = { type: 'input_file', filename: 'report.pdf', file_id: 'file-of-openai' };
  await send('openai/echo', [{ type: 'input_text', text: 'Read this.' }, file], 'by-id');
  expect(lastBody()).toContain('file-of-openai');
  await send('openai/echo', 'Go on.', 'by-id');
  expect(lastBody()).toContain('file-of-openai');
  for (const model of ['anthropic/echo', 'gemini/echo', 'groq/echo']) {
    await send(model, 'And now?', 'by-id');
    expect(lastBody()).not.toContain('file-of-openai');
    expect(lastBody()).toContain('not readable by this model: report.pdf');
  }
});

test('a file by URL does not end a session at a provider that accepts only content', async () => {
  const file = { type: 'input_file', file_url: 'https://files.test/report.pdf' };
  await send('anthropic/echo', [{ type: 'input_text', text: 'Read this.' }, file], 'by-url');
  await send('groq/echo', 'Go on.', 'by-url');
  expect(lastBody()).toContain('not readable by this model: https://files.test/report.pdf');
});

test('a new file that the model cannot read is refused', async () => {
  const file = { type: 'input_file', file_url: 'https://files.test/report.pdf' };
  const answer = await journey.gateway.post('/v1/responses', {
    model: 'groq/echo',
    input: [{ role: 'user', content: [file] }],
  });
  expect(answer.status).toBe(400);
  expect(((await answer.json()) as { error: { code: string } }).error.code).toBe('unsupported_parameter');
});
