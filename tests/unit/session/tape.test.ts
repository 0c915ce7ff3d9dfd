import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { anthropic } from '../../../src/claws/anthropic/protocol.ts';
import type { WireProtocol } from '../../../src/claws/claw.ts';
import { gemini } from '../../../src/claws/gemini/protocol.ts';
import { openaiChat } from '../../../src/claws/openai-chat/protocol.ts';
import { openaiResponses } from '../../../src/claws/openai-responses/protocol.ts';
import type { Delta } from '../../../src/core/delta.ts';
import { Fault } from '../../../src/core/errors.ts';
import { foldAll } from '../../../src/core/fold.ts';
import { newSessionId, newTurnId } from '../../../src/core/ids.ts';
import type { Item } from '../../../src/core/items.ts';
import type { Intent, Outcome, Turn } from '../../../src/core/turn.ts';
import type { StreamWriter } from '../../../src/http/sse.ts';
import { ChatStream } from '../../../src/http/v1/chat/stream.ts';
import { ResponseStream } from '../../../src/http/v1/responses/stream.ts';
import { encodeBody } from '../../../src/session/codec.ts';
import { choicesOf, outputDeltas } from '../../../src/session/tape/output-deltas.ts';
import { playTape, recordTape, type Tape } from '../../../src/session/tape.ts';
import { settle } from '../../../src/turn/settle.ts';
import { ACME, NOW } from '../../conformance/turn-rows.ts';
import { promptFor, type Recording, recordings } from '../../conformance/wire-protocol.ts';
import { answers } from './answers.ts';

const session = newSessionId(NOW);
const intent: Intent = {
  id: newTurnId(session, NOW),
  tenant: ACME,
  session,
  parent: null,
  createdAt: NOW,
  dialect: 'responses',
  model: 'openai/gpt-5',
  input: [],
  settings: {},
  metadata: {},
  standing: { branchTokens: 0, inputTokens: 0, digest: '' },
};

function outcomeOf(deltas: readonly Delta[], failure?: unknown): Outcome {
  return settle({
    turn: intent.id,
    folded: foldAll(deltas),
    failure,
    price: () => undefined,
    promptTokens: 0,
    completedAt: NOW,
  });
}

/** What a store gives back. */
const stored = <T>(value: T): T => (value === undefined ? value : JSON.parse(JSON.stringify(value)));

/** What an item says, which does not depend on how it is settled. */
const said = ({ id: _, status: __, ...item }: Item): unknown => stored(item);

function rendered(writer: StreamWriter, deltas: readonly Delta[], outcome: Outcome): string {
  const { standing: _, ...asked } = intent;
  const turn: Turn = { ...asked, ...outcome };
  return [writer.open(), ...deltas.map((delta) => writer.delta(delta)), writer.end(turn)].join('');
}

function expectSameEvents(deltas: readonly Delta[], outcome: Outcome): Tape | undefined {
  const tape = recordTape(deltas, outcome);
  const kept = stored(outcome);
  const played = playTape(stored(tape), kept);
  const writers = [() => new ResponseStream(intent, true), () => new ChatStream(intent, true)];
  for (const writer of writers) {
    expect(rendered(writer(), played, kept)).toBe(rendered(writer(), deltas, kept));
  }
  return tape;
}

test('any answer is told again with the same events', () => {
  fc.assert(
    fc.property(answers, (deltas) => {
      expectSameEvents(deltas, outcomeOf(deltas));
    }),
    { numRuns: 200 },
  );
}, 30_000);

describe('what is on a tape', () => {
  const crabs: Delta[] = [
    { type: 'attempt', provider: 'openai', protocol: 'openai-chat', model: 'gpt-5' },
    { type: 'start', model: 'gpt-5-2025', id: 'resp_1' },
    { type: 'item-start', index: 0, item: { type: 'message', role: 'assistant', content: [] } },
    ...['Crabs', ' walk', ' side', 'ways.', ' Most of', ' them', '!'].map(
      (text): Delta => ({ type: 'text-delta', index: 0, part: 0, text }),
    ),
    { type: 'item-end', index: 0, native: { id: 'msg_1' } },
    { type: 'finish', reason: { unified: 'stop', raw: 'stop' } },
  ];

  // What is stored must be readable for ever: neither the entries nor the cadence may change.
  test('a text is a line of numbers and letters', () => {
    expect(expectSameEvents(crabs, outcomeOf(crabs))).toEqual(['@gpt-5', '>', '+', 't2Fbb2', '-']);
  });

  test('what an item was said to be in the end is not kept twice', () => {
    const content = [{ type: 'output_text' as const, text: 'Crabs.', annotations: [], model: 'added' }];
    const message = { type: 'message' as const, role: 'assistant' as const, status: undefined, content };
    const deltas: Delta[] = [
      ...crabs.slice(0, 3),
      { type: 'text-delta', index: 0, part: 0, text: 'Crabs.' },
      {
        type: 'annotation',
        index: 0,
        part: 0,
        annotation: { type: 'url_citation', url: 'https://crabs.test' },
      },
      { type: 'item-end', index: 0, item: message },
    ];
    expect(expectSameEvents(deltas, outcomeOf(deltas))).toEqual(['@gpt-5', '>', '+', 'tb', deltas[4]!, '!']);
  });

  test('an annotation that is told otherwise in the end is kept, and the next one is found', () => {
    const [first, second] = ['https://a.test', 'https://b.test'].map((url) => ({
      type: 'url_citation',
      url,
    }));
    const part = { type: 'output_text' as const, text: 'Crabs.', annotations: [{ type: 'gone' }, second] };
    const deltas: Delta[] = [
      ...crabs.slice(0, 3),
      { type: 'text-delta', index: 0, part: 0, text: 'Crabs.' },
      ...[first, second].map((annotation): Delta => ({ type: 'annotation', index: 0, part: 0, annotation })),
      {
        type: 'item-end',
        index: 0,
        item: { type: 'message', role: 'assistant', status: 'completed', content: [part] },
      },
    ];
    const tape = expectSameEvents(deltas, outcomeOf(deltas));
    expect(tape).toEqual(['@gpt-5', '>', '+', 'tb', deltas[4]!, 'n', '!']);
  });

  test('lost calls and voided items are kept with their text, in one piece', () => {
    const deltas: Delta[] = [
      ...crabs.slice(0, 5),
      {
        type: 'attempt',
        provider: 'acme',
        protocol: 'anthropic',
        model: 'opus',
        cause: 'provider_error',
        discard: [0],
      },
      { type: 'start', model: 'opus' },
      { type: 'item-start', index: 1, item: { type: 'message', role: 'assistant', content: [] } },
      { type: 'text-delta', index: 1, part: 0, text: 'No' },
      {
        type: 'item-start',
        index: 2,
        item: { type: 'function_call', call_id: 'c', name: 'f', arguments: '' },
      },
      { type: 'arguments-delta', index: 2, text: '{"a"' },
      { type: 'arguments-delta', index: 2, text: ':1' },
      { type: 'text-delta', index: 1, part: 0, text: ' crabs.' },
    ];
    const tape = expectSameEvents(deltas, outcomeOf(deltas, new Fault('stream_interrupted', 'cut')));
    expect(tape?.filter((entry) => Array.isArray(entry))).toEqual([
      ['t2', 'Crabs walk'],
      ['aEb', '{"a":1'],
    ]);
    expect(tape?.filter((entry) => typeof entry === 'string')).toEqual(['>', '+', 't1', 't1:b']);
  });

  test('an answer that came item by item needs none, whatever its model is called', () => {
    const whole: Delta[] = [
      ...crabs.slice(0, 3),
      { type: 'text-delta', index: 0, part: 0, text: 'Crabs.' },
      { type: 'item-end', index: 0 },
    ];
    expect(expectSameEvents(whole, outcomeOf(whole))).toBeUndefined();
    expect(expectSameEvents([], outcomeOf([]))).toBeUndefined();
  });

  test('parts that are missing before others stay missing', () => {
    const deltas: Delta[] = [
      ...crabs.slice(0, 2),
      { type: 'item-start', index: 0, item: { type: 'reasoning', summary: [] } },
      { type: 'summary-delta', index: 0, part: 2, text: 'Crabs?' },
    ];
    const outcome = outcomeOf(deltas);
    expectSameEvents(deltas, outcome);
    expect(() => playTape(undefined, stored(outcome))).not.toThrow();
  });

  test('deltas that make no sense cost no turn', () => {
    const deltas: Delta[] = [...crabs.slice(0, 2), { type: 'item-end', index: 7 }];
    expect(recordTape(deltas, outcomeOf(crabs))).toBeUndefined();
  });

  test('long words and endless blanks cost no more than others', () => {
    const text = 'x'.repeat(60_000) + ' '.repeat(60_000);
    const deltas: Delta[] = [
      ...crabs.slice(0, 3),
      ...[...text].map((unit): Delta => ({ type: 'text-delta', index: 0, part: 0, text: unit })),
      { type: 'item-end', index: 0 },
    ];
    expectSameEvents(deltas, outcomeOf(deltas));
  });
});

describe('a tape that does not fit', () => {
  const entry = fc.oneof(
    fc.constantFrom(
      '@',
      '>',
      '+',
      '=',
      '+1',
      't1',
      't9',
      't(7)',
      't1.2.3:A',
      'n',
      'n7:',
      '-',
      '!',
      'z',
      '',
      'a1',
    ),
    fc.tuple(fc.constantFrom('t1', '+', 'x', ''), fc.anything()),
    fc.jsonValue(),
    answers.filter((deltas) => deltas.length > 0).chain((deltas) => fc.constantFrom(...deltas)),
  );

  test('gives the output', () => {
    fc.assert(
      fc.property(
        answers,
        fc.array(entry, { maxLength: 3 }),
        fc.nat(),
        fc.nat(3),
        (deltas, wrong, at, gone) => {
          const outcome = stored(outcomeOf(deltas));
          const tape = recordTape(deltas, outcome) ?? [];
          tape.splice(at % (tape.length + 1), gone, ...(wrong as Tape));
          const told = foldAll(playTape(tape, outcome)).items.flatMap(({ item }) => [said(item)]);
          expect(told).toEqual(expect.arrayContaining(choicesOf(outcome).flat().map(said)));
        },
      ),
      { numRuns: 200 },
    );
  }, 30_000);

  test.each(['null', '7', '"tape"', '{}', '[null]', '[[]]', '[7]', '[["p1","a"]]'])('%s gives it', (text) => {
    const deltas: Delta[] = [{ type: 'attempt', provider: 'acme', protocol: 'gemini', model: 'm' }];
    const outcome = outcomeOf(deltas);
    expect(playTape(JSON.parse(text) as Tape, outcome)).toEqual(outputDeltas(outcome));
  });
});

const CHAT_PROVIDERS = [
  'alibaba',
  'azure',
  'groq',
  'mistral',
  'moonshotai',
  'openai',
  'openai-compatible',
  'perplexity',
  'xai',
];
const PROTOCOLS: [WireProtocol, Recording[]][] = [
  [anthropic, recordings(['anthropic'], /./)],
  [gemini, recordings(['google'], /^google-/)],
  [openaiChat, recordings(CHAT_PROVIDERS, /^(?!responses|openai-)/)],
  [openaiResponses, recordings(['azure', 'openai', 'xai'], /^(?!chat-)/)],
];

/** What is understood of an answer, and what broke it off. */
function heard(protocol: WireProtocol, read: (take: (deltas: Delta[]) => void) => void): [Delta[], unknown?] {
  const deltas: Delta[] = [{ type: 'attempt', provider: 'acme', protocol: protocol.name, model: 'm' }];
  try {
    read((more) => deltas.push(...more));
    return [deltas];
  } catch (failure) {
    return [deltas, failure];
  }
}

function streamed(protocol: WireProtocol, events: string[]): [Delta[], unknown?] {
  return heard(protocol, (take) => {
    const reader = protocol.reader(promptFor(protocol, true));
    for (const data of events) take(reader.push({ data }));
    take(reader.end());
  });
}

const packed = (body: string): number => Bun.zstdCompressSync(body, { level: 1 }).byteLength;

describe.each(PROTOCOLS)('recorded answers', (protocol, all) => {
  const streams = all.flatMap(({ name, events }) => {
    if (!events) return [];
    const [deltas, failure] = streamed(protocol, events);
    return foldAll(deltas).items.length > 0 ? [{ name, deltas, failure }] : [];
  });
  if (streams.length === 0) {
    test.skip('skipped: the recorded traffic is not on this machine (CLAWHOLD_TRAFFIC)', () => {});
    return;
  }

  for (const { name, deltas, failure } of streams) {
    test(`${name}: the same events again, whole or cut, for a fraction of its bytes`, () => {
      const cut = new Fault('stream_interrupted', 'The connection was lost.');
      for (const part of [0.2, 0.5, 0.9]) {
        const begun = deltas.slice(0, Math.floor(deltas.length * part));
        expectSameEvents(begun, outcomeOf(begun, cut));
      }
      const outcome = outcomeOf(deltas, failure);
      const tape = expectSameEvents(deltas, outcome);
      if (foldAll(deltas).said < 1000) return;
      const body = encodeBody(intent, outcome);
      const taped = body.replace(/\}$/, `,"tape":${JSON.stringify(tape ?? [])}}`);
      expect(packed(taped) / packed(body)).toBeLessThan(1.15);
    });
  }

  test('what came whole needs no tape', () => {
    for (const { whole } of all) {
      const [deltas, failure] = heard(protocol, (take) =>
        take(protocol.answer(whole, promptFor(protocol, false))),
      );
      if (failure) continue;
      expect(expectSameEvents(deltas, outcomeOf(deltas))).toBeUndefined();
    }
  });
});
