import { afterAll, beforeAll, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { type TestGateway, temporaryDirectory, testGateway } from '../harness/gateway.ts';
import { inSession, type Journey, json, startJourney } from '../harness/journey.ts';
import { sent } from '../harness/upstream.ts';
import { asList, asText } from '../simulators/provider/shape.ts';

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney();
});
afterAll(() => journey.end());

const system = (content: string) => ({ role: 'system' as const, content });
const user = (content: string) => ({ role: 'user' as const, content });

async function deleteFirstItem(gateway: TestGateway, session: string): Promise<void> {
  const path = `/v1/conversations/${session}/items`;
  const [first] = asList((await json(gateway.fetch(`${path}?order=asc`))).data);
  expect((await gateway.fetch(`${path}/${asText(first?.id)}`, { method: 'DELETE' })).status).toBe(200);
}

/** Begins a session, deletes its first item, and resolves to the lines that the provider receives in a later turn. */
async function seenAfterDeletion(
  name: string,
  model: string,
  first: object[],
  later: object[][],
): Promise<string[]> {
  const { gateway, provider } = journey;
  const headers = { 'x-session-id': name };
  const opened = await gateway.post('/v1/chat/completions', { model, messages: first }, headers);
  await opened.text();
  await deleteFirstItem(gateway, opened.headers.get('x-clawhold-session-id')!);
  for (const messages of later) {
    const answer = await gateway.post('/v1/chat/completions', { model, messages }, headers);
    expect(answer.status).toBe(200);
    await answer.text();
  }
  return sent(provider.requests.at(-1));
}

test.each(['日本語', 'é', '\ud800', 'a\r\nx-evil: 1', 'a\u0000b'])(
  'a model name can have any characters: %j',
  async (name) => {
    for (const stream of [false, true]) {
      for (const provider of ['anthropic', 'gemini']) {
        const body = { model: `${provider}/${name}`, messages: [user('hello')], stream };
        expect((await journey.gateway.post('/v1/chat/completions', body)).status).toBe(200);
      }
      const body = { model: `openai/${name}`, messages: [user('hello')], stream };
      const response = await journey.gateway.post('/v1/chat/completions', body);
      expect(response.status).toBe(200);
      expect(response.headers.get('x-clawhold-model-id')).toMatch(/^openai\/[\x20-\x7e]+$/);
      expect(response.headers.get('x-evil')).toBeNull();
      expect(await response.text()).toContain('hello');
    }
  },
);

test('deleted instructions count again when they are sent again', async () => {
  const seen = await seenAfterDeletion(
    'again',
    'openai/recall',
    [system('Be brief.'), user('one')],
    [[system('Be brief.'), user('two')]],
  );
  expect(seen).toContain('system: Be brief.');
});

test('deleted instructions stay deleted when the beginning no longer fits', async () => {
  const long = 'word '.repeat(2_000);
  const later = ['two', 'three', 'four', 'five'].map((text) => [user(`${text} ${long}`)]);
  const seen = await seenAfterDeletion(
    'cut',
    'openai/gpt-4',
    [system('Be brief.'), user(`one ${long}`)],
    later,
  );
  expect(seen.some((line) => line.startsWith('user: one'))).toBe(false);
  expect(seen).not.toContain('system: Be brief.');
});

test('content that looks like a blob reference is unchanged after a restart', async () => {
  const dataDir = temporaryDirectory();
  const url = `clawhold-blob:${'a'.repeat(64)}`;
  const send = async (content: unknown) => {
    const gateway = await testGateway({ provider: journey.provider.url, dataDir });
    const body = { model: 'openai/recall', messages: [{ role: 'user', content }] };
    const { status } = await gateway.post('/v1/chat/completions', body, inSession('look').headers);
    await gateway.stop();
    return status;
  };
  expect(await send([{ type: 'image_url', image_url: { url } }])).toBe(200);
  expect(await send('and now?')).toBe(200);
  expect(JSON.stringify(journey.provider.requests.at(-1)?.body)).toContain(url);
  rmSync(dataDir, { recursive: true, force: true });
});

test('outputs of parallel calls can be added one by one', async () => {
  const { gateway, provider } = journey;
  const { id } = await json(gateway.post('/v1/conversations', {}));
  const add = async (...items: object[]) =>
    (await gateway.post(`/v1/conversations/${id}/items`, { items })).status;
  const call = (call_id: string) => ({ type: 'function_call', call_id, name: call_id, arguments: '{}' });
  const output = (call_id: string) => ({ type: 'function_call_output', call_id, output: `${call_id} done` });
  expect(await add({ type: 'message', ...user('go') }, call('a'), call('b'))).toBe(200);
  expect(await add(output('a'))).toBe(200);
  expect(await add(output('b'))).toBe(200);
  // The same output twice is accepted. A different output for the same call would be a contradiction.
  expect(await add(output('b'))).toBe(200);
  expect(await add({ ...output('b'), output: 'b failed' })).toBe(400);
  const body = { model: 'openai/recall', input: 'and?', conversation: id };
  expect((await gateway.post('/v1/responses', body)).status).toBe(200);
  expect(sent(provider.requests.at(-1))).toEqual([
    'user: go',
    'call a',
    'call b',
    'output a done',
    'output b done',
    'user: and?',
  ]);
});

test.each(['constructor', 'toString', '__proto__'])(
  'an unknown type that JavaScript objects have as a property is like any other: %s',
  async (type) => {
    const session = { 'x-session-id': `named-${type}` };
    const content = [{ type: 'input_text', text: 'Hello' }, { type }];
    const input = [{ type: 'message', role: 'user', content }, { type }];
    const reply = await journey.gateway.post('/v1/responses', { model: 'deepseek/echo', input }, session);
    expect(reply.status).toBe(200);
    const id = reply.headers.get('x-clawhold-session-id');
    const items = asList((await json(journey.gateway.fetch(`/v1/conversations/${id}/items`))).data);
    expect(items.map((item) => asText(item.id).split('_')[0]).sort()).toEqual(['item', 'msg', 'msg']);
  },
);
