import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import type OpenAI from 'openai';
import { asking, KINDS } from '../harness/asking.ts';
import { FORMS } from '../harness/dialects.ts';
import { ROOT_KEY, testGateway } from '../harness/gateway.ts';
import { type Journey, json, responseText, sdk, startJourney } from '../harness/journey.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { SocketClient } from '../harness/socket.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

/** Names, strategies, rules and wishes, as clients use them. */

const TEAM_KEY = 'sk-claw-test-team-0123456789';
const EU_KEY = 'sk-claw-test-eu-0123456789';
const QUIET_KEY = 'sk-claw-test-quiet-0123456789';

const YAML = `
region: eu
keys:
  - { name: team, key: ${TEAM_KEY}, models: [team, gemini/*] }
  - { name: eu, key: ${EU_KEY}, regions: [eu] }
  - { name: quiet, key: ${QUIET_KEY}, data_collection: deny }
claws:
  gemini: { region: eu, data_collection: deny }
  anthropic: { models: [{ id: echo+dear, input_price: 10, output_price: 50 }] }
  groq: { models: [{ id: echo+cheap, input_price: 1, output_price: 2 }] }
  openai:
    models:
      - { id: blind, inputs: [text] }
      - { id: sees, inputs: [text, image] }
aliases:
  fast: groq/echo
  careful: [anthropic/echo, openai/echo]
  sim-*: [groq/say-*, openai/say-*]
  later: { models: [{ model: groq/echo, order: 2 }, { model: openai/echo, order: 1 }] }
  weighted: { strategy: weighted, models: [{ model: groq/echo, weight: 0 }, { model: openai/echo, weight: 5 }] }
  turns: { strategy: round_robin, models: [groq/echo, openai/echo, gemini/echo] }
  cheap: { strategy: least_cost, models: [anthropic/echo+dear, groq/echo+cheap] }
  quick-*: { strategy: lowest_latency, models: [groq/delay-80+echo+*, openai/echo+*] }
  most: { strategy: highest_throughput, models: [groq/echo, openai/echo] }
  near: { strategy: nearest, models: [openai/echo, gemini/echo] }
  seeing: [openai/blind, openai/sees]
  ruled:
    models: [openai/echo]
    rules:
      - { when: { key: team }, use: gemini/echo }
      - { when: { header.x-team: [science, re*] }, use: careful }
      - { when: { metadata.plan: free }, use: fast }
      - { when: { user: vip-*, dialect: chat }, use: deepseek/echo }
  team:
    models: [openai/status-503]
    last_resort: { model: anthropic/echo }
`;

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney({ yaml: YAML });
});
afterAll(() => journey.end());
beforeEach(() => journey.provider.reset());

const key = (value: string) => ({ authorization: `Bearer ${value}` });

describe.each(KINDS)('%s, streamed: %p', (dialect, stream) => {
  const ask = asking(() => journey.gateway, dialect, stream);
  const { hasOpenaiSettings } = FORMS[dialect];

  test.each<[string, string, string]>([
    ['fast', 'groq/echo', 'alias=fast; strategy=ordered; reason=asked'],
    ['careful', 'anthropic/echo', 'alias=careful; strategy=ordered; reason=strategy'],
    ['sim-3', 'groq/say-3', 'alias=sim-3; strategy=ordered; reason=strategy'],
    ['later', 'openai/echo', 'alias=later; strategy=ordered; reason=strategy'],
    ['weighted', 'openai/echo', 'alias=weighted; strategy=weighted; reason=strategy'],
    ['cheap', 'groq/echo+cheap', 'alias=cheap; strategy=least_cost; reason=strategy'],
    ['near', 'gemini/echo', 'alias=near; strategy=nearest; reason=strategy'],
  ])('the alias %s is answered by %s', async (model, by, route) => {
    expect(await ask({ model })).toMatchObject({ status: 200, by, route });
  });

  test('round_robin asks each model in turn', async () => {
    const models: (string | null)[] = [];
    for (let turn = 0; turn < 6; turn++) models.push((await ask({ model: 'turns' })).by);
    expect(models.slice(0, 3).toSorted()).toEqual(['gemini/echo', 'groq/echo', 'openai/echo']);
    expect(models.slice(3)).toEqual(models.slice(0, 3));
  });

  test('lowest_latency measures all, and then prefers the fast one', async () => {
    const model = `quick-${dialect}-${stream}`;
    const models = [];
    for (let turn = 0; turn < 4; turn++) models.push((await ask({ model })).by?.split('/')[0]);
    expect(models.slice(0, 2).toSorted()).toEqual(['groq', 'openai']);
    expect(models.slice(2)).toEqual(['openai', 'openai']);
    expect((await ask({ model: 'most' })).route).toContain('strategy=highest_throughput');
  });

  test('a model that is named by its provider has no route to explain', async () => {
    expect(await ask({ model: 'groq/echo' })).toMatchObject({ by: 'groq/echo', route: null });
  });

  test.each<[string, Json, Record<string, string>, string]>([
    ['nothing', {}, {}, 'openai/echo'],
    ['a key', {}, key(TEAM_KEY), 'gemini/echo'],
    ['a header', {}, { 'x-team': 'research' }, 'anthropic/echo'],
    ['another value of the header', {}, { 'x-team': 'sales' }, 'openai/echo'],
    ['metadata', { metadata: { plan: 'free' } }, {}, hasOpenaiSettings ? 'groq/echo' : 'openai/echo'],
    ['the first of two', { metadata: { plan: 'free' } }, { 'x-team': 'science' }, 'anthropic/echo'],
    [
      'a user in chat',
      { safety_identifier: 'vip-1' },
      {},
      dialect === 'chat' ? 'deepseek/echo' : 'openai/echo',
    ],
  ])('a rule applies by %s', async (_, body, headers, by) => {
    expect(await ask({ model: 'ruled', ...body }, headers)).toMatchObject({ status: 200, by });
  });

  test('models of the request are asked in the order in which they are named', async () => {
    const down = (name: string) => `${name}/status-503`;
    const reply = await ask({
      ...{
        // Google's API has the model in the path.
        ...(dialect === 'gemini'
          ? { model: down('openai'), models: [down('groq'), down('deepseek')] }
          : { model: [down('openai'), down('groq')], models: [down('deepseek')] }),
        fallbacks: [down('gemini'), 'fast'],
      },
    });
    expect(reply).toMatchObject({ status: 200, by: 'groq/echo', route: 'strategy=ordered; reason=fallback' });
    expect(reply.headers.get('x-clawhold-attempted-retries')).toBe('4');
  });

  test.each<[string, Json, string]>([
    ['order', { order: ['OpenAI'] }, 'openai/echo'],
    ['only', { only: ['openai', 'gemini'] }, 'openai/echo'],
    ['ignore', { ignore: ['anthropic'] }, 'openai/echo'],
    [
      'null',
      { order: null, only: null, ignore: null, sort: null, max_price: null, allow_fallbacks: null },
      'anthropic/echo',
    ],
    [
      'require_parameters',
      { require_parameters: true },
      hasOpenaiSettings ? 'openai/echo' : 'anthropic/echo',
    ],
  ])('the wish `%s` decides', async (_, provider, by) => {
    const penalty = hasOpenaiSettings && { presence_penalty: 0.1 };
    expect(await ask({ model: 'careful', provider, ...penalty })).toMatchObject({
      status: 200,
      by,
    });
  });

  test.each<[string, Json, string]>([
    ['sort', { sort: 'price' }, 'groq/echo+cheap'],
    ['max_price', { max_price: { prompt: 1, completion: 2 } }, 'groq/echo+cheap'],
  ])('the wish `%s` knows prices', async (_, provider, by) => {
    const ordered = { model: 'anthropic/echo+dear', fallbacks: ['groq/echo+cheap'] };
    expect(await ask({ ...(provider.sort ? { model: 'cheap' } : ordered), provider })).toMatchObject({
      status: 200,
      by,
    });
  });

  test('without fallbacks no other model is asked', async () => {
    const body = {
      model: 'openai/status-503',
      fallbacks: ['groq/echo'],
      provider: { allow_fallbacks: false },
    };
    const reply = await ask(body);
    expect(reply.status).toBe(503);
    expect(asList(reply.error?.attempts).map((call) => call.model)).toEqual(['openai/status-503']);
    const team = await ask({ model: 'team', provider: { allow_fallbacks: false } });
    expect(team.status).toBe(503);
  });

  test.each<[Json, string, string]>([
    [{ only: ['gemini'] }, 'no_candidate', 'provider.only'],
    [{ ignore: ['anthropic', 'openai'] }, 'no_candidate', 'provider.ignore'],
    [{ data_collection: 'deny' }, 'no_candidate', 'provider.data_collection'],
    [{ max_price: { prompt: 0 } }, 'no_candidate', 'provider.max_price'],
    [{ quantizations: ['fp8'] }, 'no_candidate', 'provider.quantizations'],
    [{ order: 'openai' }, 'invalid_request', 'provider.order'],
    [{ sort: 'beauty' }, 'invalid_request', 'provider.sort'],
    [{ max_price: { prompt: '1' } }, 'invalid_request', 'provider.max_price.prompt'],
    [{ allow_fallbacks: 'no' }, 'invalid_request', 'provider.allow_fallbacks'],
  ])('a wish that cannot be followed is refused: %p', async (provider, code, param) => {
    const reply = await ask({ model: 'careful', provider });
    expect(reply).toMatchObject({ status: 400, error: { code, param } });
    expect(journey.provider.requests).toHaveLength(0);
  });

  test('a key uses the models, regions and claws of its rules', async () => {
    const by = async (secret: string, model: string) => {
      const { status, error, by: model_ } = await ask({ model }, key(secret));
      return status === 200 ? model_ : [status, error?.code, error?.param];
    };
    const refused = [403, 'model_not_allowed', 'model'] as never;
    expect(await by(TEAM_KEY, 'gemini/echo')).toBe('gemini/echo');
    expect(await by(TEAM_KEY, 'careful')).toEqual(refused);
    expect(await by(TEAM_KEY, 'team')).toBe('anthropic/echo');
    expect(await by(EU_KEY, 'near')).toBe('gemini/echo');
    expect(await by(EU_KEY, 'fast')).toEqual(refused);
    expect(await by(QUIET_KEY, 'turns')).toBe('gemini/echo');
    expect(await by(QUIET_KEY, 'openai/echo')).toEqual(refused);
  });

  test('a wish that a key forbids is refused', async () => {
    const reply = await ask({ model: 'near', provider: { only: ['openai'] } }, key(EU_KEY));
    expect(reply).toMatchObject({ status: 403, error: { code: 'model_not_allowed' } });
  });

  test('what all models lack is named as the caller wrote it', async () => {
    const image = FORMS[dialect].image('https://x.test/a.png');
    const content = [image];
    expect((await ask({ model: 'seeing', content })).by).toBe('openai/sees');
    const blind = await ask({ model: 'openai/blind', content });
    const fields = {
      ...{ responses: 'input[0].content[0]', gemini: 'contents[0].parts[0]' },
      interactions: 'input[0].content[0]',
    };
    const field = { ...fields, chat: 'messages[0].content[0]', messages: 'messages[0].content[0]' }[dialect];
    expect(blind).toMatchObject({ status: 400, error: { code: 'unsupported_parameter', param: field } });
    const tools =
      dialect === 'chat' ? [{ type: 'mcp', server_label: 'x' }] : [{ type: 'computer_use_preview' }];
    // A provider of the caller's own API gets its tools unchanged.
    if (dialect === 'gemini') return;
    const tooled = await ask({ model: 'gemini/echo', tools });
    expect(tooled).toMatchObject({
      status: 400,
      error: { code: 'unsupported_parameter', param: 'tools[0]' },
    });
    if (dialect !== 'chat') return;
    for (const [param, value] of [
      ['n', 2],
      ['logprobs', true],
    ] as const) {
      const lacking = await ask({ model: 'anthropic/echo', [param]: value });
      expect(lacking).toMatchObject({ status: 400, error: { code: 'unsupported_parameter', param } });
    }
  });

  test('images of earlier turns become a line of text for a model that reads none', async () => {
    const image = FORMS[dialect].image('https://x.test/a.png');
    const session = { 'x-session-id': `images ${dialect} ${stream}`.replaceAll(' ', '-') };
    expect((await ask({ model: 'openai/sees', content: [image] }, session)).status).toBe(200);
    const { status, by } = await ask({ model: 'openai/blind' }, session);
    expect([status, by] as unknown[]).toEqual([200, 'openai/blind']);
    expect(JSON.stringify(journey.provider.requests.at(-1)!.body)).toContain(
      'not readable by this model: an image',
    );
  });

  if (hasOpenaiSettings)
    test('settings that a provider has no field for are named in a header', async () => {
      const { headers, status } = await ask({ model: 'anthropic/echo', presence_penalty: 0.5 });
      expect([status, headers.get('x-clawhold-dropped-settings')] as unknown[]).toEqual([
        200,
        'presence_penalty',
      ]);
    });

  test('the attempts and times of a request bound its calls', async () => {
    const down = { model: 'openai/status-500', fallbacks: ['groq/status-500', 'gemini/echo'] };
    const one = await ask(down, { 'x-clawhold-attempts': '1' });
    expect(one.status).toBe(502);
    expect(journey.provider.requests).toHaveLength(1);
    expect((await ask(down)).by).toBe('gemini/echo');
    const slow = { model: 'openai/delay-3000+echo', fallbacks: ['gemini/echo'] };
    // An answer that is not streamed has no first token before its end.
    if (stream) expect((await ask(slow, { 'x-clawhold-first-token-ms': '60' })).by).toBe('gemini/echo');
    const timed = await ask(slow, { 'x-clawhold-timeout-ms': '60' });
    expect(timed).toMatchObject({ status: 504, error: { code: 'provider_timeout' } });
    if (!stream) return;
    const stuck = await ask(
      { model: 'openai/stall-2+say-9', fallbacks: ['gemini/say-9'] },
      { 'x-clawhold-idle-ms': '60' },
    );
    expect(stuck).toMatchObject({
      status: 200,
      text: 'word1 word2 word3 word4 word5 word6 word7 word8 word9',
    });
  });

  test('the attempts of a request also bound the calls that continue an answer', async () => {
    const broken = await ask(
      { model: 'openai/cut-2+say-9', fallbacks: ['gemini/say-9'] },
      { 'x-clawhold-attempts': '1' },
    );
    expect(journey.provider.requests).toHaveLength(1);
    expect(broken.error?.code).toBe('stream_interrupted');
  });

  test.each([
    ['x-clawhold-attempts', '0'],
    ['x-clawhold-attempts', '21'],
    ['x-clawhold-timeout-ms', '-1'],
    ['x-clawhold-first-token-ms', '1.5'],
    ['x-clawhold-idle-ms', 'x'],
  ])('a header with a wrong number is refused: %s: %s', async (name, value) => {
    const reply = await ask({ model: 'fast' }, { [name]: value });
    expect(reply).toMatchObject({ status: 400, error: { code: 'invalid_request', param: name } });
  });
});

describe('the list of models', () => {
  const listed = async (secret: string): Promise<string[]> =>
    asList((await json(journey.gateway.fetch('/v1/models', { key: secret }))).data).map(({ id }) =>
      asText(id),
    );

  test('has only the models that the key may use', async () => {
    const others = (names: string[]) => names.filter((name) => !name.startsWith('gemini/'));
    const team = await listed(TEAM_KEY);
    expect(team).toContain('gemini/gemini-2.5-pro');
    // A rule of `ruled` leads this key to a model that it may use.
    expect(others(team).toSorted()).toEqual(['near', 'ruled', 'team', 'turns']);
    expect(others(await listed(EU_KEY)).toSorted()).toEqual(['near', 'turns']);
    expect(others(await listed(QUIET_KEY)).toSorted()).toEqual(['local/recall', 'near', 'turns']);
    expect(await listed(ROOT_KEY)).toEqual(expect.arrayContaining(['careful', 'openai/gpt-5.5', 'team']));
    await expectRefusal(journey.gateway.fetch('/v1/models/careful', { key: TEAM_KEY }), 404, {
      code: 'model_not_found',
    });
  });
});

describe('over a WebSocket', () => {
  test('aliases, rules, wishes and lists of models are the same', async () => {
    const socket = await SocketClient.open(journey.gateway, { headers: { 'x-team': 'science' } });
    const by = async (body: Json) => {
      const { model, code, param } = await socket.ask({ input: 'Hello', ...body });
      return asText(model) || [code, param];
    };
    expect(await by({ model: 'fast' })).toBe('groq/echo');
    expect(await by({ model: 'ruled' })).toBe('anthropic/echo');
    expect(await by({ model: 'careful', provider: { order: ['openai'] } })).toBe('openai/echo');
    expect(await by({ model: 'openai/status-503', models: ['gemini/echo'] })).toBe('gemini/echo');
    expect(await by({ model: 'careful', provider: { only: ['gemini'] } })).toEqual([
      'no_candidate',
      'provider.only',
    ]);
    socket.close();
  });

  test('the key of the socket has its rules', async () => {
    const socket = await SocketClient.open(journey.gateway, { key: TEAM_KEY });
    expect(await socket.ask({ input: 'Hello', model: 'fast' })).toMatchObject({ code: 'model_not_allowed' });
    expect(responseText(await socket.ask({ input: 'Hello', model: 'gemini/echo' }))).toContain('Hello');
    socket.close();
  });
});

describe('the official SDK', () => {
  /** What users write: the SDK sends fields that it does not know. */
  const wishes = {
    models: ['groq/echo'],
    provider: { order: ['groq'], allow_fallbacks: true, max_price: { prompt: 10 }, data_collection: 'allow' },
  };

  test('sends the wishes as further fields of the body', async () => {
    const client: OpenAI = sdk(journey.gateway.url);
    const chat: OpenAI.ChatCompletionCreateParamsNonStreaming & { models: string[] } = {
      ...{ model: 'cheap', messages: [{ role: 'user' as const, content: 'Hello' }] },
      models: ['groq/echo+cheap'],
    };
    const completion = await client.chat.completions.create(chat);
    expect(completion.model).toBe('groq/echo+cheap');
    const response = await client.responses.create({ model: 'cheap', input: 'Hello', ...wishes });
    expect(response.model).toBe('groq/echo+cheap');
    const stream = await client.chat.completions.create({
      ...{ model: 'cheap', messages: [{ role: 'user' as const, content: 'Hello' }], stream: true as const },
      ...wishes,
    });
    for await (const chunk of stream) expect(chunk.model).toBe('groq/echo+cheap');
  });

  test('gets the refusal of a wish as an error', async () => {
    const asked = sdk(journey.gateway.url).chat.completions.create({
      ...{ model: 'cheap', messages: [{ role: 'user' as const, content: 'Hello' }] },
      ...{ provider: { only: ['gemini'] } },
    });
    expect(await asked.catch((failure: unknown) => failure)).toMatchObject({
      status: 400,
      param: 'provider.only',
    });
  });
});

test('OpenRouter gets the wishes unchanged, and no other provider does', async () => {
  const { provider } = journey;
  const gateway = await testGateway({
    ...{
      provider: provider.url,
      env: { OPENROUTER_API_KEY: 'sk-x', OPENROUTER_BASE_URL: `${provider.url}/v1` },
    },
  });
  const sent = async (model: string, wishes: Json): Promise<unknown> => {
    const body = { model, messages: [{ role: 'user', content: 'Hello' }], provider: wishes };
    expect((await gateway.post('/v1/chat/completions', body)).status).toBe(200);
    return asJson(provider.requests.at(-1)!.body).provider;
  };
  const wishes = { only: ['deepinfra'], sort: 'price', zdr: true };
  expect(await sent('openrouter/echo', wishes)).toEqual(wishes);
  expect(await sent('openai/echo', { only: ['openai'] })).toBeUndefined();
  await gateway.stop();
});
