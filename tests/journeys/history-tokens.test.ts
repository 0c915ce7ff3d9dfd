import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { OTHER_KEY } from '../harness/gateway.ts';
import { type Journey, json, startJourney } from '../harness/journey.ts';
import { asJson, asText, type Json } from '../simulators/provider/shape.ts';

/** How much of a history is sent to a model that has room for all of it. */

const YAML = `claws:
  openai:
    models:
      - { id: say-5, context: 400000 }
      - { id: say-5+cheap, context: 400000, input_price: 1, cache_read_price: 0.1, output_price: 2 }
      - { id: say-5+dear, context: 400000, input_price: 1, output_price: 2 }
context: { history_tokens: 12000 }
aliases:
  wide: { models: [openai/say-5], history_tokens: 300000 }
keys:
  - { name: other, key: ${OTHER_KEY}, tenant: other, history_tokens: 4000 }
`;
const TURNS = 50;
const words = (turn: number) => `On day ${turn} we saw museums. ${'The weather was fine. '.repeat(150)}`;

const send = (journey: Journey, model: string, content: string, key?: string, more: Json = {}) =>
  journey.gateway.post(
    '/v1/chat/completions',
    { model, messages: [{ role: 'user', content }], ...more },
    { 'x-session-id': 'long', ...(key && { authorization: `Bearer ${key}` }) },
  );

async function receiptOf(journey: Journey, model: string, key?: string): Promise<Json> {
  const response = await send(journey, model, 'And now?', key);
  expect(response.status).toBe(200);
  const headers = key ? { authorization: `Bearer ${key}` } : undefined;
  const id = asText(response.headers.get('x-clawhold-response-id') ?? '');
  return json(journey.gateway.fetch(`/v1/responses/${id}/receipt`, { headers }));
}

const TOOL = { type: 'function', function: { name: 'read', parameters: { type: 'object' } } };

const contextOf = async (journey: Journey, model: string, key?: string): Promise<Json> =>
  asJson((await receiptOf(journey, model, key)).context);

async function filled(yaml: string, keys: (string | undefined)[]): Promise<Journey> {
  const journey = await startJourney({ yaml });
  for (const key of keys)
    for (let turn = 0; turn < TURNS; turn++) await send(journey, 'openai/say-5', words(turn), key);
  return journey;
}

describe('the most tokens of history', () => {
  let journey: Journey;
  beforeAll(async () => {
    journey = await filled(YAML, [undefined, OTHER_KEY]);
  }, 60_000);
  afterAll(() => journey.end());

  test('are those of the configuration', async () => {
    const context = await contextOf(journey, 'openai/say-5');
    // The setting is in estimated tokens; the receipt has what the tokenizer counts.
    expect(Number(context.tokens)).toBeLessThan(13_200);
    expect(Number(context.tokens)).toBeGreaterThan(3_000);
    expect(Number(context.dropped_tokens)).toBeGreaterThan(20_000);
  });

  test('are those of the key before them, and those of the alias before these', async () => {
    expect(Number((await contextOf(journey, 'openai/say-5', OTHER_KEY)).tokens)).toBeLessThan(4_100);
    expect((await contextOf(journey, 'wide')).dropped_tokens).toBe(0);
    expect((await contextOf(journey, 'wide', OTHER_KEY)).dropped_tokens).toBe(0);
  });
});

describe('without a setting', () => {
  let journey: Journey;
  beforeAll(async () => {
    journey = await filled(YAML.replace('context: { history_tokens: 12000 }', ''), [undefined]);
  }, 60_000);
  afterAll(() => journey.end());

  test('the price of cached input decides', async () => {
    const free = await contextOf(journey, 'openai/say-5');
    expect(free.dropped_tokens).toBe(0);
    expect((await contextOf(journey, 'openai/say-5+cheap')).dropped_tokens).toBe(0);
    const dear = await contextOf(journey, 'openai/say-5+dear');
    expect(Number(dear.tokens)).toBeLessThan(0.3 * Number(free.tokens));
  });

  test('the receipt tells what everything would cost from the cache', async () => {
    const receipt = await receiptOf(journey, 'openai/say-5+cheap');
    const [uncached, cached] = [receipt.cost_of_everything_usd, receipt.cost_of_everything_cached_usd].map(
      Number,
    );
    expect(uncached).toBeGreaterThan(0.02);
    expect(cached! / uncached!).toBeCloseTo(0.1, 1);
  });

  test('an agent, which has tools, gets all of it at any price', async () => {
    const response = await send(journey, 'openai/say-5+dear', 'And now?', undefined, { tools: [TOOL] });
    expect(response.headers.get('x-clawhold-context')).toContain('dropped=0');
    const chat = await send(journey, 'openai/say-5+dear', 'And now?');
    expect(chat.headers.get('x-clawhold-context')).not.toContain('dropped=0');
  });
});
