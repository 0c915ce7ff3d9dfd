import { describe, expect, test } from 'bun:test';
import { anthropic } from '../../../src/claws/anthropic/protocol.ts';
import type { WireProtocol } from '../../../src/claws/claw.ts';
import { gemini } from '../../../src/claws/gemini/protocol.ts';
import { openaiChat } from '../../../src/claws/openai-chat/protocol.ts';
import { openaiResponses } from '../../../src/claws/openai-responses/protocol.ts';
import { reportedCost } from '../../../src/claws/usage.ts';
import type { Prompt } from '../../../src/core/prompt.ts';
import { perMillion, type Usage } from '../../../src/core/usage.ts';
import { costOf } from '../../../src/usage/prices.ts';

/** The facts that the price of a call depends on, as each protocol reports them. */

type Json = Record<string, unknown>;

const PROMPT = { model: 'm', items: [], settings: {}, extra: {} } as unknown as Prompt;

function usageOf(protocol: WireProtocol, body: Json, headers?: Headers): Usage {
  const deltas = protocol.answer(body, PROMPT, headers);
  const last = deltas.findLast((delta) => delta.type === 'usage');
  if (!last) throw new Error('the answer has no usage');
  return last.usage;
}

const anthropicBody = (usage: Json): Json => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude',
  content: [{ type: 'text', text: 'Hi' }],
  stop_reason: 'end_turn',
  usage: { input_tokens: 10, output_tokens: 5, ...usage },
});

const chatBody = (usage: Json, rest: Json = {}): Json => ({
  id: 'c',
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 10, completion_tokens: 5, ...usage },
  ...rest,
});

const responsesBody = (usage: Json, rest: Json = {}): Json => ({
  id: 'r',
  model: 'm',
  status: 'completed',
  output: [
    { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Hi', annotations: [] }] },
  ],
  usage: { input_tokens: 10, output_tokens: 5, ...usage },
  ...rest,
});

const geminiBody = (usage: Json): Json => ({
  candidates: [{ content: { parts: [{ text: 'Hi' }], role: 'model' }, finishReason: 'STOP', index: 0 }],
  usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 5, ...usage },
  modelVersion: 'gemini',
});

describe('the tier that answered', () => {
  test.each([
    ['default', 'default'],
    ['flex', 'flex'],
    ['priority', 'priority'],
    // Groq's name of the usual tier.
    ['on_demand', 'default'],
    ['auto', undefined],
    [undefined, undefined],
  ])('in the APIs of OpenAI: %p', (word, tier) => {
    expect(usageOf(openaiChat, chatBody({}, { service_tier: word })).tier).toBe(tier);
    expect(usageOf(openaiResponses, responsesBody({}, { service_tier: word })).tier).toBe(tier);
  });

  test('at Anthropic is in the usage, with the speed and the region', () => {
    const usual = { service_tier: 'standard', speed: 'standard', inference_geo: 'global' };
    expect(usageOf(anthropic, anthropicBody(usual))).toMatchObject({ tier: 'default' });
    expect(usageOf(anthropic, anthropicBody(usual)).modes).toBeUndefined();
    const fast = { service_tier: 'priority', speed: 'fast', inference_geo: 'us' };
    expect(usageOf(anthropic, anthropicBody(fast))).toMatchObject({
      tier: 'priority',
      modes: ['fast', 'us'],
    });
  });

  test('at Google is in a header, or in the usage', () => {
    const headers = new Headers({ 'x-gemini-service-tier': 'flex' });
    expect(usageOf(gemini, geminiBody({}), headers).tier).toBe('flex');
    expect(usageOf(gemini, geminiBody({ serviceTier: 'standard' }), headers).tier).toBe('default');
    expect(usageOf(gemini, geminiBody({ trafficType: 'ON_DEMAND' })).tier).toBe('default');
    expect(usageOf(gemini, geminiBody({ trafficType: 'ON_DEMAND_PRIORITY' })).tier).toBe('priority');
    expect(usageOf(gemini, geminiBody({ trafficType: 'PROVISIONED_THROUGHPUT' })).tier).toBe(
      'provisioned_throughput',
    );
    expect(usageOf(gemini, geminiBody({})).tier).toBeUndefined();
  });

  test('of a stream is the same', () => {
    const events = (protocol: WireProtocol, bodies: Json[], headers?: Headers) => {
      const reader = protocol.reader(PROMPT, headers);
      const deltas = bodies.flatMap((body) =>
        reader.push({ event: body.type as string | undefined, data: JSON.stringify(body) }),
      );
      const last = [...deltas, ...reader.end()].findLast((delta) => delta.type === 'usage');
      return last?.usage.tier;
    };
    const chunk = { id: 'c', model: 'm', service_tier: 'flex' };
    const choice = (delta: Json, finish_reason: string | null) => [{ index: 0, delta, finish_reason }];
    expect(
      events(openaiChat, [
        { ...chunk, choices: choice({ content: 'Hi' }, null) },
        { ...chunk, choices: choice({}, 'stop') },
        { ...chunk, choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } },
      ]),
    ).toBe('flex');
    expect(
      events(openaiResponses, [
        { type: 'response.created', response: { id: 'r', model: 'm', service_tier: 'auto' } },
        { type: 'response.completed', response: responsesBody({}, { service_tier: 'priority' }) },
      ]),
    ).toBe('priority');
    const headers = new Headers({ 'x-gemini-service-tier': 'priority' });
    expect(events(gemini, [geminiBody({})], headers)).toBe('priority');
  });
});

describe('cache writes', () => {
  test('of Anthropic are split by how long they stay', () => {
    const usage = usageOf(
      anthropic,
      anthropicBody({
        cache_creation_input_tokens: 30,
        cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
      }),
    );
    expect(usage).toMatchObject({ input: 40, cacheWrite: 30, cacheWriteHour: 20 });
    const unsplit = usageOf(anthropic, anthropicBody({ cache_creation_input_tokens: 30 }));
    expect(unsplit.cacheWriteHour).toBeUndefined();
  });

  test('of a compaction are split, too', () => {
    const written = { cache_creation_input_tokens: 7, cache_creation: { ephemeral_1h_input_tokens: 7 } };
    const iterations = [{ type: 'compaction', input_tokens: 1, output_tokens: 1, ...written }];
    expect(usageOf(anthropic, anthropicBody({ ...written, iterations }))).toMatchObject({
      cacheWrite: 14,
      cacheWriteHour: 14,
    });
  });
});

describe('audio', () => {
  test('in the APIs of OpenAI', () => {
    const audio = { audio_tokens: 4 };
    const chat = { prompt_tokens_details: audio, completion_tokens_details: audio };
    expect(usageOf(openaiChat, chatBody(chat))).toMatchObject({ audioInput: 4, audioOutput: 4 });
    const responses = { input_tokens_details: audio, output_tokens_details: audio };
    expect(usageOf(openaiResponses, responsesBody(responses))).toMatchObject({
      audioInput: 4,
      audioOutput: 4,
    });
  });

  test('at Google, without audio that was read from the cache', () => {
    const details = (tokenCount: number) => [
      { modality: 'TEXT', tokenCount: 1 },
      { modality: 'AUDIO', tokenCount },
    ];
    const usage = geminiBody({
      promptTokensDetails: details(9),
      cacheTokensDetails: details(3),
      candidatesTokensDetails: details(2),
    });
    expect(usageOf(gemini, usage)).toMatchObject({ audioInput: 6, audioOutput: 2 });
  });
});

describe.each([-5, Number.POSITIVE_INFINITY, 1e300, '5', null])('a number of tokens that is %p', (odd) => {
  const none = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 };
  test.each([
    [
      'OpenAI in chat',
      openaiChat,
      chatBody({
        ...{ prompt_tokens: odd, completion_tokens: odd },
        prompt_tokens_details: { cached_tokens: odd, cache_write_tokens: odd },
        completion_tokens_details: { reasoning_tokens: odd },
      }),
    ],
    [
      'OpenAI in Responses',
      openaiResponses,
      responsesBody({
        ...{ input_tokens: odd, output_tokens: odd },
        input_tokens_details: { cached_tokens: odd, cache_write_tokens: odd },
        output_tokens_details: { reasoning_tokens: odd },
      }),
    ],
    [
      'Anthropic',
      anthropic,
      anthropicBody({
        ...{ input_tokens: odd, output_tokens: odd },
        ...{ cache_read_input_tokens: odd, cache_creation_input_tokens: odd },
        output_tokens_details: { thinking_tokens: odd },
      }),
    ],
    [
      'Google',
      gemini,
      geminiBody({
        ...{ promptTokenCount: odd, candidatesTokenCount: odd },
        ...{ cachedContentTokenCount: odd, thoughtsTokenCount: odd },
      }),
    ],
  ])('counts as none: %s', (_, protocol, body) => {
    expect(usageOf(protocol, body)).toMatchObject(none);
  });
});

test('a number of tokens is rounded', () => {
  expect(usageOf(openaiChat, chatBody({ completion_tokens: 2.6 }))).toMatchObject({ output: 3 });
});

describe('a cost that the provider reports', () => {
  test('is read in nanodollars', () => {
    expect(reportedCost({ cost: 0.95 }) as number | undefined).toBe(950_000_000);
    expect(reportedCost({ cost: { total_cost: 0.006 } }) as number | undefined).toBe(6_000_000);
    expect(reportedCost({ estimated_cost: 0.00002 }) as number | undefined).toBe(20_000);
    // The example of xAI's documentation: 37,756,000 ticks are $0.0037756.
    expect(reportedCost({ cost_in_usd_ticks: 37_756_000 }) as number | undefined).toBe(3_775_600);
  });

  test('is absent where there is none, or none that is a number', () => {
    for (const usage of [{}, { cost: null }, { cost: '0.1' }, { cost: -1 }, { cost: {} }, { cost: 1e300 }])
      expect(reportedCost(usage)).toBeUndefined();
  });

  test('of xAI equals our cost, to the nanodollar, if the list has its prices', () => {
    // Token counts and ticks as grok-3-mini reports them; $0.30, $0.075 cached and $0.50 per million tokens.
    const usage = usageOf(
      openaiChat,
      chatBody({
        prompt_tokens: 12,
        completion_tokens: 2,
        total_tokens: 354,
        prompt_tokens_details: { cached_tokens: 11 },
        completion_tokens_details: { reasoning_tokens: 340 },
        cost_in_usd_ticks: 1_721_250,
      }),
    );
    const price = { input: perMillion(0.3), output: perMillion(0.5), cacheRead: perMillion(0.075) };
    expect(costOf(usage, price)).toEqual({ amount: usage.reportedCost!, estimated: false });
  });

  test('of both APIs of OpenAI and of Anthropic is kept', () => {
    const cost = 0.5;
    for (const usage of [
      usageOf(openaiChat, chatBody({ cost })),
      usageOf(openaiResponses, responsesBody({ cost })),
      usageOf(anthropic, anthropicBody({ cost })),
    ])
      expect(usage.reportedCost as number | undefined).toBe(500_000_000);
  });
});
