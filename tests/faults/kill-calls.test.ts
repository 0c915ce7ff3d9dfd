import { afterAll, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { spawnGateway, temporaryDirectory } from '../harness/gateway.ts';
import { startProvider } from '../simulators/provider/provider.ts';

const provider = startProvider();
const dataDir = temporaryDirectory();
afterAll(() => {
  provider.stop();
  rmSync(dataDir, { recursive: true });
});

const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const weather = { name: 'weather', parameters };

const REQUESTS = {
  chat: {
    path: '/v1/chat/completions',
    body: { messages: [{ role: 'user', content: 'hot?' }], tools: [{ type: 'function', function: weather }] },
    further: { messages: [{ role: 'user', content: 'never mind' }] },
    id: (name: string) => name.replace('resp_', 'chatcmpl-'),
  },
  responses: {
    path: '/v1/responses',
    body: { input: 'hot?', tools: [{ type: 'function', ...weather }] },
    further: { input: 'never mind' },
    id: (name: string) => name,
  },
};
type Dialect = keyof typeof REQUESTS;

/** The events of a stream, until `isEnough`, or until the stream ends or breaks. */
async function eventsOf(
  reply: Response,
  isEnough: (text: string) => boolean = () => false,
): Promise<string[]> {
  let text = '';
  try {
    for await (const chunk of reply.body!) {
      text += new TextDecoder().decode(chunk);
      if (isEnough(text)) break;
    }
  } catch {
    // The gateway was killed.
  }
  const blocks = text.split('\n\n').slice(0, -1);
  return blocks.filter((block) => !block.startsWith(':'));
}

let count = 0;

/** Kills a gateway while it streams the arguments of a call. Resolves to the events before and after the kill. */
async function killInCall(dialect: Dialect, headers: Record<string, string>) {
  const { path, body, further, id } = REQUESTS[dialect];
  const session = `calls-${++count}`;
  const first = await spawnGateway({ provider: provider.url, dataDir });
  const model = `groq/tool1+once-stall-1+${session}`;
  const reply = await first.post(
    path,
    { model, stream: true, ...body },
    { 'x-session-id': session, ...headers },
  );
  const before = await eventsOf(reply, (text) => text.includes('{\\"'));
  await first.kill();
  const second = await spawnGateway({ provider: provider.url, dataDir });
  const url = `${path}/${id(reply.headers.get('x-clawhold-response-id')!)}?stream=true`;
  const after = await eventsOf(await second.fetch(`${url}&starting_after=${before.length - 1}`));
  const replayed = await eventsOf(await second.fetch(url));
  expect(replayed).toEqual([...before, ...after]);
  const next = await second.post(path, { model: 'groq/echo', ...further }, { 'x-session-id': session });
  expect(next.status).toBe(200);
  await Promise.all([first, second].map((gateway) => gateway.stop()));
  return { before, after };
}

const dataOf = (event: string) => JSON.parse(/^data: (.*)$/m.exec(event)![1]!) as Record<string, unknown>;

test('responses: the incomplete call is discarded, and a new one is whole', async () => {
  const { before, after } = await killInCall('responses', {});
  expect(before.at(-1)).toContain('response.function_call_arguments.delta');
  const types = after.map((event) => dataOf(event).type);
  expect(types.slice(0, 3)).toEqual([
    'response.output_item.done',
    'clawhold:response.restarted',
    'response.output_item.added',
  ]);
  expect(dataOf(after[0]!)).toMatchObject({ item: { type: 'function_call', status: 'incomplete' } });
  expect(dataOf(after[1]!)).toMatchObject({ reason: 'gateway_stopped', discarded: [{ output_index: 0 }] });
  const { response } = dataOf(after.at(-1)!) as {
    response: { status: string; output: { arguments: string }[] };
  };
  expect(response).toMatchObject({
    status: 'completed',
    output: [{ type: 'function_call', name: 'weather' }],
  });
  expect(response.output).toHaveLength(1);
  expect(JSON.parse(response.output[0]!.arguments)).toHaveProperty('city');
});

test('chat: the answer ends in an error, because a client cannot take back half a call', async () => {
  const { after } = await killInCall('chat', {});
  expect(after).toHaveLength(1);
  expect(after[0]).toContain('"code":"gateway_stopped"');
});

test('chat with when-broken restart: the incomplete call is discarded, and a new one is whole', async () => {
  const { after } = await killInCall('chat', { 'x-clawhold-when-broken': 'restart' });
  const restart = { reason: 'gateway_stopped', discard: { content: false, tool_calls: [0] } };
  expect(dataOf(after[0]!)).toMatchObject({ choices: [], clawhold: { restart } });
  expect(after.at(-2)).toContain('"finish_reason":"tool_calls"');
  expect(after.at(-1)).toBe('data: [DONE]');
});
