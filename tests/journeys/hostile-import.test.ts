import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { inSession, type Journey, json, startJourney } from '../harness/journey.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

/** Files that no export wrote. */

let journey: Journey;
/** An export of a session with one turn and one value, as its lines. */
let lines: Json[] = [];

beforeAll(async () => {
  journey = await startJourney();
  const { gateway, client } = journey;
  await client.responses.create({ model: 'local/recall', input: 'My code is 4711.' }, inSession('plan'));
  await gateway.fetch('/v1/conversations/plan/values/step', { method: 'PUT', body: '1' });
  const text = await (await gateway.fetch('/admin/v1/sessions/plan/export')).text();
  lines = text
    .trim()
    .split('\n')
    .map((line) => asJson(JSON.parse(line)));
});
afterAll(() => journey.end());

const send = (changed: readonly Json[]) =>
  journey.gateway.fetch('/admin/v1/import', {
    method: 'POST',
    body: changed.map((line) => `${JSON.stringify(line)}\n`).join(''),
  });

/** The export with a change of its turn, in the `more` of its turn, or of its session. */
const withTurn = (fields: Json): Json[] =>
  lines.map((line) => (line.turn ? { turn: { ...asJson(line.turn), ...fields } } : line));
const withMore = (fields: Json): Json[] =>
  withTurn({ more: { ...asJson(asJson(lines[1]!.turn).more), ...fields } });
const withSession = (fields: Json): Json[] =>
  lines.map((line) => (line.session ? { ...line, session: { ...asJson(line.session), ...fields } } : line));

const message = (role: string, content: unknown) => ({ type: 'message', role, content });
const user = (content: unknown) => withTurn({ input: [message('user', content)] });
const LATE = 9e15;

describe('an import refuses', () => {
  const cases: [what: string, of: () => Json[], param: string][] = [
    ['a time that no date can hold', () => withTurn({ created_at: LATE }), 'line 2.turn.created_at'],
    ['the same of its end', () => withTurn({ completed_at: LATE }), 'line 2.turn.completed_at'],
    ['the same of a session', () => withSession({ created_at: LATE }), 'line 1.session.created_at'],
    ['a message without content', () => user(null), 'line 2.turn.input[0].content'],
    ['a part that is none', () => user([null]), 'line 2.turn.input[0].content[0]'],
    [
      'an image without URL',
      () => user([{ type: 'input_image', image_url: 5 }]),
      'line 2.turn.input[0].content[0].image_url',
    ],
    [
      'a text that is a number',
      () => withTurn({ output: [message('assistant', [{ type: 'output_text', text: 5 }])] }),
      'line 2.turn.output[0].content[0].text',
    ],
    [
      'a call without a name',
      () => withTurn({ output: [{ type: 'function_call', call_id: 'c', arguments: '{}' }] }),
      'line 2.turn.output[0].name',
    ],
    [
      'reasoning without a summary',
      () => withTurn({ output: [{ type: 'reasoning' }] }),
      'line 2.turn.output[0].summary',
    ],
    ['settings of other types', () => withTurn({ settings: { tools: 5 } }), 'line 2.turn.settings.tools'],
    ['usage of other types', () => withMore({ usage: 5 }), 'line 2.turn.more.usage'],
    ['an unknown end', () => withTurn({ finish: [{}] }), 'line 2.turn.finish[0].unified'],
    ['blobs of another store', () => withMore({ toolsBlob: '../x' }), 'line 2.turn.more.toolsBlob'],
    [
      'a key of a value that no path can have',
      () => lines.map((line) => (line.value ? { value: { key: '../x', json: 1 } } : line)),
      'line 3.value.key',
    ],
  ];
  test.each(cases)('%s', async (_, of, param) => {
    const reply = await send(of());
    const { error } = (await json(reply)) as { error: Json };
    expect(reply.status).toBe(400);
    expect(error).toMatchObject({ code: 'invalid_request', param });
  });

  test.each([
    ['a turn that follows itself', () => withTurn({ parent: asJson(lines[1]!.turn).id })],
    ['a turn that comes twice', () => [lines[0]!, lines[1]!, lines[1]!]],
    ['a failed turn without an error', () => withTurn({ state: 'failed' })],
    [
      'the head of another session',
      () => withSession({ head: `resp_${'0'.repeat(20)}${asText(asJson(lines[1]!.turn).id).slice(25)}` }),
    ],
  ] satisfies [string, () => Json[]][])('%s', async (_, of) => {
    const reply = await send(of());
    expect(reply.status).toBe(400);
    expect(await json(reply)).toMatchObject({ error: { code: 'invalid_request' } });
  });
});

test.each([
  ['chatgpt', { title: 'a', mapping: {}, create_time: 1e300 }, 400],
  ['chatgpt', { title: 'a', mapping: {}, create_time: 1e13 }, 400],
  [
    'librechat',
    {
      conversationId: 'a',
      messages: [
        { messageId: 'm', isCreatedByUser: true, text: 'a', createdAt: '+275760-09-13T00:00:00.000Z' },
      ],
    },
    200,
  ],
])('a time of %s that no date has', async (form, file, status) => {
  const body = JSON.stringify(file);
  const reply = await journey.gateway.fetch(`/admin/v1/import?form=${form}`, { method: 'POST', body });
  expect(reply.status).toBe(status);
});

const question = (text: string) => ({
  author: { role: 'user' },
  content: { content_type: 'text', parts: [text] },
});

test.each([
  [
    'chatgpt',
    { mapping: { a: { message: question('a'), parent: 'b' }, b: { message: question('b'), parent: 'a' } } },
  ],
  [
    'librechat',
    {
      conversationId: 'c',
      messages: [{ messageId: 'm', parentMessageId: 'm', isCreatedByUser: true, text: 'a' }],
    },
  ],
])('messages of %s that follow each other in a circle', async (form, file) => {
  const body = JSON.stringify(file);
  const reply = await journey.gateway.fetch(`/admin/v1/import?form=${form}`, { method: 'POST', body });
  expect(reply.status).toBe(400);
  expect(await reply.text()).toContain('in a circle');
});

test('after refused imports, sessions are listed, and an export comes back', async () => {
  expect((await journey.gateway.fetch('/admin/v1/sessions')).status).toBe(200);
  const { sessions } = await json(send(lines));
  expect(asList(sessions)[0]).toMatchObject({ turns: 1, left_out: {} });
});

test('an import says which values are over the limits of a session', async () => {
  const values = Array.from({ length: 300 }, (_, index) => ({ value: { key: `k${index}`, json: index } }));
  const { sessions } = await json(send([lines[0]!, lines[1]!, ...values]));
  expect(asList(sessions)[0]).toMatchObject({ turns: 1, left_out: { value: 44 } });
});
