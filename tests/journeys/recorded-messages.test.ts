import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { json, serverEvents } from '../harness/journey.ts';
import { type RecordedCase, recordedCases } from '../harness/recordings/cases.ts';
import { clawOf, clawsFor } from '../harness/recordings/claws.ts';
import { type ReplayingProvider, replayingProvider } from '../harness/recordings/replaying-provider.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

/**
 * Recorded answers of Anthropic, through the gateway in their own dialect: what the client gets is the recording,
 * except for
 *
 * - the id of the message, which is the gateway's;
 * - `ping` events, and how texts are cut into deltas;
 * - fields without a value (`null`, an empty list of citations), which say nothing;
 * - the order of text and citations in a block: citations come last, because they are about the whole block;
 * - a call without arguments, whose input `{}` comes as a delta;
 * - the usage of `message_delta`, which has the fields of `message_start`, too.
 */

const CASES = recordedCases().filter(({ protocol }) => protocol === 'messages');

let provider: ReplayingProvider;
let gateway: TestGateway;
let count = 0;
beforeAll(async () => {
  provider = replayingProvider();
  gateway = await testGateway({ yaml: clawsFor(CASES, provider.url) });
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop();
});

const QUESTION = [{ role: 'user', content: 'Tell me.' }];

async function ask(recorded: RecordedCase, model: string, messages: unknown[]): Promise<Response> {
  const tools = recorded.tools.map(({ name, parameters }) => ({ name, input_schema: parameters }));
  return gateway.post(
    '/v1/messages',
    {
      model: `${clawOf(recorded)}/${model}`,
      max_tokens: 4096,
      stream: recorded.recorded.form === 'stream',
      messages,
      ...(tools.length > 0 && { tools }),
    },
    { 'x-session-id': model },
  );
}

/** Without fields that say nothing. */
function said(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(said);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([field, inner]) => inner !== null && !(field === 'citations' && asList(inner).length === 0))
      .map(([field, inner]) => [field, said(inner)]),
  );
}

const TEXTS = ['text', 'thinking', 'signature', 'partial_json', 'content'] as const;

/** The events of a message with each kind of delta of a block as one. */
function joined(events: readonly Json[]): Json[] {
  const out: Json[] = [];
  for (const event of events) {
    if (event.type === 'ping') continue;
    const delta = asJson(event.delta);
    const before = out.findLast(
      ({ type, index, delta: other }) =>
        type === 'content_block_delta' && index === event.index && asJson(other).type === delta.type,
    );
    if (event.type !== 'content_block_delta' || !before || delta.type === 'citations_delta') {
      out.push(structuredClone(event));
      continue;
    }
    for (const field of TEXTS) {
      if (typeof delta[field] === 'string') asJson(before.delta)[field] += delta[field];
    }
  }
  return out.map(inOrder).filter((event) => asJson(event.delta).partial_json !== '');
}

/** The input of a call as JSON without spaces; nothing where it is empty. */
function inOrder(event: Json): Json {
  const { partial_json: input } = asJson(event.delta);
  if (typeof input !== 'string') return event;
  const text = input === '' || input === '{}' ? '' : JSON.stringify(JSON.parse(input));
  return { ...event, delta: { ...asJson(event.delta), partial_json: text } };
}

const isCitation = ({ delta }: Json): boolean => asJson(delta).type === 'citations_delta';

/** Events of each block, citations last. */
function sorted(events: Json[]): Json[] {
  return events.toSorted((one, other) => {
    const isSameBlock = one.index !== undefined && one.index === other.index;
    const areDeltas = [one, other].every(({ type }) => type === 'content_block_delta');
    return isSameBlock && areDeltas ? Number(isCitation(one)) - Number(isCitation(other)) : 0;
  });
}

function expectEvents(seen: Json[], recorded: Json[]): void {
  const [start, ...events] = sorted(joined(seen));
  const [recordedStart, ...recordedEvents] = sorted(joined(recorded));
  const { id, ...message } = asJson(start?.message);
  expect(id).toMatch(/^msg_/);
  const { id: _, ...recordedMessage } = asJson(recordedStart?.message);
  expect(said(message)).toEqual(said(recordedMessage));
  const end = events.at(-2)!;
  const recordedEnd = recordedEvents.at(-2)!;
  expect(end.usage).toMatchObject(said(recordedEnd.usage) as Json);
  expect(said({ ...end, usage: undefined })).toEqual(said({ ...recordedEnd, usage: undefined }));
  expect(said(events.toSpliced(-2, 1))).toEqual(said(recordedEvents.toSpliced(-2, 1)));
}

describe('a recorded answer of Anthropic as a message', () => {
  if (CASES.length === 0) {
    test.skip('skipped: the recorded traffic is not on this machine (CLAWHOLD_TRAFFIC)', () => {});
  }
  for (const recorded of CASES) {
    test(`is the recording, and goes back as it came: ${recorded.name}`, async () => {
      const model = `recorded-${count++}`;
      provider.record(model, recorded.recorded);
      const reply = await ask(recorded, model, QUESTION);
      expect(reply.status).toBe(200);
      if (recorded.recorded.form === 'json') {
        const { id, ...body } = await json(reply);
        const { id: _, ...whole } = recorded.whole;
        expect(id).toMatch(/^msg_/);
        expect(said(body)).toEqual(said(whole));
      } else {
        const { events } = serverEvents(await reply.text());
        expect(events.every(({ event, data }) => event === data.type)).toBe(true);
        const raw = recorded.recorded.events.map((event) => asJson(JSON.parse(event)));
        expectEvents(
          events.map(({ data }) => data),
          raw,
        );
      }
      await expectReturned(recorded, model);
    });
  }
});

/** The client sends the answer back: the provider gets its own blocks, and the session knows them. */
async function expectReturned(recorded: RecordedCase, model: string): Promise<void> {
  const content = asList(recorded.whole.content);
  const results = content
    .filter(({ type }) => type === 'tool_use')
    .map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: 'done' }));
  const next = { role: 'user', content: [...results, { type: 'text', text: 'And then?' }] };
  const reply = await ask(recorded, model, [...QUESTION, { role: 'assistant', content }, next]);
  expect(reply.status).toBe(200);
  expect(reply.headers.get('x-clawhold-history')).toBe('matched');
  await reply.text();
  const call = provider.calls(model).at(-1)!;
  expect(call.trouble).toBeUndefined();
  const sent = asList(call.body.messages).filter(({ role }) => role === 'assistant');
  const blocks = sent.flatMap((message) => asList(message.content));
  // A hosted call without a result is sent only while the provider waits for the client's; no text of white space is.
  const answered = new Set(content.map(({ tool_use_id }) => asText(tool_use_id)));
  const expected = content.filter(
    ({ type, id, text }) =>
      (type !== 'server_tool_use' || results.length > 0 || answered.has(asText(id))) &&
      (type !== 'text' || asText(text).trim() !== ''),
  );
  expect(said(blocks)).toEqual(said(expected));
}
