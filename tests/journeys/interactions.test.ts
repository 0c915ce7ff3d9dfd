import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type Journey, json, serverEvents, startJourney } from '../harness/journey.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

/** Google's Interactions API, over providers of every protocol. */

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney();
});
afterAll(() => journey.end());

const PATH = '/v1beta/interactions';
const PROVIDERS = ['openai', 'anthropic', 'gemini', 'groq'];

const post = (body: object, headers?: Record<string, string>) => journey.gateway.post(PATH, body, headers);
const ask = (body: object, headers?: Record<string, string>): Promise<Json> => json(post(body, headers));
const steps = (interaction: Json, type: string): Json[] =>
  asList(interaction.steps).filter((step) => step.type === type);
const textOf = (interaction: Json): string =>
  steps(interaction, 'model_output')
    .flatMap(({ content }) => asList(content))
    .map(({ text }) => asText(text))
    .join('');
const errorOf = async (response: Promise<Response>): Promise<Json> => asJson((await json(response)).error);

const WEATHER = {
  type: 'function',
  name: 'get_weather',
  description: 'The weather of a city.',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

/** Folds the events of a stream into the steps of an interaction. */
function folded(events: readonly { data: Json }[]): Json[] {
  const made: Json[] = [];
  for (const { data } of events) {
    const { index, delta } = data as { index: number; delta: Json };
    if (data.event_type === 'step.start') made[index] = { ...asJson(data.step) };
    if (data.event_type !== 'step.delta') continue;
    const step = made[index]!;
    if (delta.type === 'text') {
      const [content] = asList(step.content ?? []);
      step.content = [{ text: asText(content?.text ?? '') + asText(delta.text), type: 'text' }];
    } else if (delta.type === 'arguments_delta') {
      step.json = asText(step.json ?? '') + asText(delta.arguments);
    } else if (delta.type === 'thought_signature') step.signature = delta.signature;
    else if (delta.type === 'thought_summary') {
      step.summary = [
        {
          text: asText(asList(step.summary ?? [])[0]?.text ?? '') + asText(asJson(delta.content).text),
          type: 'text',
        },
      ];
    }
  }
  return made.map(({ json: text, ...step }) =>
    text === undefined ? step : { ...step, arguments: JSON.parse(asText(text)) },
  );
}

describe.each(PROVIDERS)('%s', (provider) => {
  const model = `${provider}/recall`;

  test('answers, remembers what it continues, and is fetched again', async () => {
    const first = await ask({ model, input: 'My dog is Rex.' });
    expect(first).toMatchObject({ object: 'interaction', status: 'completed' });
    const second = await ask({ model, input: 'What is my dog?', previous_interaction_id: first.id });
    expect(textOf(second)).toContain('Rex');
    const { id } = second;
    expect(await json(journey.gateway.fetch(`${PATH}/${id}`))).toEqual(second);
    const withInput = await json(journey.gateway.fetch(`${PATH}/${id}?include_input=true`));
    expect(asList(withInput.steps)[0]).toEqual({
      content: [{ text: 'What is my dog?', type: 'text' }],
      type: 'user_input',
    });
  });

  test('a stream has the same steps, and is resumed after any event', async () => {
    const streamed = await (await post({ model, input: 'My cat is Mia.', stream: true })).text();
    const { events, done } = serverEvents(streamed);
    expect(done).toBe(true);
    const [created] = events;
    expect(created).toMatchObject({ event: 'interaction.created' });
    const { id } = asJson(created!.data.interaction);
    const whole = await json(journey.gateway.fetch(`${PATH}/${id}`));
    expect(folded(events)).toEqual(asList(whole.steps));
    for (const last of [0, 2, events.length - 2]) {
      const rest = await journey.gateway.fetch(`${PATH}/${id}?stream=true&last_event_id=${last}`);
      expect(await rest.text()).toBe(streamed.slice(streamed.indexOf(`id: ${last + 1}\n`)));
    }
  });

  test.each(['whole', 'stream'])('calls a function and reads its result (%s)', async (form) => {
    const body = { model: `${provider}/tool1`, tools: [WEATHER], input: 'What is the weather in Paris?' };
    const asked = { ...body, stream: form === 'stream' };
    const response = await post(asked);
    const text = await response.text();
    const events = form === 'stream' ? serverEvents(text).events : [];
    const last = asJson(events.at(-1)?.data.interaction ?? (form === 'whole' ? JSON.parse(text) : {}));
    expect(last.status).toBe('requires_action');
    const made = form === 'stream' ? folded(events) : asList(last.steps);
    const call = made.find(({ type }) => type === 'function_call')!;
    expect([call.name, typeof call.id, typeof call.arguments]).toEqual(['get_weather', 'string', 'object']);
    const result = {
      type: 'function_result',
      call_id: call.id,
      name: 'get_weather',
      result: { sky: 'blue' },
    };
    const next = await ask({ ...body, model, input: [result], previous_interaction_id: last.id });
    expect(next).toMatchObject({ status: 'completed' });
    expect(JSON.stringify(journey.provider.requests.at(-1)!.body)).toContain('blue');
  });
});

test('a client that keeps its own state sends the steps back', async () => {
  const asked = { type: 'user_input', content: [{ type: 'text', text: 'My dog is Rex.' }] };
  const first = await ask({ model: 'openai/recall', input: [asked], store: false });
  expect(first.id).toBeUndefined();
  const next = { type: 'user_input', content: [{ type: 'text', text: 'What is my dog?' }] };
  const second = await ask({
    model: 'openai/recall',
    input: [asked, ...asList(first.steps), next],
    store: false,
  });
  expect(textOf(second)).toContain('Rex');
});

test('the full history of a session is recognised', async () => {
  const headers = { 'x-session-id': `steps-${crypto.randomUUID()}` };
  const asked = { type: 'user_input', content: [{ type: 'text', text: 'My dog is Rex.' }] };
  const first = await ask({ model: 'openai/recall', input: [asked] }, headers);
  const next = { type: 'user_input', content: [{ type: 'text', text: 'What is my dog?' }] };
  const second = await post(
    { model: 'anthropic/recall', input: [asked, ...asList(first.steps), next] },
    headers,
  );
  expect(second.headers.get('x-clawhold-history')).toBe('matched');
  expect(textOf(await json(second))).toContain('Rex');
});

test('an interaction goes on as a response, and the other way round', async () => {
  const first = await ask({ model: 'openai/recall', input: 'My dog is Rex.' });
  const response = await json(
    journey.gateway.post('/v1/responses', {
      model: 'openai/recall',
      input: 'What is my dog?',
      previous_response_id: first.id,
    }),
  );
  expect(JSON.stringify(response.output)).toContain('Rex');
  const again = await ask({ model: 'openai/recall', input: 'My dog?', previous_interaction_id: response.id });
  expect(again.previous_interaction_id).toBe(response.id);
  expect(JSON.stringify(journey.provider.requests.at(-1)!.body)).toContain('Rex');
});

test('thoughts are sealed, and their provider gets them back in a loop of calls', async () => {
  const body = {
    model: 'anthropic/think+tool1',
    tools: [WEATHER],
    generation_config: { thinking_level: 'high' },
  };
  const asked = { type: 'user_input', content: [{ type: 'text', text: 'What is the weather in Paris?' }] };
  const first = await ask({ ...body, input: [asked], store: false });
  const [thought] = steps(first, 'thought');
  const [call] = steps(first, 'function_call');
  if (!thought || !call) throw new Error(`No thought or call: ${JSON.stringify(first)}`);
  expect(asText(thought.signature)).toStartWith('clawhold-seal.');
  const result = { type: 'function_result', call_id: call.id, name: call.name, result: 'sunny' };
  await ask({
    ...body,
    model: 'anthropic/recall',
    input: [asked, ...asList(first.steps), result],
    store: false,
  });
  expect(JSON.stringify(journey.provider.requests.at(-1)!.body)).toContain('"thinking"');
});

test('a background interaction is fetched later, cancelled and deleted', async () => {
  const slow = await ask({ model: 'openai/pace-50+say-50', input: 'Count slowly.', background: true });
  expect(['queued', 'in_progress']).toContain(asText(slow.status));
  const cancelled = await json(journey.gateway.post(`${PATH}/${slow.id}/cancel`, {}));
  expect(cancelled).toMatchObject({ id: slow.id, status: 'cancelled' });
  const removed = await journey.gateway.fetch(`${PATH}/${slow.id}`, { method: 'DELETE' });
  expect([removed.status, await removed.json()]).toEqual([200, {}]);
  expect((await journey.gateway.fetch(`${PATH}/${slow.id}`)).status).toBe(404);
});

test('a retry with the same key is answered once', async () => {
  const headers = { 'idempotency-key': crypto.randomUUID() };
  const body = { model: 'openai/recall', input: 'Hello once' };
  const first = await ask(body, headers);
  const calls = journey.provider.requests.length;
  const again = await post(body, headers);
  expect(again.headers.get('x-clawhold-replayed')).toBe('true');
  expect(await json(again)).toEqual(first);
  expect(journey.provider.requests.length).toBe(calls);
});

test('settings reach a provider of Google as it names them', async () => {
  await ask({
    model: 'gemini/recall',
    input: [
      { type: 'text', text: 'Hi' },
      { type: 'image', mime_type: 'image/png', data: 'iVBORw0KGgo=' },
    ],
    system_instruction: 'Be brief.',
    generation_config: {
      max_output_tokens: 9,
      stop_sequences: ['X'],
      temperature: 0.5,
      speech_config: { voice: 'a' },
    },
    response_format: { type: 'text', mime_type: 'application/json', schema: { type: 'object' } },
    safety_settings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
  });
  expect(journey.provider.requests.at(-1)!.body).toMatchObject({
    systemInstruction: { parts: [{ text: 'Be brief.' }] },
    contents: [{ role: 'user', parts: [{ text: 'Hi' }, { inlineData: { mimeType: 'image/png' } }] }],
    generationConfig: {
      maxOutputTokens: 9,
      stopSequences: ['X'],
      temperature: 0.5,
      responseMimeType: 'application/json',
      speechConfig: { voice: 'a' },
    },
    safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT' }],
  });
});

describe('refused', () => {
  const user = (content: unknown) => ({ type: 'user_input', content });
  test.each<[Json, string, RegExp]>([
    [{ agent: 'deep-research', input: 'x' }, 'agent', /agents run at Google/],
    [{ model: 'openai/recall', input: 7 }, 'input', /a text, contents or steps/],
    [{ model: 'openai/recall', input: [{ text: 'x' }] }, 'input[0].type', /the kind of the step/],
    [{ model: 'openai/recall', input: [user([{ type: 'text' }])] }, 'input[0].content[0].text', /a string/],
    [{ model: 'openai/recall', input: [{ type: 'image', data: 'AA' }] }, 'input[0].mime_type', /image\/png/],
    [
      { model: 'openai/recall', input: [{ type: 'function_result', result: 'x' }] },
      'input[0].call_id',
      /a string/,
    ],
    [{ model: 'openai/recall', contents: [] }, 'contents', /send `input`/],
    [{ model: 'openai/recall', input: 'x', background: true, store: false }, 'background', /needs `store`/],
    [
      { model: 'openai/recall', input: 'x', previous_interaction_id: 'int_no' },
      'previous_interaction_id',
      /not found/,
    ],
    [
      { model: 'openai/recall', input: 'x', generation_config: { temperature: 9 } },
      'generation_config.temperature',
      /0 to 2/,
    ],
  ])('%j', async (body, field, message) => {
    const error = await errorOf(post(body));
    expect(error.message).toMatch(message);
    const violations = asList(error.details).flatMap((detail) => asList(detail.fieldViolations ?? []));
    expect(violations).toMatchObject([{ field }]);
  });

  test('without a key, in the envelope of Google', async () => {
    const reply = await fetch(`${journey.gateway.url}${PATH}`, { method: 'POST', body: '{}' });
    expect(reply.status).toBe(401);
    expect(asJson((await json(reply)).error)).toMatchObject({ code: 401, status: 'UNAUTHENTICATED' });
  });
});

test.each([{}, { input: null }, { input: '' }, { input: [] }])(
  'an interaction with %j has no input',
  async (body) => {
    const session = { 'x-session-id': 'empty-input' };
    await ask({ model: 'openai/echo', input: 'Hi' }, session);
    for (const fields of [{}, { background: true }])
      await expectRefusal(post({ model: 'openai/echo', ...body, ...fields }, session), 400, {
        code: 'invalid_request',
        param: 'input',
      });
  },
);
