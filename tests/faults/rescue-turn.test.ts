import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { countsIn, DIALECTS, type Dialect, FORMS, PATHS, pathOf, question } from '../harness/dialects.ts';
import { eventually } from '../harness/eventually.ts';
import { OTHER_KEY, type TestGateway, temporaryDirectory, testGateway } from '../harness/gateway.ts';
import { completionText, json, responseText, sessionLog } from '../harness/journey.ts';
import { after, blocksOf, numberOf, readerOf, withoutComments } from '../harness/reading.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';
import { asJson, asList, type Json } from '../simulators/provider/shape.ts';
import { adds, ends, type Script, scriptedProvider } from './scripted.ts';
import { see } from './seen.ts';

/** The results of a rescued turn: its stream, its entry in the session, its bill. */

const PROVIDERS = ['openai', 'anthropic', 'gemini'] as const;
const ANSWER = 'word1 word2 word3 word4 word5 word6 word7 word8';

/** US dollars per million tokens. */
const PRICES = {
  'openai/say-8+once-cut-3': [1, 10],
  'openai/say-8+cut-3': [1, 10],
  'anthropic/claude-sonnet-4-5+say-8': [3, 15],
} as const;

const priceLines = (provider: string): string[] =>
  Object.entries(PRICES).flatMap(([name, price]) => {
    if (!name.startsWith(`${provider}/`)) return [];
    return [`      - { id: "${name.split('/')[1]}", input_price: ${price[0]}, output_price: ${price[1]} }`];
  });

const yaml = [
  `keys: [{ name: other, key: ${OTHER_KEY}, tenant: other }]`,
  'claws:',
  ...['openai', 'anthropic'].flatMap((name) => [`  ${name}:`, '    models:', ...priceLines(name)]),
].join('\n');

const dataDir = temporaryDirectory();
const scripted = scriptedProvider((...request) => script(...request));
let script: Script = () => undefined;
let provider: Provider;
let gateway: TestGateway;
let session = '';
let count = 0;

const start = () =>
  testGateway({ provider: provider.url, yaml, dataDir, env: { GROQ_BASE_URL: scripted.url } });

beforeAll(async () => {
  provider = startProvider();
  gateway = await start();
});
beforeEach(() => {
  provider.reset();
  scripted.requests.length = 0;
  session = `turn-${count++}`;
});
afterAll(async () => {
  await gateway.stop();
  provider.stop();
  await scripted.stop();
  rmSync(dataDir, { recursive: true });
});

function ask(dialect: Dialect, more: Json, headers: Record<string, string> = {}): Promise<Response> {
  return gateway.post(
    PATHS[dialect],
    { stream: true, ...question(dialect, 'one'), ...more },
    { 'x-session-id': session, ...headers },
  );
}

const idOf = (reply: Response): string => reply.headers.get('x-clawhold-response-id')!;

/** The URL at which a turn's stream can be read again. */
const urlOf = (dialect: Dialect, reply: Response): string => `${pathOf(dialect, idOf(reply))}?stream=true`;

const replayOf = async (url: string): Promise<string> =>
  withoutComments(await (await gateway.fetch(url)).text());

describe('a reader that reconnects', () => {
  const MODEL = 'openai/say-8+once-cut-3+pace-5';

  // The cut is after the third word.
  test.each(
    DIALECTS.flatMap((dialect) =>
      ['word1', ' word3', ' word4', ' word8'].map((word) => [dialect, word] as const),
    ),
  )('to %s after "%s" has all events once, across the rescue', async (dialect, word) => {
    const reply = await ask(dialect, { model: MODEL });
    const url = urlOf(dialect, reply);
    const reader = readerOf(reply);
    const blocks = blocksOf(await reader.until(`"${word}"`));
    await reader.leave();
    const last = blocks.map(numberOf).findLast((number) => number !== undefined)!;
    const rest = await replayOf(`${url}&starting_after=${last}`);
    const whole = await replayOf(url);
    expect(withoutComments(blocks.join('')) + rest).toBe(whole);
    expect(after(whole, last)).toBe(rest);
    const seen = await see(
      new Response(whole, { headers: { 'content-type': 'text/event-stream' } }),
      dialect,
    );
    expect(seen).toMatchObject({ isWhole: true, text: ANSWER, restarts: 0 });
    expect(provider.requests).toHaveLength(2);
    expect(await sessionLog(gateway, session)).toEqual(['user: one', `assistant: ${ANSWER}`]);
  });
});

const begun = 'The three largest rivers of the continent are the Nile, the';
const other = 'The three largest rivers of the continent are these: one, two, three.';
const call = (args: string) => ({
  tool_calls: [{ index: 0, id: 'call_1', function: { name: 'look', arguments: args } }],
});

/** Answers that break off in different ways, and their continuations. */
const SCRIPTS: Record<string, [Json[], Json[]]> = {
  'a text': [
    [adds({ content: 'one' }), adds({ content: ' tw' })],
    [adds({ content: 'two thr' }), adds({ content: 'ee' }), ends('stop')],
  ],
  'a text without a rest': [[adds({ content: 'one two' })], [adds({ content: 'one two' }), ends('stop')]],
  'half a call': [[adds(call('{"a'))], [adds(call('{"a":1}')), ends('tool_calls')]],
  'a text and half a call': [
    [adds({ content: 'So.' }), adds(call('{"a'))],
    [adds({ content: ' Well.' }), adds(call('{}')), ends('tool_calls')],
  ],
  'half a thought': [
    [adds({ reasoning_content: 'Let' }), adds({ reasoning_content: ' me' })],
    [adds({ reasoning_content: 'Hm' }), adds({ content: 'one' }), ends('stop')],
  ],
  'a thought and half a text': [
    [adds({ reasoning_content: 'Let me' }), adds({ content: 'on' })],
    [adds({ reasoning_content: 'Hm' }), adds({ content: 'e' }), ends('stop')],
  ],
  'half a refusal': [[adds({ refusal: 'I c' })], [adds({ refusal: 'I cannot' }), ends('stop')]],
  'a text that a refusal follows': [
    [adds({ content: 'one' })],
    [adds({ refusal: 'No more.' }), ends('stop')],
  ],
  'a text that a different one replaces': [
    [adds({ content: begun })],
    [adds({ content: other }), ends('stop')],
  ],
};

describe('a replay has the same bytes as the live stream', () => {
  /** The text of the live stream, by the URL of its replay. */
  const live = new Map<string, string>();

  const cases = DIALECTS.flatMap((dialect) => Object.keys(SCRIPTS).map((name) => [name, dialect] as const));
  test.each(cases)('of %s, on %s', async (name, dialect) => {
    script = (_, nth) => SCRIPTS[name]![nth - 1] ?? SCRIPTS[name]![1];
    const model = `groq/${name.replaceAll(' ', '-')}-${dialect}`;
    const reply = await ask(dialect, { model }, { 'x-clawhold-when-broken': 'restart' });
    const url = urlOf(dialect, reply);
    const text = withoutComments(await reply.text());
    const seen = await see(new Response(text, { headers: { 'content-type': 'text/event-stream' } }), dialect);
    expect(seen.isWhole).toBe(true);
    live.set(url, text);
    expect(await replayOf(url)).toBe(text);
    for (const block of blocksOf(text)) {
      const last = numberOf(block);
      if (last !== undefined) expect(await replayOf(`${url}&starting_after=${last}`)).toBe(after(text, last));
    }
  });

  test('also after a restart of the gateway', async () => {
    await gateway.stop();
    gateway = await start();
    expect(live.size).toBe(cases.length);
    for (const [url, text] of live) expect(await replayOf(url)).toBe(text);
  });
});

describe('a turn that is stopped while it is rescued', () => {
  test.each(DIALECTS)('on %s keeps its text, and disconnects from the provider', async (dialect) => {
    script = (_, nth) => (nth === 1 ? [adds({ content: 'word1 word2' })] : undefined);
    const model = ['groq/stops', 'anthropic/claude-sonnet-4-5+say-8+silent'];
    const reply = await ask(dialect, { model });
    await eventually(
      'the rescue has begun',
      () => provider.requests.length,
      (length) => length === 1,
    );
    const cancelled = await json(
      gateway.fetch(`${PATHS.responses}/${idOf(reply)}/cancel`, { method: 'POST' }),
    );
    expect(cancelled.status).toBe('cancelled');
    expect(responseText(cancelled)).toBe('word1 word2');
    const text = await reply.text();
    expect(text).toContain(FORMS[dialect].cancelled);
    expect(await replayOf(urlOf(dialect, reply))).toBe(withoutComments(text));
    await eventually(
      'the gateway disconnects from the provider',
      () => provider.requests[0]!.aborted,
      Boolean,
    );
    expect(provider.requests).toHaveLength(1);
    await expectToGoOn('word1 word2');
  });

  test.each(DIALECTS)('by the disconnect of its only client, on %s', async (dialect) => {
    script = (_, nth) => (nth === 1 ? [adds({ content: 'word1 word2' })] : undefined);
    const model = ['groq/leaves', 'anthropic/claude-sonnet-4-5+say-8+silent'];
    const reply = await ask(dialect, { model }, { 'x-clawhold-on-disconnect': 'cancel' });
    const reader = readerOf(reply);
    await eventually(
      'the rescue has begun',
      () => provider.requests.length,
      (length) => length === 1,
    );
    await reader.leave();
    await eventually(
      'the gateway disconnects from the provider',
      () => provider.requests[0]!.aborted,
      Boolean,
    );
    const stored = () => json(gateway.fetch(`${PATHS.responses}/${idOf(reply)}`));
    const ended = await eventually('the turn has ended', stored, ({ status }) => status !== 'in_progress');
    expect(ended.status).toBe('cancelled');
    await expectToGoOn('word1 word2');
  });
});

/** The next turns, at every provider: each provider receives every word once. */
async function expectToGoOn(answer: string): Promise<void> {
  const questions = ['one'];
  const log = ['user: one', `assistant: ${answer}`];
  expect(await sessionLog(gateway, session)).toEqual(log);
  for (const name of PROVIDERS) {
    questions.push(`next at ${name}`);
    provider.reset();
    const messages = [{ role: 'user', content: questions.at(-1) }];
    const body = { model: `${name}/recall`, messages };
    const completion = await json(gateway.post(PATHS.chat, body, { 'x-session-id': session }));
    const text = `I have heard: ${questions.map((words) => `"${words}"`).join(' | ')}`;
    expect(completionText(completion)).toBe(text);
    expect(JSON.stringify(provider.requests[0]!.body).split(answer)).toHaveLength(2);
  }
}

describe('the session has a rescued answer once, and continues with every provider', () => {
  test.each([
    ...PROVIDERS.map((name) => [`${name}/say-8+once-cut-3`, undefined] as const),
    ['openai/say-8+cut-3', 'anthropic/claude-sonnet-4-5+say-8'],
    ['openai/say-8+cut-3', 'gemini/say-8+overlap-3'],
    ['anthropic/say-8+cut-3', 'openai/say-8+again'],
    ['gemini/say-8+garbage-3', 'anthropic/claude-opus-4-8+say-8+overlap-1'],
  ] as const)('%s, then %s', async (model, fallback) => {
    for (const dialect of DIALECTS) {
      session = `${session}-${dialect}`;
      provider.reset();
      const reply = await ask(dialect, { model, ...(fallback && { fallbacks: [fallback] }) });
      expect(await see(reply, dialect)).toMatchObject({ isWhole: true, text: ANSWER });
      await expectToGoOn(ANSWER);
    }
  });

  test('also with the text of an answer that could not be rescued', async () => {
    const seen = await see(await ask('chat', { model: 'openai/say-30+cut-3' }), 'chat');
    expect(seen).toMatchObject({ isWhole: false, code: 'stream_interrupted' });
    expect(seen.text.split(' ')).toHaveLength(15);
    await expectToGoOn(seen.text);
  });
});

describe('the token limit of a rescue', () => {
  const longText = ANSWER.repeat(10);

  test.each([
    ['is what the first part has left', 1000, (left: number) => left > 700 && left < 950],
    ['is never lower than all providers accept', 60, (left: number) => left === 16],
    ['is not raised', 8, (left: number) => left === 8],
  ])('%s: of %i', async (_, most, isRight) => {
    script = (_model, nth) =>
      nth === 1 ? [adds({ content: longText })] : [adds({ content: ' End' }), ends('stop')];
    const seen = await see(await ask('chat', { model: `groq/limit-${most}`, max_tokens: most }), 'chat');
    expect(seen).toMatchObject({ isWhole: true, text: `${longText} End` });
    const limits = scripted.requests.map((body) => Number(body.max_tokens ?? body.max_completion_tokens));
    expect(limits[0]).toBe(most);
    expect(isRight(limits[1]!)).toBe(true);
  });
});

describe('the bill', () => {
  const SPARE = 'anthropic/claude-sonnet-4-5+say-8';

  interface Bill {
    attempts: Json[];
    /** Tokens and US dollars of the whole turn. */
    input: unknown;
    output: unknown;
    cost?: unknown;
  }

  async function billOf(dialect: Dialect, stream: boolean, model: Json): Promise<Bill> {
    const more = dialect === 'chat' && stream ? { stream_options: { include_usage: true } } : {};
    const { body, headers } = await see(await ask(dialect, { ...model, ...more, stream }), dialect);
    const usage = asJson(body.usage);
    const { input, output } = countsIn(body);
    const cost = headers.get('x-clawhold-response-cost');
    return {
      attempts: asList(asJson(body.clawhold).attempts),
      input,
      output,
      cost: usage.cost ?? (cost === null ? undefined : Number(cost)),
    };
  }

  /** The simulator's token counts for its nth request: a quarter of the characters, and the deltas. */
  const counted = (nth: number, deltas: number) => ({
    input_tokens: Math.ceil(JSON.stringify(provider.requests[nth]!.body).length / 4),
    output_tokens: deltas,
  });

  const costOf = (name: keyof typeof PRICES, { input_tokens, output_tokens }: Json): number => {
    const [input, output] = PRICES[name];
    return Math.round(Number(input_tokens) * input * 1000 + Number(output_tokens) * output * 1000) / 1e9;
  };

  const sum = (attempts: Json[], field: string): number =>
    attempts.reduce((total, attempt) => total + Number(attempt[field]), 0);

  test.each(DIALECTS)("of one call has its provider's counts, on %s", async (dialect) => {
    for (const stream of [true, false]) {
      provider.reset();
      const { attempts, input, output } = await billOf(dialect, stream, { model: SPARE });
      const { input_tokens, output_tokens } = counted(0, 8);
      expect({ attempts, input, output }).toEqual({
        attempts: [],
        input: input_tokens,
        output: output_tokens,
      });
    }
  });

  test.each(DIALECTS)(
    'of several calls is their sum, with estimates for calls without counts, on %s',
    async (dialect) => {
      const model = 'openai/say-8+once-cut-3';
      const { attempts, input, output, cost } = await billOf(dialect, true, { model });
      const [broken, whole] = attempts;
      expect(attempts).toHaveLength(2);
      // Three words of the answer had arrived: 17 characters.
      expect(broken).toMatchObject({ model, output_tokens: 5, estimated: true, error: 'stream_interrupted' });
      expect(Number(broken!.input_tokens)).toBeGreaterThan(0);
      expect(broken!.cost_usd).toBe(costOf(model, broken!));
      // The input of the second call includes the beginning of the answer and the instruction to continue.
      expect(whole).toEqual({ model, ...counted(1, 5), cost_usd: costOf(model, counted(1, 5)) });
      expect(input).toBe(sum(attempts, 'input_tokens'));
      expect(output).toBe(sum(attempts, 'output_tokens'));
      if (dialect === 'chat') expect(cost).toBeCloseTo(sum(attempts, 'cost_usd'), 9);
    },
  );

  test('lists every model with its cost', async () => {
    const model = 'openai/say-8+cut-3';
    const { attempts, cost } = await billOf('chat', true, { model, fallbacks: [SPARE] });
    expect(attempts.map((attempt) => [attempt.model, attempt.error, attempt.estimated])).toEqual([
      [model, 'stream_interrupted', true],
      [model, 'stream_interrupted', true],
      [SPARE, undefined, undefined],
    ]);
    expect(attempts[2]).toMatchObject({ ...counted(2, 2), cost_usd: costOf(SPARE, counted(2, 2)) });
    expect(cost).toBeCloseTo(sum(attempts, 'cost_usd'), 9);
  });

  test('uses the counts that a provider sent before it broke off', async () => {
    // Anthropic's first event has the input tokens.
    const { attempts } = await billOf('responses', true, { model: 'anthropic/say-8+once-cut-3' });
    expect(attempts[0]).toMatchObject({
      input_tokens: counted(0, 0).input_tokens,
      output_tokens: 5,
      estimated: true,
    });
  });

  test('has no cost if one of the models has no price', async () => {
    const { attempts, cost } = await billOf('chat', true, {
      model: 'openai/say-8+once-cut-2',
      fallbacks: [SPARE],
    });
    expect(attempts).toHaveLength(2);
    expect(cost).toBeUndefined();
  });

  test('of an answer that could not be rescued is in the response', async () => {
    const { attempts, input } = await billOf('responses', true, { model: 'openai/say-30+cut-3' });
    expect(attempts).toHaveLength(5);
    expect(attempts.every(({ error, estimated }) => error === 'stream_interrupted' && estimated)).toBe(true);
    expect(input).toBe(sum(attempts, 'input_tokens'));
  });

  test('is stored with the turn', async () => {
    const reply = await ask('responses', { model: 'openai/say-8+once-cut-3' });
    const { body } = await see(reply, 'responses');
    const stored = await json(gateway.fetch(`${PATHS.responses}/${idOf(reply)}`));
    expect(stored.usage).toEqual(body.usage);
    expect(stored.clawhold).toEqual(body.clawhold);
  });
});
