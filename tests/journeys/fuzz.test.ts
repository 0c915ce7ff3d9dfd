import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { errorIn } from '../harness/dialects.ts';
import { temporaryDirectory } from '../harness/gateway.ts';
import { unfinishedTurns } from '../harness/journal.ts';
import { type Journey, json, serverEvents, startJourney } from '../harness/journey.ts';
import { asJson, isJson, type Json } from '../simulators/provider/shape.ts';

const MODELS = ['openai/say-2', 'anthropic/say-2', 'gemini/say-2', 'local/recall'];
const PROPERTY_MS = 3_500;

const message = { role: 'user', content: 'Hello' };
const call = { type: 'function_call', call_id: 'call_1', name: 'look', arguments: '{"at":"x"}' };
const output = { type: 'function_call_output', call_id: 'call_1', output: 'seen' };

/** Valid requests, which the tests change at random. */
const CHATS: Json[] = [
  { messages: [message] },
  { messages: [{ role: 'system', content: 'Be brief.' }, message], temperature: 0.5, max_tokens: 9 },
  {
    messages: [
      message,
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'look', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'seen' },
    ],
    tools: [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }],
    stream: true,
    stream_options: { include_usage: true },
  },
  {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'See' },
          { type: 'image_url', image_url: { url: 'https://x.test/a.png', detail: 'low' } },
          { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,QQ==' } },
        ],
      },
    ],
    metadata: { a: 'b' },
    store: true,
    stop: ['x'],
    seed: 1,
  },
];
const RESPONSES: Json[] = [
  { input: 'Hello', instructions: 'Be brief.' },
  { input: [message, call, output], tools: [{ type: 'function', name: 'look', parameters: {} }] },
  { input: [{ type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm' }] }, message], stream: true },
  {
    input: [{ ...message, content: [{ type: 'input_text', text: 'x' }] }],
    text: { format: { type: 'text' } },
  },
];
const CONTENTS: Json[] = [
  { contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] },
  {
    systemInstruction: { parts: [{ text: 'Be brief.' }] },
    contents: [
      { role: 'user', parts: [{ text: 'Look:' }, { inlineData: { mimeType: 'image/png', data: 'AAAA' } }] },
    ],
    generationConfig: {
      temperature: 0.5,
      maxOutputTokens: 9,
      responseMimeType: 'application/json',
      responseSchema: { type: 'OBJECT', properties: { a: { type: 'STRING', nullable: true } } },
      thinkingConfig: { includeThoughts: true, thinkingBudget: 100 },
    },
  },
  {
    contents: [
      { role: 'user', parts: [{ text: 'What is the weather?' }] },
      {
        role: 'model',
        parts: [
          { text: 'Hm.', thought: true },
          { functionCall: { name: 'weather', args: { city: 'Rome' } }, thoughtSignature: 'c2ln' },
        ],
      },
      { role: 'user', parts: [{ functionResponse: { name: 'weather', response: { output: 'Sun.' } } }] },
    ],
    tools: [
      { functionDeclarations: [{ name: 'weather', parameters: { type: 'OBJECT', properties: {} } }] },
      { googleSearch: {} },
    ],
    toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['weather'] } },
  },
];

const MESSAGES: Json[] = [
  { messages: [message], max_tokens: 9 },
  { system: 'Be brief.', messages: [message], temperature: 0.5, stop_sequences: ['x'], max_tokens: 9 },
  {
    system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
    messages: [
      message,
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'Hm', signature: 'x' },
          { type: 'text', text: 'I look.' },
          { type: 'tool_use', id: 'call_1', name: 'look', input: { at: 'x' } },
        ],
      },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'call_1', content: 'seen' }] },
    ],
    tools: [{ name: 'look', input_schema: { type: 'object' } }],
    tool_choice: { type: 'auto', disable_parallel_tool_use: true },
    stream: true,
  },
  {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'See' },
          { type: 'image', source: { type: 'url', url: 'https://x.test/a.png' } },
          { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'QQ==' } },
        ],
      },
    ],
    metadata: { user_id: 'a' },
    output_config: { effort: 'low' },
    thinking: { type: 'adaptive' },
  },
];
const CONVERSATIONS: Json[] = [
  { items: [{ type: 'message', ...message }], metadata: { a: 'b' } },
  { items: [{ type: 'message', ...message }, call, output] },
];

/** Arbitrary JSON and values that often cause errors. */
const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(null, '', ' ', 0, -1, 1e308, [], {}, [[]], '\u0000', '\ud800', '__proto__', true),
);

type Step = { pick: number; act: 'replace' | 'remove' | 'repeat' | 'add'; value: unknown; key: string };
const step: fc.Arbitrary<Step> = fc.record({
  pick: fc.nat(1_000),
  act: fc.constantFrom('replace' as const, 'remove' as const, 'repeat' as const, 'add' as const),
  value: odd,
  key: fc.oneof(fc.constantFrom('type', 'id', 'role', 'content', 'status', 'name', '__proto__'), fc.string()),
});

/** The position of every value inside a JSON value: its container and its key. */
function positions(value: unknown): [Json | unknown[], string | number][] {
  if (Array.isArray(value))
    return value.flatMap((entry, at) => [[value, at] as const, ...positions(entry)] as never);
  if (!isJson(value)) return [];
  return Object.keys(value).flatMap((key) => [[value, key] as const, ...positions(value[key])] as never);
}

function mutate(good: Json, steps: readonly Step[]): Json {
  const body = structuredClone(good);
  for (const { pick, act, value: shared, key } of steps) {
    const value = structuredClone(shared);
    const all = positions(body);
    const [container, at] = all[pick % Math.max(1, all.length)] ?? [body, key];
    if (Array.isArray(container)) {
      if (act === 'remove') container.splice(Number(at), 1);
      else if (act === 'repeat') container.push(structuredClone(container[Number(at)]));
      else container[Number(at)] = value;
    } else if (act === 'remove') delete container[at];
    else if (act === 'add') container[key] = value;
    else container[at] = value;
  }
  return body;
}

const mutated = (good: readonly Json[]) =>
  fc
    .tuple(fc.constantFrom(...good), fc.array(step, { maxLength: 4 }))
    .map(([body, steps]) => mutate(body, steps));

const headers = fc.dictionary(
  fc.constantFrom('x-session-id', 'session-id', 'x-request-id', 'idempotency-key', 'content-type', 'accept'),
  fc.string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
    maxLength: 300,
  }),
  { maxKeys: 2 },
);

const directory = temporaryDirectory();
const dataDir = join(directory, 'data');
let journey: Journey;
let count = 0;

beforeAll(async () => {
  journey = await startJourney({ dataDir, env: { CLAWHOLD_TIMEOUTS_TOTAL_MS: '5000' } });
});
afterAll(async () => {
  await journey.end();
  rmSync(directory, { recursive: true, force: true });
});

/** Expects no failure of the gateway itself, neither as a status nor inside a stream. */
async function expectSound(response: Response): Promise<void> {
  const text = await response.text();
  expect([response.status, text.includes('internal_error') && text]).toEqual([response.status, false]);
  expect(response.status).toBeLessThan(500);
  if (response.headers.get('content-type')?.startsWith('text/event-stream')) serverEvents(text);
  else if (response.status >= 400) expect(errorIn(asJson(JSON.parse(text))).code).toBeString();
  else JSON.parse(text);
}

/** Expects that the session accepts a next turn at every provider. */
async function expectAlive(name: string): Promise<void> {
  for (const model of MODELS) {
    const next = await journey.gateway.post(
      '/v1/chat/completions',
      { model, messages: [{ role: 'user', content: 'And now?' }] },
      { 'x-session-id': name },
    );
    expect([model, next.status, next.status === 200 || (await json(next))]).toEqual([model, 200, true]);
  }
}

const settings = { numRuns: 10_000, interruptAfterTimeLimit: PROPERTY_MS, markInterruptAsFailure: false };

describe('the gateway answers random requests, and the session stays usable', () => {
  test.each([
    ['/v1/chat/completions', CHATS],
    ['/v1/responses', RESPONSES],
    ['/v1/messages', MESSAGES],
    ['/v1/messages/count_tokens', MESSAGES],
    ['/v1beta/models', CONTENTS],
    ['/v1beta/models/openai/echo:countTokens', CONTENTS],
  ] as const)(
    '%s',
    async (path, good) => {
      const property = fc.asyncProperty(
        mutated(good),
        headers,
        fc.constantFrom(...MODELS),
        async (body, extra, model) => {
          const name = `fuzz-${count++}`;
          const ours = { ...extra, 'x-clawhold-session-id': name };
          await expectSound(await journey.gateway.post(path, { model, ...body }, ours));
          await expectSound(await journey.gateway.post(path, { model, ...body }, extra));
          await expectAlive(name);
        },
      );
      await fc.assert(property, settings);
    },
    20_000,
  );

  test('/v1/conversations', async () => {
    const property = fc.asyncProperty(mutated(CONVERSATIONS), async (body) => {
      const name = `fuzz-${count++}`;
      await journey.gateway.post(
        '/v1/responses',
        { model: 'local/recall', input: 'Hi' },
        { 'x-session-id': name },
      );
      await expectSound(await journey.gateway.post('/v1/conversations', body));
      await expectSound(await journey.gateway.post(`/v1/conversations/${name}/items`, body));
      await expectSound(await journey.gateway.post(`/v1/conversations/${name}`, body));
      await expectSound(await journey.gateway.fetch(`/v1/conversations/${name}/items`));
      await expectAlive(name);
    });
    await fc.assert(property, settings);
  }, 20_000);

  test('paths and queries', async () => {
    const part = fc.oneof(
      fc.webPath(),
      fc.string().map(encodeURIComponent),
      fc.constantFrom('/%', '/..', '/%00', '/%ff'),
    );
    const root = fc.constantFrom(
      '/v1/responses/',
      '/v1/conversations/',
      '/v1/chat/completions/',
      '/v1/messages/',
      '/v1/models/',
      '/v1/',
      '/v1/chat/completions?after=',
      '/v1/chat/completions?limit=',
    );
    const method = fc.constantFrom('GET', 'DELETE', 'POST');
    const property = fc.asyncProperty(root, part, method, async (start, rest, verb) => {
      await expectSound(await journey.gateway.fetch(start + rest, { method: verb }));
    });
    await fc.assert(property, { ...settings, interruptAfterTimeLimit: 2_000 });
  }, 20_000);
});

test('these requests leave nothing half-written', async () => {
  await journey.end();
  expect(await unfinishedTurns(dataDir)).toEqual([]);
});
