import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { OTHER_KEY, ROOT_KEY, type TestGateway, testGateway } from '../harness/gateway.ts';
import { type Journey, json, startJourney } from '../harness/journey.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { sent } from '../harness/upstream.ts';
import { startProvider } from '../simulators/provider/provider.ts';
import { asJson, asText, type Json } from '../simulators/provider/shape.ts';

/** Models that refuse what is too long as their tokenizer counts it; `dear-135`: 135 tokens for 100 of o200k. */
const YAML = `claws:
  openai:
    models:
      - { id: say-5+window-3000+dear-135, context: 3000 }
      - { id: say-5+window-3000, context: 3000 }
      - { id: say-5+window-100000, context: 100000 }
      - { id: gpt-4-x+say-5+window-3000+cl100k, context: 3000 }
      - { id: gpt-4-y+say-5+window-3000+cl100k, context: 3000 }
      - { id: gpt-4o-x+say-5+window-3000, context: 3000 }
      - { id: gpt-4o-mini, context: 128000, input_price: 1, output_price: 1 }
  anthropic:
    models: [{ id: say-5+window-3000+dear-135, context: 3000 }]
  gemini:
    models: [{ id: say-5+window-3000+dear-135, context: 3000 }]
keys:
  - { name: other, key: ${OTHER_KEY}, tenant: other }
`;

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney({ yaml: YAML });
});
beforeEach(() => journey.provider.reset());
afterAll(() => journey.end());

const post = (path: string, body: Json, headers?: Record<string, string>) =>
  journey.gateway.post(path, body, headers);

const PARAGRAPH =
  'In the evening we walked along the river and talked about the books that we had read lately. ';
const paragraph = (turn: number) => `Turn ${turn}. ${PARAGRAPH.repeat(4)}`;

const ask = (session: string, model: string, content: string, more: Json = {}) =>
  post(
    '/v1/chat/completions',
    { model, max_tokens: 100, messages: [{ role: 'user', content }], ...more },
    { 'x-session-id': session },
  );

async function receiptOf(reply: Response): Promise<Json> {
  const id = reply.headers.get('x-clawhold-response-id');
  return json(journey.gateway.fetch(`/v1/responses/${id}/receipt`));
}

const DEAR = 'say-5+window-3000+dear-135';

describe.each(['openai', 'anthropic', 'gemini'])(
  'a model of %s that counts more than is estimated',
  (provider) => {
    const model = `${provider}/${DEAR}`;
    const wide = 'openai/say-5+window-100000';

    test('refuses a prompt once, gets a shorter one in the same turn, and refuses none later', async () => {
      const session = `dear-${provider}`;
      for (let turn = 0; turn < 40; turn++)
        expect((await ask(session, wide, paragraph(turn))).status).toBe(200);
      journey.provider.reset();
      let calls = 0;
      for (let turn = 40; turn < 60; turn++) {
        const reply = await ask(session, model, paragraph(turn));
        expect(reply.status).toBe(200);
        expect(sent(journey.provider.requests.at(-1)).at(-1)).toContain(`Turn ${turn}.`);
        if (turn === 40) {
          const { failed_calls: failed } = await receiptOf(reply);
          expect(failed).toEqual([expect.objectContaining({ code: 'context_length_exceeded' })]);
          calls = journey.provider.requests.length;
        }
      }
      expect(calls).toBe(2);
      expect(journey.provider.requests.length).toBe(calls + 19);
    });

    test('is known after some prompts: the receipt has what was expected, what was counted, and the error', async () => {
      const reply = await ask(`dear-${provider}`, model, paragraph(60));
      const { tokens, context } = await receiptOf(reply);
      const { input, expected_input: expected, input_error_percent: error } = asJson(tokens);
      expect(asJson(context)).toMatchObject({ counted_by: 'calibration', tokens: expected!, limit: 3000 });
      expect(Number(input)).toBeGreaterThan(1.2 * Number(asJson(context).estimated_tokens));
      expect(Math.abs(Number(error))).toBeLessThan(5);
      expect(Number(input)).toBeLessThanOrEqual(2900);
    });
  },
);

test('how a model counts is known after a restart', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'clawhold-restarted-'));
  const provider = startProvider();
  const start = () => testGateway({ yaml: YAML, dataDir, provider: provider.url });
  const model = `openai/${DEAR}`;
  const input = PARAGRAPH.repeat(40);
  const counted = async (gateway: TestGateway): Promise<Json> =>
    json(gateway.post('/v1/responses/input_tokens', { model, input }));
  try {
    let gateway = await start();
    const before = await counted(gateway);
    for (let turn = 0; turn < 8; turn++)
      expect((await gateway.post('/v1/responses', { model, input })).status).toBe(200);
    const learned = await counted(gateway);
    expect(Number(learned.input_tokens)).toBeGreaterThan(1.2 * Number(before.input_tokens));
    await gateway.stop();
    gateway = await start();
    expect(await counted(gateway)).toEqual(learned);
    await gateway.stop();
    // It is derived: without it, the gateway learns anew.
    rmSync(join(dataDir, 'token-ratios.json'));
    gateway = await start();
    expect(await counted(gateway)).toEqual(before);
    await gateway.stop();
  } finally {
    provider.stop();
    rmSync(dataDir, { recursive: true });
  }
});

describe.each(['gpt-4-x+say-5+window-3000+cl100k', 'gpt-4o-x+say-5+window-3000'])(
  'a model with a known tokenizer, %s',
  (name) => {
    test('refuses no prompt, and standing instructions stay in those that do not fit', async () => {
      const model = `openai/${name}`;
      await ask(name, model, 'Always answer in French.');
      // The estimate of Chinese is 27 % too low for cl100k.
      for (let turn = 0; turn < 30; turn++) {
        const text = '昨天晚上我们沿着河边散步，谈论最近读过的书，看着对岸的灯光一盏一盏亮起来。';
        expect((await ask(name, model, `${turn} ${text.repeat(4)}`)).status).toBe(200);
        expect(sent(journey.provider.requests.at(-1)).join()).toContain('Always answer in French.');
      }
      expect(journey.provider.requests).toHaveLength(31);
      expect(sent(journey.provider.requests.at(-1)).length).toBeLessThan(50);
    });
  },
);

test('standing instructions are in the first prompt that only the tokenizer finds too long', async () => {
  const text = '昨天晚上我们沿着河边散步，谈论最近读过的书，看着对岸的灯光一盏一盏亮起来。'.repeat(4);
  await ask('first', 'openai/say-5+window-100000', 'Always answer in French.');
  for (let turn = 0; turn < 16; turn++) await ask('first', 'openai/say-5+window-100000', `${turn} ${text}`);
  const model = 'openai/gpt-4-y+say-5+window-3000+cl100k';
  const { context, failed_calls: failed } = await receiptOf(await ask('first', model, 'And now?'));
  expect(failed).toEqual([]);
  expect(Number(asJson(context).estimated_tokens)).toBeLessThan(2_900);
  expect(asJson(context)).toMatchObject({ counted_by: 'cl100k' });
  expect(Number(asJson(context).dropped_tokens)).toBeGreaterThan(0);
  expect(sent(journey.provider.requests.at(-1)).join()).toContain('Always answer in French.');
});

describe('a request that fits no model', () => {
  const model = 'openai/say-5+window-3000';
  const system = 'You answer briefly. '.repeat(100);
  const long = PARAGRAPH.repeat(200);
  const numbers =
    /^The request needs at least about [\d,]+ tokens \([\d,]+ of instructions and tools, [\d,]+ of new input, 100 reserved for the answer\); the model accepts 3,000\. /;

  test('is refused with the numbers, in both dialects, and no model is called', async () => {
    const messages = [
      { role: 'system', content: system },
      { role: 'user', content: long },
    ];
    const chat = post('/v1/chat/completions', { model, messages, max_tokens: 100 });
    await expectRefusal(chat, 400, { code: 'context_length_exceeded', message: numbers });
    const responses = {
      model,
      instructions: system,
      input: long,
      max_output_tokens: 100,
      truncation: 'auto',
    };
    await expectRefusal(post('/v1/responses', responses), 400, {
      code: 'context_length_exceeded',
      message: numbers,
    });
    expect(journey.provider.requests).toEqual([]);
  });

  test('is refused also where its session has an opening that leaves no room', async () => {
    const opening = [
      { role: 'system', content: 'You answer briefly. '.repeat(900) },
      { role: 'user', content: 'Hello.' },
    ];
    const wide = await ask('opened', 'openai/say-5+window-100000', '', { messages: opening });
    expect(wide.status).toBe(200);
    const refused = ask('opened', model, 'And now?');
    await expectRefusal(refused, 400, {
      code: 'context_length_exceeded',
      message: /[\d,]{5} of instructions and tools, \d+ of new input, 100 reserved .* accepts 3,000\./,
    });
  });

  test('is left to the provider where images say how long it is', async () => {
    const image = { type: 'image_url', image_url: { url: 'https://example.org/a.png' } };
    const messages = [{ role: 'user', content: [{ type: 'text', text: 'Look.' }, ...Array(9).fill(image)] }];
    expect((await post('/v1/chat/completions', { model, messages, max_tokens: 100 })).status).toBe(200);
  });
});

describe('POST /v1/responses/input_tokens', () => {
  const count = async (body: Json) =>
    Number((await json(post('/v1/responses/input_tokens', body))).input_tokens);

  test('tells the number of the tokenizer of the model', async () => {
    const texts = [PARAGRAPH, 'const a = [1, 2, 3];\n\n\treturn a;', '昨天晚上我们沿着河边散步。'];
    const input = texts.map((content) => ({ role: 'user', content }));
    const expected = texts.reduce((sum, text) => sum + 4 + countTokens(text), 3);
    expect(await count({ model: 'openai/gpt-4o-mini', input })).toBe(expected);
    const unknown = await count({ model: 'openai/say-5', input });
    expect(unknown).not.toBe(expected);
  });

  test('tells what a model has counted before, where none is known', async () => {
    const model = 'openai/say-5+window-100000+dear-135';
    const input = PARAGRAPH.repeat(60);
    const before = await count({ model, input });
    for (let turn = 0; turn < 10; turn++) await ask('counts', model, PARAGRAPH.repeat(40 + turn));
    const { usage } = await json(post('/v1/responses', { model, input }));
    const reported = Number(asJson(usage).input_tokens);
    expect(Math.abs(before / reported - 1)).toBeGreaterThan(0.15);
    expect(Math.abs((await count({ model, input })) / reported - 1)).toBeLessThan(0.03);
  });

  test('counts also what is longer than the model accepts', async () => {
    const input = PARAGRAPH.repeat(400);
    expect(await count({ model: 'openai/say-5+window-3000', input })).toBeGreaterThan(6_000);
  });

  test('counts a hundred thousand letters without a space at once', async () => {
    const startedAt = performance.now();
    const counted = await count({ model: 'openai/gpt-4o-mini', input: 'abcdefghij'.repeat(10_000) });
    expect(counted).toBeGreaterThan(10_000);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });
});

/** One request of somebody: in a session, or after an earlier response of it, from where it forks. */
const step = fc.record({
  tenant: fc.constantFrom('a', 'b'),
  session: fc.integer({ min: 0, max: 1 }),
  back: fc.constantFrom(0, 0, 0, 0, 0, 4),
  fact: fc.constantFrom('Always answer in French.', 'The code of the door is 4711.', 'We walked.'),
});

test('a prompt has nothing of another tenant, session or branch, whatever the requests', async () => {
  let run = 0;
  let excerpts = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 40, maxLength: 40 }), async (steps) => {
      const name = `run${run++}`;
      // What each response may know: the marks of its own branch.
      const made: { owner: string; id: string; marks: string[] }[] = [];
      for (const [at, { tenant, session, back, fact }] of steps.entries()) {
        const owner = `${tenant}${session}`;
        const own = made.filter((one) => one.owner === owner);
        const parent = own.at(-1 - back) ?? own.at(-1);
        const mark = `[${name}-${at}]`;
        const body = {
          model: 'openai/say-5+window-3000',
          input: `${mark} ${fact} ${PARAGRAPH.repeat(25)}`,
          previous_response_id: parent?.id,
          max_output_tokens: 100,
        };
        const headers = {
          authorization: `Bearer ${tenant === 'a' ? ROOT_KEY : OTHER_KEY}`,
          'x-clawhold-context-policy': 'auto',
        };
        const response = await json(post('/v1/responses', body, headers));
        const marks = [...(parent?.marks ?? []), mark];
        made.push({ owner, id: asText(response.id), marks });
        const prompt = sent(journey.provider.requests.at(-1)).join('\n');
        if (prompt.includes('Excerpts from earlier')) excerpts++;
        const seen = new Set(prompt.match(/\[run\d+-\d+\]/g));
        expect([...seen].filter((one) => !marks.includes(one))).toEqual([]);
        expect(seen.has(mark)).toBe(true);
      }
    }),
    { numRuns: 5, seed: 5 },
  );
  expect(excerpts).toBeGreaterThan(10);
}, 60_000);
