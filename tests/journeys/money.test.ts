import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { type Journey, json, serverEvents, startJourney } from '../harness/journey.ts';
import { asJson, asList, type Json } from '../simulators/provider/shape.ts';

/**
 * The cost of turns: by the service tier that answered, by the lifetime of cache writes, and as a provider
 * reports it.
 */

/** US dollars per million tokens of the models below. */
const INPUT = 4;
const OUTPUT = 20;
const HALF = 0.5;

const model = (id: string) => `    - { id: ${id}, input_price: ${INPUT}, output_price: ${OUTPUT} }`;
const YAML = `claws:
  openai:
    price_multipliers: { priority: 3 }
    models:
${['echo', 'echo+usual-tier', 'say-8+cut-3'].map(model).join('\n')}
  anthropic:
    models:
${model('echo+wrote-1000+hour-2000')}
  gemini:
    models:
${['echo', 'echo+usual-tier'].map(model).join('\n')}
  groq:
    models:
${model('echo')}
`;

interface Bill {
  input: number;
  output: number;
  usage: Json;
  /** US dollars. */
  cost: number;
  estimated: boolean;
  body: Json;
}

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney({ yaml: YAML });
});
afterAll(() => journey.end());

const USER = { role: 'user', content: 'Hi' };

/** The bill of a completion that is streamed, and of one that is not: they are equal. */
async function billOf(body: Json, gateway: TestGateway = journey.gateway): Promise<Bill> {
  const chat = { messages: [USER], ...body };
  const reply = await gateway.post('/v1/chat/completions', chat);
  const whole = await json(reply);
  const header = reply.headers.get('x-clawhold-response-cost') ?? '';
  const streamed = await gateway.post('/v1/chat/completions', {
    ...chat,
    stream: true,
    stream_options: { include_usage: true },
  });
  const { events } = serverEvents(await streamed.text());
  const usage = asJson(whole.usage);
  const live = asJson(events.findLast(({ data }) => data.usage)?.data.usage);
  // The streamed request is longer: its input has more simulated tokens.
  expect(live.cost_estimated).toEqual(usage.cost_estimated);
  expect(Object.keys(live)).toEqual(Object.keys(usage));
  const cost = Number(usage.cost);
  const estimated = usage.cost_estimated === true;
  expect(header).toBe(String(cost));
  expect(reply.headers.get('x-clawhold-cost-estimated')).toBe(estimated ? 'true' : null);
  return {
    input: Number(usage.prompt_tokens),
    output: Number(usage.completion_tokens),
    usage,
    cost,
    estimated,
    body: whole,
  };
}

const usualCost = ({ input, output }: Bill): number => (input * INPUT + output * OUTPUT) / 1e6;

describe('a service tier', () => {
  const tiers: [model: string, tier: string, factor: number, answered: string, estimated: boolean][] = [
    ['openai/echo', 'flex', HALF, 'flex', false],
    // The multiplier of the configuration.
    ['openai/echo', 'priority', 3, 'priority', false],
    ['openai/echo', 'auto', 1, 'default', false],
    // The provider answers in a lower tier than the requested one.
    ['openai/echo+usual-tier', 'priority', 1, 'default', false],
    ['openai/echo', 'scale', 1, 'scale', true],
    ['gemini/echo', 'flex', HALF, 'flex', false],
    ['gemini/echo', 'priority', 1.8, 'priority', false],
    ['gemini/echo+usual-tier', 'priority', 1, 'default', false],
    ['groq/echo', 'flex', 1, 'flex', false],
    ['groq/echo', 'performance', 1, 'performance', true],
  ];

  test.each(tiers)('%s, asked for %s: the tier that answered is charged', async (...row) => {
    const [name, service_tier, factor, answered, estimated] = row;
    const bill = await billOf({ model: name, service_tier });
    expect(bill.estimated).toBe(estimated);
    expect(bill.cost).toBeCloseTo(usualCost(bill) * factor, 9);
    expect(bill.body.service_tier).toBe(answered);
  });

  test.each(tiers)('%s, asked for %s: responses say the same', async (...row) => {
    const [name, service_tier, factor, answered, estimated] = row;
    const reply = await journey.gateway.post('/v1/responses', { model: name, service_tier, input: 'Hi' });
    const response = await json(reply);
    const { input_tokens, output_tokens } = asJson(response.usage);
    const cost = (Number(input_tokens) * INPUT + Number(output_tokens) * OUTPUT) / 1e6;
    const header = reply.headers.get('x-clawhold-response-cost')!;
    expect(Number(header)).toBeCloseTo(cost * factor, 9);
    expect(reply.headers.get('x-clawhold-cost-estimated')).toBe(estimated ? 'true' : null);
    expect(response.service_tier).toBe(answered);
  });

  test('of calls that broke off is the requested one, as an estimate', async () => {
    const reply = await journey.gateway.post('/v1/responses', {
      model: 'openai/say-8+cut-3',
      service_tier: 'flex',
      input: 'Hi',
      stream: true,
    });
    const response = asJson(serverEvents(await reply.text()).events.at(-1)!.data.response);
    const attempts = asList(asJson(response.clawhold).attempts);
    expect(attempts.length).toBeGreaterThan(1);
    for (const { input_tokens, output_tokens, cost_usd, ...attempt } of attempts) {
      const cost = (Number(input_tokens) * INPUT + Number(output_tokens) * OUTPUT) / 1e6;
      expect(Number(cost_usd)).toBeCloseTo(cost * HALF, 8);
      expect(attempt).toMatchObject({ estimated: true, cost_estimated: true });
    }
  });
});

describe('writes to the prompt cache', () => {
  test('for five minutes and for an hour have prices of their own', async () => {
    const bill = await billOf({ model: 'anthropic/echo+wrote-1000+hour-2000' });
    const plain = bill.input - 3000;
    const input = plain + 1000 * 1.25 + 2000 * 2;
    expect(bill.cost).toBeCloseTo((input * INPUT + bill.output * OUTPUT) / 1e6, 9);
    expect(bill.estimated).toBe(false);
    expect(bill.usage).toMatchObject({
      prompt_tokens_details: { cache_write_tokens: 3000 },
      cache_creation: { ephemeral_5m_input_tokens: 1000, ephemeral_1h_input_tokens: 2000 },
    });
  });

  test.each([true, false])('are told apart in responses (stream: %p)', async (stream) => {
    const reply = await journey.gateway.post('/v1/responses', {
      model: 'anthropic/echo+wrote-1000+hour-2000',
      input: 'Hi',
      stream,
    });
    const response = stream
      ? asJson(serverEvents(await reply.text()).events.at(-1)!.data.response)
      : await json(reply);
    expect(response.usage).toMatchObject({
      input_tokens_details: { cache_write_tokens: 3000 },
      cache_creation: { ephemeral_5m_input_tokens: 1000, ephemeral_1h_input_tokens: 2000 },
    });
  });
});

describe('a cost that the provider reports', () => {
  const reports: [string, Json, number][] = [
    ['OpenRouter', { cost: 0.0123, cost_details: { upstream_inference_cost: 0.01 } }, 0.0123],
    ['Perplexity', { cost: { input_tokens_cost: 0.001, total_cost: 0.007 } }, 0.007],
    ['xAI', { cost_in_usd_ticks: 1_721_250 }, 0.000172125],
  ];
  let usage: Json = {};
  let gateway: TestGateway;
  const upstream = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const { stream, model: name } = asJson(await request.json());
      const head = { id: 'a', model: name };
      const counts = { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100, ...usage };
      const message = { role: 'assistant', content: 'Hi' };
      if (!stream)
        return Response.json({
          ...head,
          choices: [{ index: 0, message, finish_reason: 'stop' }],
          usage: counts,
        });
      const events = [
        { ...head, choices: [{ index: 0, delta: message, finish_reason: null }] },
        { ...head, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
        { ...head, choices: [], usage: counts },
      ];
      const text = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
      return new Response(`${text}data: [DONE]\n\n`, { headers: { 'content-type': 'text/event-stream' } });
    },
  });
  beforeAll(async () => {
    gateway = await testGateway({
      env: { GROQ_API_KEY: 'sk-x', GROQ_BASE_URL: `${upstream.url.origin}/v1` },
      yaml: `claws:\n  groq:\n    models:\n${model('echo')}\n`,
    });
  });
  afterAll(async () => {
    await gateway.stop();
    await upstream.stop(true);
  });

  test.each(reports)(
    'by %s stands beside ours, and the total is ours',
    async (_provider, reported, dollars) => {
      usage = reported;
      const bill = await billOf({ model: 'groq/echo' }, gateway);
      expect(bill.cost).toBe(0.006);
      expect(asJson(bill.body.clawhold).attempts).toEqual([
        {
          model: 'groq/echo',
          input_tokens: 1000,
          output_tokens: 100,
          cost_usd: 0.006,
          reported_cost_usd: dollars,
        },
      ]);
      const reply = gateway.post('/v1/responses', { model: 'groq/echo', input: 'Hi' });
      expect(asList(asJson((await json(reply)).clawhold).attempts)[0]?.reported_cost_usd).toBe(dollars);
    },
  );

  test('is the only cost if we know no price', async () => {
    usage = { cost: 0.5 };
    const reply = await gateway.post('/v1/chat/completions', { model: 'groq/unpriced', messages: [USER] });
    expect(reply.headers.get('x-clawhold-response-cost')).toBeNull();
    const [attempt] = asList(asJson((await json(reply)).clawhold).attempts);
    expect(attempt).toMatchObject({ reported_cost_usd: 0.5 });
    expect(attempt).not.toHaveProperty('cost_usd');
  });

  test('is absent if the provider reports none', async () => {
    usage = {};
    const bill = await billOf({ model: 'groq/echo' }, gateway);
    expect(bill.body).not.toHaveProperty('clawhold');
  });
});
