import { describe, expect, test } from 'bun:test';
import { gemini } from '../../src/claws/gemini/protocol.ts';
import { foldAll } from '../../src/core/fold.ts';
import { geminiRecordings, wholeGemini } from '../harness/recordings/gemini.ts';
import { continuationConformance } from './continuation.ts';
import { readStream, wireProtocolConformance } from './wire-protocol.ts';

const ALL = geminiRecordings();

wireProtocolConformance({
  protocol: gemini,
  recordings: ALL,
  reassemble: wholeGemini,
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
        partFields: folded.items[1]!.native as object,
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
