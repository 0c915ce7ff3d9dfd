import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type Journey, json, serverEvents, startJourney } from '../harness/journey.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { asJson, asList, asText } from '../simulators/provider/shape.ts';

/** The older Completions API, with the real SDK. */

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney();
});
afterAll(() => journey.end());

const PATH = '/v1/completions';
const MODELS = ['openai/recall', 'anthropic/recall', 'gemini/recall', 'groq/recall'];
const post = (body: object, headers?: Record<string, string>) => journey.gateway.post(PATH, body, headers);
/** The latest body that the provider received. */
const received = () => asJson(journey.provider.requests.at(-1)!.body);

describe.each(MODELS)('%s', (model) => {
  test('continues a text', async () => {
    const completion = await journey.client.completions.create({ model, prompt: 'Once upon a time' });
    expect(completion).toMatchObject({
      object: 'text_completion',
      choices: [{ index: 0, finish_reason: 'stop' }],
    });
    expect(completion.id).toStartWith('cmpl-');
    expect(completion.choices[0]!.text).not.toBe('');
    expect(completion.usage!.total_tokens).toBeGreaterThan(0);
  });

  test('streams the same text, and its usage where it is asked for', async () => {
    const asked = { model, prompt: 'Once upon a time' };
    const whole = await journey.client.completions.create(asked);
    const stream = await journey.client.completions.create({
      ...asked,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    let usage: unknown;
    let finish: string | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.text ?? '';
      finish = chunk.choices[0]?.finish_reason ?? finish;
      usage = chunk.usage ?? usage;
    }
    expect({ text, finish }).toEqual({ text: whole.choices[0]!.text, finish: 'stop' });
    expect(usage).toMatchObject({ completion_tokens: whole.usage!.completion_tokens });
  });
});

test('a suffix makes a gap, which the model is told to fill', async () => {
  await json(post({ model: 'openai/recall', prompt: 'def add(a, b):\n  ', suffix: '\n  return total' }));
  const text = JSON.stringify(received());
  expect(text).toContain('def add(a, b):\\n  <gap/>\\n  return total');
  expect(text).toContain('belongs in the gap');
});

test('echo puts the prompt before the answer, also in a stream', async () => {
  const asked = { model: 'openai/recall', prompt: 'Once upon a time' };
  const plain = await json(post(asked));
  const answer = asText(asJson(asList(plain.choices)[0]).text);
  const echoed = await json(post({ ...asked, echo: true }));
  expect(asJson(asList(echoed.choices)[0]).text).toBe(`Once upon a time${answer}`);
  const { events } = serverEvents(await (await post({ ...asked, echo: true, stream: true })).text());
  const streamed = events.map(({ data }) => asJson(asList(data.choices)[0]).text).join('');
  expect(streamed).toBe(`Once upon a time${answer}`);
});

test('limits and stops reach the provider', async () => {
  await json(post({ model: 'openai/recall', prompt: ['Hi'], max_tokens: 7, stop: 'X', temperature: 0.5 }));
  expect(received()).toMatchObject({ max_completion_tokens: 7, stop: ['X'], temperature: 0.5 });
  await json(post({ model: 'groq/recall', prompt: 'Hi', max_tokens: 7, stop: 'X' }));
  expect(received()).toMatchObject({ max_tokens: 7, stop: ['X'] });
});

test('a session remembers what was completed in it, in every dialect', async () => {
  const headers = { 'x-session-id': `text-${crypto.randomUUID()}` };
  const first = await post({ model: 'openai/recall', prompt: 'My dog is Rex.' }, headers);
  expect(first.headers.get('x-clawhold-session-id')).toStartWith('conv_');
  await first.text();
  const second = await post({ model: 'openai/recall', prompt: 'What is my dog?' }, headers);
  expect(second.headers.get('x-clawhold-history')).toBe('appended');
  expect(asText(asJson(asList((await json(second)).choices)[0]).text)).toContain('Rex');
  const messages = [{ role: 'user', content: 'What is my dog?' }];
  const chat = await journey.gateway.post(
    '/v1/chat/completions',
    { model: 'openai/recall', messages },
    headers,
  );
  expect(await chat.text()).toContain('Rex');
});

test('a stored completion is fetched, and its stream resumed', async () => {
  const headers = { 'x-session-id': `text-${crypto.randomUUID()}` };
  const streamed = await post({ model: 'openai/recall', prompt: 'Hello there', stream: true }, headers);
  const text = await streamed.text();
  const { id } = serverEvents(text).events[0]!.data;
  const whole = await json(journey.gateway.fetch(`${PATH}/${id}`));
  expect(whole).toMatchObject({ id, object: 'text_completion' });
  expect(await (await journey.gateway.fetch(`${PATH}/${id}?stream=true`)).text()).toBe(text);
  const rest = await journey.gateway.fetch(`${PATH}/${id}?stream=true&starting_after=0`);
  expect(await rest.text()).toBe(text.slice(text.indexOf('id: 1\n')));
});

test('a retry with the same key is answered once', async () => {
  const headers = { 'idempotency-key': crypto.randomUUID() };
  const body = { model: 'openai/recall', prompt: 'Hello once' };
  const first = await json(post(body, headers));
  const calls = journey.provider.requests.length;
  const again = await post(body, headers);
  expect(again.headers.get('x-clawhold-replayed')).toBe('true');
  expect(await json(again)).toEqual(first);
  expect(journey.provider.requests.length).toBe(calls);
});

describe('refused', () => {
  test.each<[object, string, RegExp]>([
    [{ prompt: '' }, 'prompt', /not empty/],
    [{}, 'prompt', /not empty/],
    [{ prompt: [1, 2, 3] }, 'prompt', /token ids/],
    [{ prompt: ['a', 'b'] }, 'prompt', /a request for each/],
    [{ prompt: 'a', best_of: 3 }, 'best_of', /no provider ranks/],
    [{ prompt: 'a', echo: true, logprobs: 2 }, 'logprobs', /together with `echo`/],
    [{ prompt: 'a', logprobs: 9 }, 'logprobs', /0 to 5/],
    [{ messages: [] }, 'messages', /send `prompt`/],
    [{ prompt: 'a', tools: [] }, 'tools', /use POST \/v1\/chat\/completions/],
    [{ prompt: 'a', max_tokens: 'many' }, 'max_tokens', /whole number/],
  ])('%j', async (body, param, message) => {
    await expectRefusal(post({ model: 'openai/recall', ...body }), 400, {
      code: 'invalid_request',
      param,
      message,
    });
  });

  test('an unknown completion', async () => {
    await expectRefusal(journey.gateway.fetch(`${PATH}/cmpl-none`), 404, { code: 'response_not_found' });
  });
});
