import { describe, expect, test } from 'bun:test';
import { gemini } from '../../src/claws/gemini/protocol.ts';
import { foldAll } from '../../src/core/fold.ts';
import { continuationConformance } from './continuation.ts';
import { readStream, recordings, wireProtocolConformance } from './wire-protocol.ts';

// Other recordings of Google are of other APIs: `interactions-*` of Interactions, `speech-*` of Live.
const ALL = recordings(['google'], /^google-/);

type Json = Record<string, unknown>;

/**
 * Appends a part to those of a whole answer: unsigned text to unsigned text, streamed arguments to their
 * call.
 */
function addPart(parts: Json[], part: Json): void {
  const last = parts.at(-1);
  const call = part.functionCall as Json | undefined;
  if (call && call.name === undefined) {
    const args = (last!.functionCall as Json).args as Json;
    for (const partial of (call.partialArgs ?? []) as Json[]) addLeaf(args, partial);
  } else if (call) {
    parts.push({ ...part, functionCall: { name: call.name, args: call.args ?? {} } });
  } else if (part.text === '' && part.thoughtSignature === undefined) {
    return;
  } else if (last && typeof last.text === 'string' && !last.thoughtSignature && !part.thoughtSignature) {
    last.text += part.text as string;
  } else {
    parts.push({ ...part });
  }
}

/** Supports only the paths in the recordings, such as `$.operations[0].action`. */
function addLeaf(args: Json, partial: Json): void {
  const [, list, index, field] = /^\$\.(\w+)\[(\d)\]\.(\w+)$/.exec(partial.jsonPath as string)!;
  args[list!] ??= [];
  const entries = args[list!] as Json[];
  entries[Number(index)] ??= {};
  const entry = entries[Number(index)]!;
  const text = partial.stringValue;
  entry[field!] = text === undefined ? partial.numberValue : `${entry[field!] ?? ''}${text}`;
}

function reassemble(events: unknown[]): unknown {
  const whole: Json = {};
  const candidate: Json = { content: { role: 'model', parts: [] } };
  for (const event of events as Json[]) {
    Object.assign(whole, event);
    const [chunk] = event.candidates as Json[];
    const { content, ...rest } = chunk!;
    Object.assign(candidate, rest);
    for (const part of (content as { parts: Json[] }).parts) {
      addPart((candidate.content as { parts: Json[] }).parts, part);
    }
  }
  return { ...whole, candidates: [candidate] };
}

wireProtocolConformance({
  protocol: gemini,
  recordings: ALL,
  reassemble,
  structural: /\.content\.role$|^candidates\[0\]\.index$/,
});

continuationConformance({
  protocol: gemini,
  path: '',
  ways: [
    { label: 'gemini-2.5-flash', prefills: true },
    { label: 'gemini-3.1-pro-preview', prefills: true },
    { label: 'gemini-3.5-flash-lite', prefills: false },
    { label: 'gemini-3.6-flash', prefills: false },
    { label: 'gemini-flash-latest', prefills: false },
  ],
});

describe('gemini: recordings with their own tests', () => {
  const named = (name: string) => ALL.find((recording) => recording.name.endsWith(name));
  const streamed = named('missing-terminal-function-call');
  test.skipIf(!streamed)('streamed arguments make one call', () => {
    const folded = foldAll(readStream(gemini, streamed!.events!));
    expect(folded.items).toHaveLength(2);
    expect(folded.items[0]!.native).toEqual({
      carries: {
        call: 'call_3noMaojQL_2s6tkPiO26qQ4_0_0',
        marks: folded.items[1]!.native as object,
      },
    });
    expect(folded.items[1]!.item).toEqual({
      type: 'function_call',
      call_id: 'call_3noMaojQL_2s6tkPiO26qQ4_0_0',
      name: 'writeItems',
      arguments:
        '{"operations":[{"action":"add","description":"Fresh red apple","itemid":"apple_001","price":0.5},' +
        '{"action":"add","description":"Ripe yellow banana","itemid":"banana_001","price":0.3}]}',
    });
    expect(folded.finish).toEqual([{ unified: 'tool_calls', raw: 'STOP' }]);
    expect(folded.usage).toMatchObject({ input: 54, output: 195, reasoning: 121 });
  });
  const signed = named('google-reasoning-gemini3');
  test.skipIf(!signed)(
    'the signature of an empty last text is kept with the one message, and carried after it',
    () => {
      const [message, carrier, ...others] = foldAll(readStream(gemini, signed!.events!)).items;
      expect(others).toEqual([]);
      expect(message!.native).toEqual({
        parts: [{ length: 55 }, { length: 0, thoughtSignature: expect.stringMatching(/^EpAICo0I/) }],
      });
      expect(carrier!.item).toEqual({ type: 'reasoning', summary: [] });
      expect(carrier!.native).toEqual({ carries: { text: message!.native } });
    },
  );
});
