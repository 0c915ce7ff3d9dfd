import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import OpenAI from 'openai';
import type { ResponseStreamEvent } from 'openai/resources/responses/responses';
import { type Journey, startJourney } from '../harness/journey.ts';
import { SchemaBook } from '../harness/json-schema.ts';
import { sent } from '../harness/upstream.ts';

/** The path of the Open Responses API description. If it exists, all answers are checked against it. */
const DEFAULT_SPEC = join(import.meta.dir, '../../../shared/specs/openresponses.openapi.json');
const SPEC = process.env.OPEN_RESPONSES_SPEC ?? (existsSync(DEFAULT_SPEC) ? DEFAULT_SPEC : undefined);
const PROVIDERS = ['openai', 'anthropic', 'gemini'] as const;

/** The fields that the specification requires in every response; some may be `null`. */
const REQUIRED =
  'id object created_at completed_at status incomplete_details model previous_response_id instructions output error tools tool_choice truncation parallel_tool_calls text top_p presence_penalty frequency_penalty top_logprobs temperature reasoning usage max_output_tokens max_tool_calls store background service_tier metadata safety_identifier prompt_cache_key'.split(
    ' ',
  );
const NOT_NULL =
  'tools tool_choice truncation parallel_tool_calls text top_p presence_penalty frequency_penalty top_logprobs temperature store background service_tier metadata'.split(
    ' ',
  );

const tools = [
  {
    type: 'function' as const,
    name: 'weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } } },
    strict: false,
  },
];

let journey: Journey;
let client: OpenAI;

beforeAll(async () => {
  journey = await startJourney();
  client = journey.client;
});
beforeEach(() => journey.provider.reset());
afterAll(() => journey.end());

async function eventsOf(
  body: OpenAI.Responses.ResponseCreateParamsNonStreaming,
): Promise<ResponseStreamEvent[]> {
  return Array.fromAsync(await client.responses.create({ ...body, stream: true }));
}

describe.each(PROVIDERS)('a response of %s', (provider) => {
  test('has every field that the specification requires', async () => {
    const response = await client.responses.create({
      model: `${provider}/say-3`,
      input: 'Hi',
      metadata: { trip: 'paris' },
    });
    expect(REQUIRED.filter((field) => !(field in response))).toEqual([]);
    const fields = response as unknown as Record<string, unknown>;
    expect(NOT_NULL.filter((field) => fields[field] === null)).toEqual([]);
    const { usage } = response;
    expect(usage?.input_tokens).toBeGreaterThan(0);
    expect(usage?.total_tokens).toBe(usage!.input_tokens + 3);
    expect(response).toMatchObject({
      id: expect.stringMatching(/^resp_/),
      object: 'response',
      status: 'completed',
      model: `${provider}/say-3`,
      output_text: 'word1 word2 word3',
      metadata: { trip: 'paris' },
      error: null,
      usage: { output_tokens: 3 },
    });
  });

  test('streams events in order, without a gap, that add up to the response', async () => {
    const events = await eventsOf({ model: `${provider}/say-3`, input: 'Hi' });
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, at) => at));
    expect(events.map(({ type }) => type)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ]);
    const [created] = events;
    const completed = events.at(-1);
    if (created?.type !== 'response.created' || completed?.type !== 'response.completed') throw new Error();
    expect(created.response).toMatchObject({ status: 'in_progress', output: [], completed_at: null });
    expect(completed.response.id).toBe(created.response.id);
    const { output_text: _, ...kept } = await client.responses.retrieve(created.response.id);
    expect(kept).toEqual(completed.response as typeof kept);
    const done = events.find((event) => event.type === 'response.output_item.done');
    expect(done?.item).toEqual(completed.response.output[0]!);
  });

  test("equals the result of the SDK's stream helper", async () => {
    const stream = client.responses.stream({
      model: `${provider}/think+tools`,
      input: 'How is Paris?',
      tools,
      reasoning: { effort: 'low', summary: 'auto' },
    });
    const final = await stream.finalResponse();
    expect(final.status).toBe('completed');
    expect(final.output.map(({ type }) => type)).toEqual(['reasoning', 'function_call']);
    const kept = await client.responses.retrieve(final.id);
    expect(kept.output.map(({ id }) => id)).toEqual(final.output.map(({ id }) => id));
  });

  const check = SPEC ? test : test.skip;
  check('fits the schemas of Open Responses (OPEN_RESPONSES_SPEC names the file)', async () => {
    const book = await SchemaBook.load(SPEC!);
    const asked = [
      { model: `${provider}/say-3`, input: 'Hi' },
      { model: `${provider}/tools`, input: 'How is Paris?', tools },
      { model: `${provider}/say-3+long`, input: 'Hi', instructions: 'Be brief.', temperature: 0.5 },
      { model: `${provider}/say-5+cut-3`, input: 'Hi' },
      { model: `${provider}/think`, input: 'Hi', reasoning: { effort: 'low' as const } },
    ];
    const problems: string[] = [];
    for (const body of asked) {
      for (const event of await eventsOf(body)) {
        const schema = book.eventSchema(event.type);
        if (schema) problems.push(...book.problems(schema, event));
        // This is the name in OpenAI's API and SDK. The specification has a different name.
        else expect(event.type).toMatch(/^response\.reasoning_text\./);
      }
    }
    const plain = await client.responses.create({ ...asked[1]! });
    const { output_text: _, ...whole } = plain;
    problems.push(...book.problems('ResponseResource', whole));
    expect(problems).toEqual([]);
  });
});

describe('a chain of responses', () => {
  test('does not inherit instructions', async () => {
    const first = await client.responses.create({
      model: 'openai/say-1',
      input: 'one',
      instructions: 'Be brief.',
    });
    expect(first.instructions).toBe('Be brief.');
    const second = await client.responses.create({
      model: 'openai/say-1',
      input: 'two',
      previous_response_id: first.id,
    });
    expect(second.instructions).toBeNull();
    expect(second.previous_response_id).toBe(first.id);
    expect(sent(journey.provider.requests[0])).toEqual(['system: Be brief.', 'user: one']);
    expect(sent(journey.provider.requests[1])).toEqual(['user: one', 'assistant: word1', 'user: two']);
  });

  test('forks when two requests continue the same response', async () => {
    const first = await client.responses.create({ model: 'openai/recall', input: 'one' });
    const [left, right] = await Promise.all(
      ['left', 'right'].map((input) =>
        client.responses.create({ model: 'openai/recall', input, previous_response_id: first.id }),
      ),
    );
    expect(left?.output_text).toBe('I have heard: "one" | "left"');
    expect(right?.output_text).toBe('I have heard: "one" | "right"');
  });

  test('resolves item references', async () => {
    const first = await client.responses.create({ model: 'openai/say-2', input: 'one' });
    await client.responses.create({
      model: 'openai/recall',
      input: [
        { type: 'item_reference', id: first.output[0]!.id! },
        { role: 'user', content: 'two' },
      ],
    });
    expect(sent(journey.provider.requests[1])).toEqual(['assistant: word1 word2', 'user: two']);
  });

  test('is not stored with store: false', async () => {
    const response = await client.responses.create({ model: 'openai/say-1', input: 'one', store: false });
    expect(response).toMatchObject({ store: false });
    const notFound = await client.responses.retrieve(response.id).catch((error: unknown) => error);
    expect(notFound).toBeInstanceOf(OpenAI.NotFoundError);
  });
});

describe('a stored response', () => {
  test('is fetched, listed by its input, and deleted', async () => {
    const { id } = await client.responses.create({
      model: 'openai/recall',
      input: [
        { role: 'user', content: 'one' },
        { role: 'user', content: 'two' },
        { role: 'user', content: 'three' },
      ],
    });
    expect((await client.responses.retrieve(id)).output_text).toBe('I have heard: "one" | "two" | "three"');
    const texts: string[] = [];
    for await (const item of client.responses.inputItems.list(id, { order: 'asc', limit: 2 })) {
      if (item.type === 'message' && item.role === 'user' && item.content[0]?.type === 'input_text')
        texts.push(item.content[0].text);
    }
    expect(texts).toEqual(['one', 'two', 'three']);
    const newest = await client.responses.inputItems.list(id);
    expect(newest.data[0]).toMatchObject({ content: [{ text: 'three' }] });
    await client.responses.delete(id);
    const notFound = await client.responses.retrieve(id).catch((error: unknown) => error);
    expect(notFound).toBeInstanceOf(OpenAI.NotFoundError);
    const chained = await client.responses
      .create({ model: 'openai/say-1', input: 'x', previous_response_id: id })
      .catch((error: unknown) => error);
    expect(chained).toBeInstanceOf(OpenAI.BadRequestError);
    expect(chained).toMatchObject({ code: 'previous_response_not_found', param: 'previous_response_id' });
  });

  test('can be cancelled while it runs: the gateway disconnects from the provider and keeps the partial answer', async () => {
    const stream = await client.responses.create({
      model: 'openai/say-9+stall-3',
      input: 'one',
      stream: true,
      background: true,
    });
    const seen: ResponseStreamEvent[] = [];
    let id = '';
    for await (const event of stream) {
      seen.push(event);
      if (event.type === 'response.created') id = event.response.id;
      if (event.type !== 'response.output_text.delta' || event.delta !== ' word3') continue;
      const cancelled = await client.responses.cancel(id);
      expect(cancelled).toMatchObject({ id, status: 'cancelled', output: [{ status: 'incomplete' }] });
    }
    expect((await client.responses.retrieve(id)).status).toBe('cancelled');
    expect((await client.responses.cancel(id)).status).toBe('cancelled');
    expect(journey.provider.requests[0]?.aborted).toBe(true);
    const next = await client.responses.create({
      model: 'anthropic/recall',
      input: 'two',
      previous_response_id: id,
    });
    expect(next.output_text).toBe('I have heard: "one" | "two"');
  });

  test('cannot be cancelled when it has ended', async () => {
    const { id } = await client.responses.create({ model: 'openai/say-1', input: 'one' });
    const refused = await client.responses.cancel(id).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(OpenAI.ConflictError);
    expect(refused).toMatchObject({ code: 'not_cancellable' });
  });

  test('can run in the background and be fetched', async () => {
    const begun = await client.responses.create({
      model: 'openai/say-3+delay-20',
      input: 'one',
      background: true,
    });
    expect(begun).toMatchObject({ status: 'queued', background: true, output: [] });
    let fetched = await client.responses.retrieve(begun.id);
    while (fetched.status === 'queued' || fetched.status === 'in_progress')
      fetched = await client.responses.retrieve(begun.id);
    expect(fetched).toMatchObject({ status: 'completed', output_text: 'word1 word2 word3' });
  });
});

describe('conversations', () => {
  const message = (content: string) => ({ type: 'message' as const, role: 'user' as const, content });

  test('all eight operations', async () => {
    const made = await client.conversations.create({ metadata: { a: '1' }, items: [message('one')] });
    expect(made).toMatchObject({ object: 'conversation', metadata: { a: '1' } });
    expect(await client.conversations.retrieve(made.id)).toEqual(made);
    const updated = await client.conversations.update(made.id, { metadata: { b: '2' } });
    expect(updated).toEqual({ ...made, metadata: { b: '2' } });

    const added = await client.conversations.items.create(made.id, {
      items: [message('two'), message('three')],
    });
    expect(added.data).toHaveLength(2);
    const id = added.data[0]?.id ?? '';
    const inConversation = { conversation_id: made.id };
    expect(await client.conversations.items.retrieve(id, inConversation)).toEqual(added.data[0]!);

    const texts = async (order: 'asc' | 'desc') => {
      const items = await Array.fromAsync(client.conversations.items.list(made.id, { order, limit: 2 }));
      return items.map((item) =>
        item.type === 'message' && 'text' in item.content[0]! ? item.content[0].text : '',
      );
    };
    expect(await texts('asc')).toEqual(['one', 'two', 'three']);
    expect(await texts('desc')).toEqual(['three', 'two', 'one']);

    expect((await client.conversations.items.delete(id, inConversation)).id).toBe(made.id);
    expect(await texts('asc')).toEqual(['one', 'three']);
    const response = await client.responses.create({
      model: 'openai/recall',
      input: 'four',
      conversation: made.id,
    });
    expect(response.output_text).toBe('I have heard: "one" | "three" | "four"');

    expect(await client.conversations.delete(made.id)).toEqual({
      id: made.id,
      object: 'conversation.deleted',
      deleted: true,
    });
    const notFound = await client.conversations.retrieve(made.id).catch((error: unknown) => error);
    expect(notFound).toBeInstanceOf(OpenAI.NotFoundError);
    expect((await client.responses.retrieve(response.id)).output_text).toBe(response.output_text);
  });

  test('keep items of unknown types', async () => {
    const strange = {
      type: 'web_search_call',
      id: 'ws_1',
      status: 'completed',
      action: { type: 'search', query: 'x' },
    };
    const { id } = await client.conversations.create({ items: [strange as never] });
    const [kept] = (await client.conversations.items.list(id)).data;
    expect(kept).toMatchObject({ type: 'web_search_call', action: strange.action });
  });
});
