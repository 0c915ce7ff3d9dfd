import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { serverEvents } from '../harness/journey.ts';
import { type RecordedFailure, recordedCases, recordedFailures } from '../harness/recordings/cases.ts';
import { expectAll, expectOwn, expectReceived, expectTold } from '../harness/recordings/checks.ts';
import { clawOf, clawsFor, PROTOCOL_NAMES } from '../harness/recordings/claws.ts';
import {
  type Ask,
  followUp,
  isForChat,
  items,
  NEXT,
  post,
  QUESTION,
  type Reply,
  read,
} from '../harness/recordings/client.ts';
import { unknownFields } from '../harness/recordings/known-fields.ts';
import { receivedBy } from '../harness/recordings/received.ts';
import {
  type ReplayedCall,
  type ReplayingProvider,
  replayingProvider,
} from '../harness/recordings/replaying-provider.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

const CASES = recordedCases();
const FAILURES = recordedFailures();

let provider: ReplayingProvider;
let gateway: TestGateway;
let count = 0;

/** A failure may block other calls of its claw, so each failure has its own claw. */
const failingClaw = (failure: number, way: number): string => `failing-${failure}-${way}`;

beforeAll(async () => {
  provider = replayingProvider();
  const failing = FAILURES.flatMap(({ protocol }, index) =>
    WAYS.map((_, way) => ({ provider: failingClaw(index, way), protocol })),
  );
  gateway = await testGateway({ yaml: clawsFor([...CASES, ...failing], provider.url) });
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop();
});

/** Calls that a chat client cannot answer get an output from the gateway. */
const isClosingOutput = ({ type, status }: Json): boolean =>
  asText(type).endsWith('_output') && status === 'incomplete';

/**
 * Items that clients of the Responses API write or answer. The history of a chat client is not recognised after
 * such an item.
 */
const HIDES_HISTORY = /^(compaction|shell_call|tool_search_call|mcp_approval_request)$/;

const isRecognised = ({ dialect, recorded: { whole } }: Ask): boolean =>
  dialect === 'responses' ||
  ![...asList(whole.output), ...asList(whole.content)].some(({ type }) => HIDES_HISTORY.test(asText(type)));

interface Second {
  /** The model as the client names it. */
  model: string;
  withHistory: boolean;
}

async function secondTurn(ask: Ask, { model, withHistory }: Second, first: Reply): Promise<ReplayedCall> {
  const tools = ask.recorded.tools.filter(isForChat);
  const input = followUp(ask, first, withHistory);
  const before = await items(gateway, first.conversation);
  const reply = await read(ask, await post(ask, model, input, tools));
  // A conversation without an answer for this provider has both questions in one message.
  expect(reply.told.text).toEndWith(NEXT);
  expect(reply.conversation).toBe(first.conversation);
  const after = await items(gateway, first.conversation);
  expect(after.slice(0, before.length)).toEqual(before);
  const added = followUp(ask, first, false).length;
  const closing = after.slice(before.length).filter(isClosingOutput);
  expect(after).toHaveLength(before.length + added + closing.length + 1);
  const call = provider.calls(model.slice(model.indexOf('/') + 1)).at(-1)!;
  expectReceived(call, first);
  return call;
}

async function firstTurn(ask: Ask): Promise<Reply> {
  const { recorded, dialect, model } = ask;
  provider.record(model, recorded.recorded);
  const input = [{ role: 'user', content: QUESTION }];
  const first = await read(ask, await post(ask, `${clawOf(recorded)}/${model}`, input, recorded.tools));
  expectTold(first.told, recorded);
  expectAll(ask, first.whole);
  expect(provider.calls(model)).toHaveLength(1);
  const [asked, ...output] = await items(gateway, first.conversation);
  expect(asked).toMatchObject({ role: 'user', content: [{ text: QUESTION }] });
  if (dialect === 'responses') expect(output).toEqual(asList(first.whole.output));
  expect(new Set([asked, ...output].map((item) => item?.id)).size).toBe(output.length + 1);
  return first;
}

const WAYS = [
  { dialect: 'chat', stream: true },
  { dialect: 'chat', stream: false },
  { dialect: 'responses', stream: true },
  { dialect: 'responses', stream: false },
] as const;

describe('recorded traffic through the gateway', () => {
  if (CASES.length === 0) {
    test.skip('skipped: the recorded traffic is not on this machine (CLAWHOLD_TRAFFIC)', () => {});
  }
  for (const [index, recorded] of CASES.entries()) {
    for (const [way, { dialect, stream }] of WAYS.entries()) {
      const title = `${recorded.name}: ${dialect} ${stream ? 'streamed' : 'whole'}`;
      const other = PROTOCOL_NAMES[(index + way) % PROTOCOL_NAMES.length]!;
      const ask = () => ({ gateway, recorded, dialect, stream, model: `recorded-${count++}` });
      test(`${title}, then the same provider`, async () => {
        const asked = ask();
        const first = await firstTurn(asked);
        const model = `${clawOf(recorded)}/${asked.model}`;
        const { body } = await secondTurn(asked, { model, withHistory: false }, first);
        expectOwn(body, recorded);
      });
      test(`${title}, then another one of ${other}`, async () => {
        const asked = ask();
        const first = await firstTurn(asked);
        const model = `other-${other}/${asked.model}+other`;
        const { body } = await secondTurn(
          asked,
          { model, withHistory: !stream && isRecognised(asked) },
          first,
        );
        expect(unknownFields(other, body)).toEqual([]);
      });
    }
  }
});

/** A provider's stream may fail after it has begun. The answer has then begun too, and reports the failure. */
async function expectFailure({ dialect, stream }: Ask, reply: Response, failure: RecordedFailure) {
  const text = await reply.text();
  expect(text).toContain(failure.message);
  if (reply.status !== 200 || failure.recorded.form === 'json') {
    expect(reply.status).toBe(failure.means);
    expect(asJson(asJson(JSON.parse(text)).error).message).toContain(failure.message);
  } else if (!stream) expect(JSON.parse(text)).toMatchObject({ object: 'response', status: 'failed' });
  else {
    const { events, done } = serverEvents(text);
    expect(done).toBe(false);
    const last = events.at(-1)?.data;
    if (dialect === 'chat') expect(last).toMatchObject({ error: { message: expect.any(String) } });
    else expect(last).toMatchObject({ type: 'response.failed', response: { status: 'failed' } });
  }
}

describe('a recorded failure through the gateway', () => {
  for (const [index, failure] of FAILURES.entries()) {
    for (const [way, { dialect, stream }] of WAYS.entries()) {
      const title = `${failure.name}: ${dialect} ${stream ? 'streamed' : 'whole'}`;
      test(`${title}, then another provider`, async () => {
        const model = `recorded-${count++}`;
        const recorded = { ...CASES[0]!, tools: [] };
        const asked: Ask = { gateway, recorded, dialect, stream, model };
        const input = [{ role: 'user', content: QUESTION }];
        provider.record(model, failure.recorded, failure.status);
        const reply = await post(asked, `${failingClaw(index, way)}/${model}`, input, []);
        await expectFailure(asked, reply, failure);
        const other = PROTOCOL_NAMES[(index + way) % PROTOCOL_NAMES.length]!;
        const next = await read(asked, await post(asked, `other-${other}/${model}+other`, input, []));
        expect(next.told.text).toBe(`You said: ${QUESTION}`);
        expect(await items(gateway, next.conversation)).toHaveLength(2);
        const call = provider.calls(`${model}+other`).at(-1)!;
        expect(receivedBy(call.protocol, call.body).asked).toEqual([QUESTION]);
      });
    }
  }
});
