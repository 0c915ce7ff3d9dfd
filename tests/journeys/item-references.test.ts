import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { OTHER_KEY } from '../harness/gateway.ts';
import { type Journey, json, responseText, sessionLog, startJourney } from '../harness/journey.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { asList, asText, type Json } from '../simulators/provider/shape.ts';

/** A stored item that a request names instead of sending it. */

const UNKNOWN = `msg_${'0'.repeat(33)}o0`;
const CONVERSATIONS = '/v1/conversations';

let journey: Journey;

beforeAll(async () => {
  journey = await startJourney();
});
afterAll(() => journey.end());

const reference = (id: unknown): Json => ({ type: 'item_reference', id });
const user = (content: string): Json => ({ role: 'user', content });
const other = { authorization: `Bearer ${OTHER_KEY}` };
const post = (path: string, body: Json, headers?: Record<string, string>) =>
  journey.gateway.post(path, body, headers);
const create = async (body: Json = {}) => asText((await json(post(CONVERSATIONS, body))).id);
const log = (id: string) => sessionLog(journey.gateway, id);
const itemsOf = async (id: string) =>
  asList((await json(journey.gateway.fetch(`${CONVERSATIONS}/${id}/items?order=asc`))).data);
const respond = (body: Json, headers?: Record<string, string>) =>
  json(post('/v1/responses', { model: 'openai/recall', ...body }, headers));

/** A conversation with one question and its answer. */
async function answered(text: string): Promise<{ id: string; question: string; answer: string }> {
  const id = await create();
  await respond({ input: text, conversation: id });
  const [question, answer] = await itemsOf(id);
  return { id, question: asText(question!.id), answer: asText(answer!.id) };
}

describe('an item that is added to a conversation by its id', () => {
  test('is a copy of the stored item, also of another session', async () => {
    const { question, answer } = await answered('one');
    const id = await create({ items: [reference(question)] });
    const reply = await post(`${CONVERSATIONS}/${id}/items`, { items: [reference(answer), user('two')] });
    expect(reply.status).toBe(200);
    const added = asList((await json(reply)).data);
    expect(added).toMatchObject([
      { type: 'message', role: 'assistant', content: [{ text: 'I have heard: "one"' }] },
      { type: 'message', role: 'user' },
    ]);
    expect(await log(id)).toEqual(['user: one', 'assistant: I have heard: "one"', 'user: two']);
    expect(responseText(await respond({ input: 'three', conversation: id }))).toBe(
      'I have heard: "one" | "two" | "three"',
    );
    // The copy has an id of its own, by which it is found.
    expect(added[0]!.id).not.toBe(answer);
    const path = `${CONVERSATIONS}/${id}/items/${asText(added[0]!.id)}`;
    expect(await json(journey.gateway.fetch(path))).toEqual(added[0]!);
  });

  test('of the same conversation is there twice', async () => {
    const { id, question } = await answered('one');
    await post(`${CONVERSATIONS}/${id}/items`, { items: [reference(question)] });
    expect(await log(id)).toEqual(['user: one', 'assistant: I have heard: "one"', 'user: one']);
  });

  test('of a response without a conversation, and with a file', async () => {
    const image_url = `data:image/png;base64,${'A'.repeat(20_000)}`;
    const content = [{ type: 'input_image', image_url }];
    const response = await respond({ input: [{ role: 'user', content }] });
    const inputs = await json(journey.gateway.fetch(`/v1/responses/${asText(response.id)}/input_items`));
    const id = await create({ items: [reference(asList(inputs.data)[0]!.id)] });
    expect((await itemsOf(id))[0]!.content).toEqual([expect.objectContaining({ image_url })]);
  });

  test('of a response that is kept in its session alone', async () => {
    const headers = { 'x-session-id': 'referenced' };
    await respond({ input: 'one', store: false }, headers);
    const [question] = await itemsOf('referenced');
    expect(await log(await create({ items: [reference(question!.id)] }))).toEqual(['user: one']);
  });

  test('of a call keeps its pair', async () => {
    const call = { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' };
    const output = { type: 'function_call_output', call_id: 'c1', output: 'done' };
    const source = await create({ items: [user('go'), call, output] });
    const id = await create({ items: (await itemsOf(source)).map((item) => reference(item.id)) });
    expect(await log(id)).toEqual(['user: go', 'function_call c1', 'function_call_output c1']);
  });
});

describe('an id that names nothing', () => {
  const ids = async () => {
    const mine = await answered('secret');
    const deleted = await answered('deleted');
    await journey.gateway.fetch(`${CONVERSATIONS}/${deleted.id}/items/${deleted.question}`, {
      method: 'DELETE',
    });
    return [
      ['unknown', UNKNOWN, {}],
      ['malformed', 'msg_1', {}],
      ['deleted', deleted.question, {}],
      ["another tenant's", mine.question, other],
    ] as const;
  };
  const refused = (id: string, param: string) => ({
    code: 'item_not_found',
    param,
    message: new RegExp(`^Item with id '${id}' not found\\.`),
  });

  test('is the same 404 for a new conversation, which is not created', async () => {
    for (const [, id, headers] of await ids()) {
      const made = post(CONVERSATIONS, { items: [user('one'), reference(id)] }, headers);
      await expectRefusal(made, 404, refused(id, 'items[1].id'));
    }
  });

  test('is the same 404 for a conversation, which stays as it is', async () => {
    for (const [, id, headers] of await ids()) {
      const made = await json(post(CONVERSATIONS, {}, headers));
      const path = `${CONVERSATIONS}/${asText(made.id)}/items`;
      await expectRefusal(
        post(path, { items: [user('one'), reference(id)] }, headers),
        404,
        refused(id, 'items[1].id'),
      );
      const { data } = await json(journey.gateway.fetch(path, { headers }));
      expect(asList(data)).toEqual([]);
    }
  });

  test('is the same 404 for a response', async () => {
    for (const [, id, headers] of await ids()) {
      const body = { model: 'openai/recall', input: [reference(id)] };
      await expectRefusal(post('/v1/responses', body, headers), 404, refused(id, 'input[0].id'));
    }
  });
});

describe('a retry after the referenced item was deleted', () => {
  const requests: [string, (id: string, conversation: string) => [string, Json]][] = [
    ['a response', (id) => ['/v1/responses', { model: 'openai/recall', input: [reference(id)] }]],
    ['a conversation', (id) => [CONVERSATIONS, { items: [reference(id)] }]],
    [
      'items of a conversation',
      (id, conversation) => [`${CONVERSATIONS}/${conversation}/items`, { items: [reference(id)] }],
    ],
  ];

  test.each(requests)('gets the first answer: %s', async (_, request) => {
    const retries: Record<string, string>[] = [
      { 'idempotency-key': crypto.randomUUID() },
      { 'x-stainless-retry-count': '1' },
    ];
    for (const headers of retries) {
      const source = await answered(`gone ${crypto.randomUUID()}`);
      const [path, body] = request(source.question, await create());
      const first = await json(post(path, body, headers));
      expect(first).not.toMatchObject({ error: {} });
      const item = `${CONVERSATIONS}/${source.id}/items/${source.question}`;
      expect((await journey.gateway.fetch(item, { method: 'DELETE' })).status).toBe(200);
      const again = await post(path, body, headers);
      expect([again.status, again.headers.get('x-clawhold-replayed')]).toEqual([200, 'true']);
      expect(await json(again)).toEqual(first);
      // A request that is not a retry is refused.
      await expectRefusal(post(path, body), 404, { code: 'item_not_found' });
    }
  });
});
