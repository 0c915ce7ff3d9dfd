import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type Dialect, FORMS, PATHS, question } from '../harness/dialects.ts';
import { testGateway } from '../harness/gateway.ts';
import { type Journey, json, startJourney } from '../harness/journey.ts';
import { responsesProvider } from '../harness/responses-provider.ts';
import { asList, type Json } from '../simulators/provider/shape.ts';

/**
 * What one provider takes and another one refuses is in a session: the session goes on at each of them, in the
 * caller's dialect and in another one. The simulated providers refuse what the real ones refuse.
 */

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney();
});
afterAll(() => journey.end());

const HELLO = 'aGVsbG8=';
const PROVIDERS = ['openai/echo', 'anthropic/echo', 'gemini/echo', 'groq/echo'];

const by =
  (role: string) =>
  (...content: unknown[]): Json => ({ role, content: typeof content[0] === 'string' ? content[0] : content });
const user = by('user');
const assistant = by('assistant');
const model = (...parts: unknown[]): Json => ({ role: 'model', parts });
const asked = { role: 'user', parts: [{ text: 'a' }] };
const after = { role: 'user', parts: [{ text: 'b' }] };
const input = (...items: unknown[]): Json => ({ input: [{ role: 'user', content: 'a' }, ...items] });
const messages = (...list: unknown[]): Json => ({ messages: list });

const CONTENTS: [Dialect, string, Json][] = [
  ['chat', 'a part of an unknown kind', messages(user({ type: 'hologram' }))],
  [
    'chat',
    'fields of a message that only some servers take',
    messages(
      user('a'),
      { ...assistant('b'), provider_specific_fields: {}, images: [] },
      { ...user('c'), name: 'Jörg Müller', images: ['x'] },
    ),
  ],
  [
    'chat',
    'a recording',
    messages(user({ type: 'input_audio', input_audio: { data: HELLO, format: 'wav' } })),
  ],
  ['chat', 'an archive', messages(user(FORMS.chat.media('application/zip', HELLO)))],
  ['chat', 'an image at an address of its own', messages(user(FORMS.chat.image('file:///tmp/a.png')))],
  ['responses', 'a part of an unknown kind', { input: [user({ type: 'hologram' })] }],
  ['responses', 'an item of an unknown kind', input({ type: 'hologram' })],
  ['responses', 'an item with the name of an inherited field', input({ type: '__proto__' })],
  [
    'responses',
    'an image that was never made',
    input({ type: 'image_generation_call', id: 'ig_1', status: 'failed' }),
  ],
  [
    'responses',
    'an approval of nothing',
    input({ type: 'mcp_approval_response', approval_request_id: 'mcpr_1', approve: true }),
  ],
  [
    'responses',
    'an output with a part of an unknown kind',
    input(
      { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
      { type: 'function_call_output', call_id: 'c', output: [{ type: 'hologram' }] },
    ),
  ],
  [
    'responses',
    'a recording in an output',
    input(
      { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
      {
        ...{ type: 'function_call_output', call_id: 'c' },
        output: [{ type: 'input_audio', input_audio: { data: HELLO, format: 'wav' } }],
      },
    ),
  ],
  ['messages', 'a block of an unknown kind', messages(user({ type: 'hologram' }))],
  [
    'messages',
    'an unknown block of the model',
    messages(user('a'), assistant({ type: 'hologram' }), user('b')),
  ],
  [
    'messages',
    'a search result',
    messages(
      user({ type: 'search_result', source: 's', title: 't', content: [{ type: 'text', text: 'x' }] }),
    ),
  ],
  [
    'messages',
    'a thought with the signature of another gateway',
    messages(
      user('a'),
      assistant({ type: 'thinking', thinking: 'x', signature: 'none' }, { type: 'text', text: 'x' }),
      user('b'),
    ),
  ],
  [
    'messages',
    'a redacted thought',
    messages(
      user('a'),
      assistant({ type: 'redacted_thinking', data: 'x' }, { type: 'text', text: 'x' }),
      user('b'),
    ),
  ],
  ['gemini', 'a part of an unknown kind', { contents: [{ role: 'user', parts: [{ hologram: {} }] }] }],
  ['gemini', 'an unknown part of the model', { contents: [asked, model({ hologram: {} }), after] }],
  [
    'gemini',
    'a text with the signature of another gateway',
    { contents: [asked, model({ text: 'x', thoughtSignature: HELLO }), after] },
  ],
  [
    'gemini',
    'a file of Google',
    { contents: [{ role: 'user', parts: [{ fileData: { fileUri: 'gs://bucket/a.pdf' } }] }] },
  ],
  [
    'interactions',
    'a step that only Google has',
    {
      input: [
        { type: 'user_input', content: 'a' },
        { type: 'google_search_call', id: 'x', arguments: { queries: ['q'] } },
      ],
    },
  ],
];

describe.each(CONTENTS)('%s: %s', (dialect, what, body) => {
  test('does not end the session', async () => {
    const session = { 'x-session-id': `${dialect} ${what}`.replaceAll(/[^a-z]/g, '-') };
    const ask = (path: Dialect, fields: Json) => journey.gateway.post(PATHS[path], fields, session);
    expect((await ask(dialect, { model: 'local/recall', ...body })).status).toBe(200);
    for (const model of PROVIDERS) {
      for (const path of new Set<Dialect>([dialect, 'responses', 'chat'])) {
        const reply = await ask(path, { model, ...question(path, 'And?') });
        expect([model, path, reply.status, reply.ok || (await reply.text())]).toEqual([
          model,
          path,
          200,
          true,
        ]);
      }
    }
  });
});

test('the provider that took an unknown part and an unknown field gets them again', async () => {
  const provider = responsesProvider();
  const gateway = await testGateway({ yaml: provider.yaml });
  try {
    const ask = (fields: Json) => gateway.post(PATHS.chat, fields, { 'x-session-id': 'took-it' });
    const first = { ...user({ type: 'hologram', light: 7 }), shade: 8 };
    expect((await ask({ model: 'chat/m', messages: [first] })).status).toBe(200);
    expect((await ask({ model: 'chat/m', ...question('chat', 'And?') })).status).toBe(200);
    expect(asList(provider.bodies.at(-1)!.messages)[0]).toEqual(first);
    provider.answer({ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Hi' }] });
    expect((await ask({ model: 'one/m', ...question('chat', 'And?') })).status).toBe(200);
    expect(JSON.stringify(provider.bodies.at(-1))).not.toMatch(/light|shade/);
  } finally {
    await gateway.stop();
    await provider.stop();
  }
});

test('another provider is told of an unknown part, and the session keeps it', async () => {
  const session = { 'x-session-id': 'told' };
  const part = { type: 'hologram', light: 7 };
  const ask = (fields: Json) => journey.gateway.post('/v1/responses', fields, session);
  const first = await ask({
    model: 'local/recall',
    input: [user({ type: 'input_text', text: 'Look' }, part)],
  });
  await ask({ model: 'openai/echo', input: 'And?' });
  const sent = JSON.stringify(journey.provider.requests.at(-1)!.body);
  expect(sent).toContain('not readable by this model: content of type \\"hologram\\"');
  expect(sent).not.toContain('light');
  const id = first.headers.get('x-clawhold-session-id');
  const { data } = await json(journey.gateway.fetch(`/v1/conversations/${id}/items?order=asc`));
  expect(asList(asList(data)[0]?.content)).toContainEqual(part);
});

test('an output that has no parts is read in every dialect', async () => {
  const session = { 'x-session-id': 'shell' };
  const ask = (path: Dialect, fields: Json) =>
    journey.gateway.post(PATHS[path], { model: 'openai/echo', ...fields }, session);
  const shell = [
    { type: 'shell_call', call_id: 'c', action: { commands: ['ls'] } },
    {
      ...{ type: 'shell_call_output', call_id: 'c' },
      output: [{ stdout: 'readme.md', stderr: '', outcome: { type: 'exit', exit_code: 0 } }],
    },
  ];
  expect((await ask('responses', { model: 'local/recall', ...input(...shell) })).status).toBe(200);
  for (const path of ['responses', 'chat', 'messages'] as const) {
    expect((await ask(path, question(path, 'And?'))).status).toBe(200);
    expect(JSON.stringify(journey.provider.requests.at(-1)!.body)).toContain('readme.md');
  }
});

test('appended items of unknown kinds do not end a session', async () => {
  const items = [
    { type: 'message', ...user({ type: 'input_text', text: 'Look' }, { type: 'hologram' }) },
    { type: 'hologram' },
    { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
    { type: 'function_call_output', call_id: 'c', output: [{ type: 'hologram' }] },
  ];
  const { id } = await json(journey.gateway.post('/v1/conversations', { items }));
  for (const model of PROVIDERS) {
    const reply = await journey.gateway.post(PATHS.responses, { model, input: 'And?', conversation: id });
    expect([model, reply.status]).toEqual([model, 200]);
    expect(JSON.stringify(journey.provider.requests.at(-1)!.body)).toContain('Look');
  }
});
