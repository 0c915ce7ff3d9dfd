import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import { type SpawnedGateway, spawnGateway } from '../harness/gateway.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';

/** A longer timeout, because processes start slowly on a busy machine. */
setDefaultTimeout(30_000);

const FILE = join(import.meta.dir, '../../examples/team.yaml');
/** The defaults of the file: it loads without any of its variables. */
const WEBSITE = 'website-key-that-must-be-changed';
const RESEARCH = 'research-key-that-must-be-changed';
const BATCH = 'batch-key-that-must-be-changed';

let provider: Provider;
let gateway: SpawnedGateway;
beforeAll(async () => {
  provider = startProvider();
  gateway = await spawnGateway({
    env: {
      CLAWHOLD_CONFIG: FILE,
      OPENAI_BASE_URL: `${provider.url}/v1`,
      ANTHROPIC_BASE_URL: provider.url,
      GROQ_BASE_URL: `${provider.url}/v1`,
      OPENAI_API_KEY_2: 'sk-spare',
    },
  });
});
afterAll(async () => {
  await gateway.stop();
  provider.stop();
});

interface Asked {
  key?: string;
  headers?: Record<string, string>;
  body?: Record<string, unknown>;
}

interface Told {
  status: number;
  text: string | undefined;
  code: string | undefined;
  /** What the headers of the reply say about the choice. */
  model: string | null;
  route: string | null;
  headers: Headers;
}

async function ask(model: string, { key, headers = {}, body = {} }: Asked = {}): Promise<Told> {
  const messages = [{ role: 'user', content: 'Hello' }];
  const reply = await gateway.fetch('/v1/chat/completions', {
    ...{ method: 'POST', key, headers },
    body: JSON.stringify({ model, messages, ...body }),
  });
  const { choices, error } = (await reply.json()) as {
    choices?: { message: { content: string } }[];
    error?: { code: string };
  };
  return {
    status: reply.status,
    text: choices?.[0]?.message.content,
    code: error?.code,
    model: reply.headers.get('x-clawhold-model-id'),
    route: reply.headers.get('x-clawhold-route'),
    headers: reply.headers,
  };
}

const failing = (faults: string) => ({ headers: { 'x-clawhold-simulate': faults } });

describe('examples/team.yaml', () => {
  test('each alias answers, and says how its model was chosen', async () => {
    const answers = await Promise.all(
      ['assistant', 'cheap', 'team', 'careful', 'claude-haiku-4-5'].map((alias) => ask(alias)),
    );
    expect(answers.map(({ text }) => text)).toEqual(answers.map(() => 'You said: Hello'));
    const routes = answers.map(({ model, route }) => `${model} ${route}`);
    expect(['openai/gpt-5.5', 'anthropic/claude-sonnet-4-6']).toContain(answers[0]!.model!);
    expect(answers[0]!.route).toBe('alias=assistant; strategy=weighted; reason=strategy');
    expect(routes.slice(1)).toEqual([
      'groq/openai/gpt-oss-20b alias=cheap; strategy=least_cost; reason=strategy',
      'openai/gpt-5.5 alias=team; strategy=ordered; reason=strategy',
      'anthropic/claude-opus-4-8 alias=careful; strategy=ordered; reason=strategy',
      'anthropic/claude-haiku-4-5 alias=claude-haiku-4-5; strategy=ordered; reason=strategy',
    ]);
  });

  test('three of four calls of the weighted alias go to OpenAI, and one to Anthropic', async () => {
    const calls = 200;
    const answers = await Promise.all(Array.from({ length: calls }, () => ask('assistant')));
    const share = answers.filter(({ model }) => model === 'openai/gpt-5.5').length / calls;
    expect(share).toBeGreaterThan(0.6);
    expect(share).toBeLessThan(0.9);
  });

  test('the main key of OpenAI gets twice as many calls as the spare one', async () => {
    const keys = provider.requests
      .map(({ headers }) => headers.authorization)
      .filter((key) => key?.startsWith('Bearer sk-'));
    const share = keys.filter((key) => key === 'Bearer sk-spare').length / keys.length;
    expect(share).toBeGreaterThan(0.15);
    expect(share).toBeLessThan(0.5);
  });

  test.each<[string, Asked, string]>([
    ['no rule holds', {}, 'openai/gpt-5.5'],
    ['by the key', { key: BATCH }, 'groq/openai/gpt-oss-20b'],
    ['by metadata', { body: { metadata: { plan: 'trial' } } }, 'groq/openai/gpt-oss-20b'],
    ['by a header', { headers: { 'x-team': 'research-eu' } }, 'anthropic/claude-opus-4-8'],
    [
      'another value of the header',
      { headers: { 'x-team': 'sales' }, body: { metadata: { plan: 'pro' } } },
      'openai/gpt-5.5',
    ],
  ])('rules of the team: %s', async (_, asked, model) => {
    expect(await ask('team', asked)).toMatchObject({ status: 200, model });
  });

  test('the next model answers for one that fails', async () => {
    const answer = await ask('team', failing('openai/*=provider_error'));
    expect(answer).toMatchObject({
      model: 'anthropic/claude-sonnet-4-6',
      route: 'alias=team; strategy=ordered; reason=fallback',
    });
    expect(Number(answer.headers.get('x-clawhold-attempted-retries'))).toBeGreaterThan(0);
  });

  test.each<[string, string, string]>([
    [
      'a conversation that is too long',
      'openai/*=context_length_exceeded, anthropic/claude-sonnet*=context_length_exceeded',
      'anthropic/claude-opus-4-8',
    ],
    ['content that a model refuses', 'openai/gpt-5.5=content_filtered', 'groq/openai/gpt-oss-120b'],
  ])('%s has a chain of its own', async (_, faults, model) => {
    expect(await ask('team', failing(faults))).toMatchObject({ status: 200, model });
  });

  test('the chain ends in a fixed answer, marked as degraded', async () => {
    const answer = await ask('team', failing('openai/*=provider_error, anthropic/*=provider_overloaded'));
    expect(answer).toMatchObject({
      status: 200,
      text: 'The assistant cannot be reached. Please try again in a minute.',
      model: 'local/fixed-answer',
    });
    expect(answer.headers.get('x-clawhold-degraded')).toBe('true');
  });

  test('an alias without a last resort fails with each call that failed', async () => {
    const answer = await ask('careful', failing('*=provider_error'));
    expect(answer).toMatchObject({ status: 502, code: 'provider_error' });
  });

  test('a key has only its models, and only claws that keep no data where it says so', async () => {
    expect(await ask('cheap', { key: WEBSITE })).toMatchObject({ status: 403, code: 'model_not_allowed' });
    expect(await ask('team', { key: RESEARCH })).toMatchObject({ model: 'anthropic/claude-sonnet-4-6' });
    expect(await ask('cheap', { key: RESEARCH })).toMatchObject({ model: 'anthropic/claude-haiku-4-5' });
    expect(await ask('groq/openai/gpt-oss-20b', { key: RESEARCH })).toMatchObject({
      ...{ status: 403, code: 'model_not_allowed' },
    });
  });

  test('the list of models has what a key may use, and a name that only a pattern has is a model, too', async () => {
    const listed = (await (await gateway.fetch('/v1/models', { key: WEBSITE })).json()) as {
      data: { id: string }[];
    };
    expect(listed.data.map(({ id }) => id)).toEqual(['assistant', 'team']);
    const status = async (model: string, key?: string) =>
      (await gateway.fetch(`/v1/models/${model}`, { key })).status;
    expect(await status('claude-haiku-4-5')).toBe(200);
    expect(await status('claude-haiku-4-5', WEBSITE)).toBe(404);
    expect(await status('gpt-5.5')).toBe(200);
    expect(await status('gpt-9')).toBe(404);
  });

  test('limits refuse: those of an end user, then those of a key', async () => {
    const body = { safety_identifier: 'ada' };
    const first = await ask('team', { key: BATCH, body });
    expect(first.headers.get('x-ratelimit-limit-requests')).toBe('20');
    const more = await Promise.all(Array.from({ length: 20 }, () => ask('team', { key: BATCH, body })));
    expect(more.filter(({ status }) => status === 429).map(({ code }) => code)).toEqual([
      'rate_limit_exceeded',
    ]);
    const others = await Promise.all(Array.from({ length: 10 }, () => ask('cheap', { key: BATCH })));
    const refused = others.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(Number(refused[0]!.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused[0]!.headers.get('x-ratelimit-remaining-requests')).toBe('0');
  });
});
