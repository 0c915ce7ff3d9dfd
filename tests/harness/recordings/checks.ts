import { expect } from 'bun:test';
import { lostLeaves } from '../../conformance/wire-protocol.ts';
import { asJson, asList, asText, type Json } from '../../simulators/provider/shape.ts';
import type { RecordedCase } from './cases.ts';
import { type Ask, NEXT, outputOf, QUESTION, type Reply } from './client.ts';
import { type Received, receivedBy } from './received.ts';
import type { ReplayedCall } from './replaying-provider.ts';
import type { Told, ToldCall } from './told.ts';

/** Reasoning without spaces: its parts are joined in different ways. */
const squeezed = (text: string): string => text.replace(/\s+/g, '');

const bare = ({ kind, name, args }: ToldCall) => ({ kind, name, args });

/** Checks that the client's form of the answer holds everything from the recording. */
export function expectAll({ dialect, recorded: { protocol, whole } }: Ask, answer: Json): void {
  if (dialect === protocol) expect(lostLeaves(whole, answer, OWN[dialect])).toEqual([]);
}

/**
 * Fields that the gateway itself writes: names, times, repeated request fields, and token counts, which some
 * providers report in another way (`told` has them).
 */
const OWN = {
  chat: /^(id|object|model|created)$|^usage\.(\w+_time|cost_in_usd_ticks|completion_tokens)$/,
  responses:
    /^(id|model|created_at|completed_at|output\[\d+\]\.id)$|^(reasoning|text|top_p|tool_choice|prompt_cache_retention)\b/,
};

export function expectTold(told: Told, { told: recorded }: RecordedCase): void {
  expect(told.text).toBe(recorded.text);
  expect(told.refusal).toBe(recorded.refusal);
  expect(squeezed(told.reasoning)).toBe(squeezed(recorded.reasoning));
  expect(told.calls.map(bare)).toEqual(recorded.calls.map(bare));
  expect(told.finish).toBe(recorded.finish);
  if (recorded.usage) expect(told.usage).toEqual(recorded.usage);
}

/** Checks what a provider received in the second turn. */
export function expectReceived({ trouble, protocol, body }: ReplayedCall, first: Reply): void {
  expect(trouble).toBeUndefined();
  const received = receivedBy(protocol, body);
  expect(received.asked.filter((text) => text === QUESTION)).toHaveLength(1);
  expect(received.asked.filter((text) => text === NEXT)).toHaveLength(1);
  expectOnce(received.said, first.told.text);
  expectCalls(received, first.told.calls);
}

/** Claws leave out white space around a message's text, so the words are compared. */
function expectOnce(said: string, text: string): void {
  const words = squeezed(text);
  if (words === '') return;
  expect(squeezed(said).split(words).length - 1).toBe(1);
}

function expectCalls({ calls, outputs }: Received, told: ToldCall[]): void {
  for (const call of told) {
    const ids = calls.filter((each) => isSameCall(each, call)).flatMap(({ id, name }) => [id, name]);
    const answers = outputs.filter(({ text }) => text === outputOf(call.id));
    expect(answers).toHaveLength(1);
    expect(ids).toContain(answers[0]!.call);
  }
}

/** A function may have its namespace in its name; a custom tool may be a function with one string. */
function isSameCall(sent: ToldCall, { name, args }: ToldCall): boolean {
  return sent.name.endsWith(name) && (sent.args === args || sent.args === JSON.stringify({ input: args }));
}

/** Checks that the provider of the recording gets its own items back unchanged. */
export function expectOwn(body: Json, { protocol, whole }: RecordedCase): void {
  if (protocol === 'messages') {
    const [, answer] = asList(body.messages);
    const blocks = asList(whole.content).filter(({ text }) => typeof text !== 'string' || text.trim() !== '');
    expect(asList(answer?.content)).toEqual(blocks);
  } else if (protocol === 'gemini') {
    const [, answer] = asList(body.contents);
    expect(asList(answer?.parts)).toEqual(asList(asJson(asList(whole.candidates)[0]?.content).parts));
  } else if (protocol === 'responses') {
    const output = asList(whole.output).filter(isReadable);
    expect(
      asList(body.input)
        .slice(1, 1 + output.length)
        .map(withoutIds),
    ).toEqual(output.map(withoutIds));
  }
}

/**
 * Reasoning that only the provider can look up is not sent: the provider may not have stored it. Nor is the output of a
 * program that is not in the recording.
 */
const isReadable = ({ type, encrypted_content, content }: Json): boolean =>
  type !== 'program_output' &&
  (type !== 'reasoning' || asText(encrypted_content) !== '' || asList(content).length > 0);

/** An item without the fields that the API does not need again. The program of a `caller` is not in the recordings. */
function withoutIds({ id, status, caller, ...item }: Json): Json {
  if (item.content === undefined) return item;
  return { ...item, content: asList(item.content).map(({ logprobs, ...part }) => part) };
}
