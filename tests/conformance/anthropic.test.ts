import { describe, expect, test } from 'bun:test';
import { anthropic } from '../../src/claws/anthropic/protocol.ts';
import { Fault } from '../../src/core/errors.ts';
import { foldAll } from '../../src/core/fold.ts';
import { anthropicRecordings, partialJson, wholeMessage } from '../harness/recordings/anthropic.ts';
import { continuationConformance } from './continuation.ts';
import { promptFor, readStream, wireProtocolConformance } from './wire-protocol.ts';

type Wire = Record<string, unknown>;

const all = anthropicRecordings();

/** Two answers in one stream of a broken proxy. They are not one answer (see the test below). */
const spliced = all.find((recording) => recording.name.endsWith('spliced-message-start'));

/**
 * The arguments of a streamed call keep the model's own spacing, but an object has none. To compare the
 * stream with the whole answer, the recorded text is rewritten in the form of `JSON.stringify`.
 */
function compactArguments(events: string[]): string[] {
  const parsed = events.map((event) => JSON.parse(event) as Wire);
  const texts = new Map<unknown, string>();
  for (const event of parsed) {
    const text = partialJson(event);
    if (text !== undefined) texts.set(event.index, (texts.get(event.index) ?? '') + text);
  }
  return parsed.map((event) => {
    if (partialJson(event) === undefined) return JSON.stringify(event);
    const whole = texts.get(event.index);
    texts.set(event.index, '');
    const partial_json = whole ? JSON.stringify(JSON.parse(whole)) : '';
    return JSON.stringify({ ...event, delta: { type: 'input_json_delta', partial_json } });
  });
}

wireProtocolConformance({
  protocol: anthropic,
  recordings: all
    .filter((recording) => recording !== spliced)
    .map((recording) =>
      recording.events ? { ...recording, events: compactArguments(recording.events) } : recording,
    ),
  reassemble: wholeMessage,
  structural: /^(type|role)$|^content\[\d+\]\.type$/,
});

continuationConformance({
  protocol: anthropic,
  path: '',
  ways: [
    { label: 'claude-sonnet-4-5', prefills: true },
    { label: 'claude-sonnet-4-6', prefills: false },
    { label: 'claude-opus-5-5', prefills: false },
  ],
});

describe('anthropic: recordings with their own tests', () => {
  test.skipIf(!spliced)('a second answer inside the first one ends in a fault', () => {
    const read = () => readStream(anthropic, spliced?.events ?? []);
    expect(read).toThrow(Fault);
    expect(read).toThrow('msg_first');
  });

  for (const recording of all.filter(({ events, name }) => events && !name.includes('spliced'))) {
    test(`${recording.name}: arguments stay as the model wrote them`, () => {
      const events = recording.events ?? [];
      const written = new Map<unknown, string>();
      for (const event of events.map((text) => JSON.parse(text) as Wire)) {
        const block = event.content_block as Wire | undefined;
        if (block?.type === 'tool_use') written.set(event.index, '');
        else if (written.has(event.index)) {
          written.set(event.index, written.get(event.index) + (partialJson(event) ?? ''));
        }
      }
      const folded = foldAll(readStream(anthropic, events));
      const calls = folded.items.flatMap(({ item }) =>
        item.type === 'function_call' ? [item.arguments] : [],
      );
      expect(calls).toEqual([...written.values()].map((text) => text || '{}'));
    });
  }

  for (const recording of all.filter(({ whole }) => whole)) {
    test(`${recording.name}: the answer is sent back unchanged`, () => {
      const { content } = recording.whole as { content: Wire[] };
      const answered = foldAll(anthropic.answer(recording.whole, promptFor(anthropic, false)));
      const prompt = promptFor(anthropic, false);
      prompt.items = [
        { item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hi' }] } },
        ...answered.items.map(({ item, native }) => ({
          // A store gives items its own ids.
          item: { ...item, id: 'item_1' },
          native,
          origin: 'anthropic',
        })),
      ];
      const provider = { id: 'anthropic', baseUrl: '', quirks: {} };
      const { messages } = anthropic.request({ ...prompt, model: 'claude-3-haiku' }, provider).body as {
        messages: { content: Wire[] }[];
      };
      const last = content.at(-1);
      if (last?.type === 'text') last.text = String(last.text).trimEnd();
      expect(messages[1]?.content).toEqual(content.filter((block) => block.text !== ''));
    });
  }
});
