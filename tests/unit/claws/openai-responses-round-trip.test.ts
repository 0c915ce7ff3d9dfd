import { afterAll, describe, expect, test } from 'bun:test';
import { HttpClient } from '../../../src/claws/http/client.ts';
import { httpClaw } from '../../../src/claws/http-claw.ts';
import { openaiResponses } from '../../../src/claws/openai-responses/protocol.ts';
import type { Delta } from '../../../src/core/delta.ts';
import { type Folded, foldAll } from '../../../src/core/fold.ts';
import { type Item, userMessage } from '../../../src/core/items.ts';
import type { Prompt, PromptItem } from '../../../src/core/prompt.ts';
import type { Settings } from '../../../src/core/settings.ts';
import { answerLimits } from '../../harness/answer-limits.ts';
import { startProvider } from '../../simulators/provider/provider.ts';

/**
 * Like OpenAI, the simulator refuses reasoning and calls whose pair is missing or whose id it must look up.
 */
const simulator = startProvider();
afterAll(() => simulator.stop());

const claw = httpClaw({
  provider: { id: 'openai', baseUrl: `${simulator.url}/v1`, apiKey: 'sk-test', quirks: {} },
  protocol: openaiResponses,
  post: new HttpClient({ connectMs: () => 1_000 }).post,
  reach: async () => {},
  limits: answerLimits,
  redact: (text) => text,
});

async function ask(model: string, items: PromptItem[], settings: Settings, stream: boolean): Promise<Folded> {
  const prompt: Prompt = { model, items, settings, stream, dialect: 'openai-responses', extra: {} };
  const deltas: Delta[] = [];
  for await (const burst of claw.call(prompt, new AbortController().signal)) deltas.push(...burst);
  return foldAll(deltas);
}

const asAsked = (folded: Folded): PromptItem[] =>
  folded.items.map(({ item, native }) => ({ item, native, origin: 'openai' }));

const outputs = (folded: Folded): PromptItem[] =>
  folded.items.flatMap(({ item }): { item: Item }[] =>
    item.type === 'function_call'
      ? [{ item: { type: 'function_call_output', call_id: item.call_id, output: 'sunny' } }]
      : [],
  );

const tools: Settings['tools'] = [
  {
    type: 'function',
    name: 'weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } } },
  },
  { type: 'function', name: 'time', parameters: { type: 'object', properties: {} } },
];

describe.each([true, false])('a conversation (stream: %s)', (stream) => {
  test.each<[string, Settings, number]>([
    ['with encrypted reasoning', { tools, reasoning: { effort: 'low' } }, 1],
    ['with reasoning that cannot be sent back', { tools }, 0],
  ])('%s and parallel calls is accepted by its provider', async (_name, settings, thoughts) => {
    const items: PromptItem[] = [{ item: userMessage('How is the weather in Oslo?') }];
    const first = await ask('tools+think', items, settings, stream);
    expect(first.finish[0]?.unified).toBe('tool_calls');
    expect(outputs(first).length).toBeGreaterThan(1);

    items.push(...asAsked(first), ...outputs(first));
    const second = await ask('echo+think', items, settings, stream);
    expect(second.finish[0]?.unified).toBe('stop');
    const { input } = simulator.requests.at(-1)!.body as { input: { type: string }[] };
    expect(input.filter(({ type }) => type === 'reasoning')).toHaveLength(thoughts);

    items.push(...asAsked(second), { item: userMessage('Thanks') });
    expect((await ask('echo', items, settings, stream)).finish[0]?.unified).toBe('stop');
  });
});

test('another provider gets only what it may see', async () => {
  const first = await ask('think', [{ item: userMessage('Hi') }], { reasoning: {} }, true);
  const foreign = asAsked(first).map((each) => ({ ...each, origin: 'xai' }));
  const items = [{ item: userMessage('Hi') }, ...foreign, { item: userMessage('Go on') }];
  expect((await ask('echo', items, {}, true)).finish[0]?.unified).toBe('stop');
});

test.each([
  ['status-429', 'rate_limited'],
  ['status-404', 'model_not_found'],
  ['status-503', 'provider_overloaded'],
  ['quota', 'quota_exceeded'],
  ['auth', 'provider_auth_failed'],
  ['context', 'context_length_exceeded'],
  ['say-20+garbage-3', 'provider_protocol_error'],
  ['say-20+no-done', 'provider_protocol_error'],
  ['wrong-shape', 'provider_protocol_error'],
  ['say-20+error-3', 'provider_error'],
])('%s is %s', async (model, code) => {
  await expect(ask(model, [{ item: userMessage('Hi') }], {}, true)).rejects.toMatchObject({ code });
});
