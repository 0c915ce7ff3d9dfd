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
import type { Outcome } from '../../../src/core/outcome.ts';
import type { Seal } from '../../../src/core/seal.ts';
import { type PlacedIntent, turnOf } from '../../../src/core/turn.ts';
import type { StreamWriter } from '../../../src/http/dialect.ts';
import { ChatStream } from '../../../src/http/v1/chat/stream.ts';
import { ResponseStream } from '../../../src/http/v1/responses/stream.ts';
import { encodeBody } from '../../../src/session/stored-turn.ts';
import { choicesOf, type Tape } from '../../../src/session/tape/format.ts';
import { outputDeltas, playTape, recordTape } from '../../../src/session/tape.ts';
import { settle } from '../../../src/turn/record/settle.ts';
import { ACME, NOW } from '../../conformance/turn-rows.ts';
import { promptFor, type Recording, recordings } from '../../conformance/wire-protocol.ts';
import { answers } from './answers.ts';

const session = newSessionId(NOW);
const intent: PlacedIntent = {
  kind: 'placed',
  id: newTurnId(session, NOW),
  tenant: ACME,
  session,
  createdAt: NOW,
  key: 'test',
  dialect: 'responses',
  vocabulary: 'openai-responses',
  model: 'openai/gpt-5',
  fallbacks: [],
  input: [],
  settings: {},
  extra: {},
  metadata: {},
  echo: { include: ['reasoning.encrypted_content'] },
  state: { kind: 'none' },
  retention: 'stored',
  delivery: 'stream',
  defaultContext: 'full',
  policy: { onDisconnect: 'run_on', whenBusy: 'wait', whenDown: 'fail', whenBroken: 'restart' },
  position: { parent: null, branchTokens: 0, inputTokens: 0, digest: '' },
};
const asked = intent;
const view = { asked, retention: asked.retention, session: undefined };

function outcomeOf(deltas: readonly Delta[], failure?: unknown): Outcome {
  return settle({
    turn: intent.id,
    folded: foldAll(deltas),
    failure,
    price: () => undefined,
    promptTokens: () => 0,
    completedAt: NOW,
  });
}

/** A value as a store returns it. */
const stored = <T>(value: T): T => (value === undefined ? value : JSON.parse(JSON.stringify(value)));

/** An item without what settling changes. */
const contentOf = ({ id: _, status: __, ...item }: Item): unknown => stored(item);

/** Makes visible what would be sealed: equal thoughts give equal texts. */
const seal: Seal = (thought) => `sealed ${JSON.stringify(thought)}`;

function rendered(writer: StreamWriter, deltas: readonly Delta[], outcome: Outcome): string {
  const events = deltas.map((delta) => writer.delta(delta));
  const turn = turnOf(intent, outcome);
  return [writer.open(), ...events, writer.end(turn)].join('');
}

function expectSameEvents(deltas: readonly Delta[], outcome: Outcome): Tape | undefined {
  const tape = recordTape(deltas, outcome);
  const read = stored(outcome);
  const played = playTape(stored(tape), read);
  const writers = [
    () => new ResponseStream(view, seal),
    () => new ChatStream(asked, { seal, includeUsage: true }),
  ];
  for (const writer of writers) {
    expect(rendered(writer(), played, read)).toBe(rendered(writer(), deltas, read));
  }
  return tape;
}

test('a replay of any answer has the same events', () => {
  fc.assert(
    fc.property(answers, (deltas) => {
      expectSameEvents(deltas, outcomeOf(deltas));
    }),
    { numRuns: 200 },
  );
}, 30_000);

describe('the entries of a tape', () => {
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

  // Stored tapes must stay readable: neither the entries nor the chunk boundaries may change.
  test('have a text as its chunk boundaries', () => {
    expect(expectSameEvents(crabs, outcomeOf(crabs))).toEqual(['@gpt-5', '>', '+', 't2Fbb2', '-']);
  });

  test('do not repeat the whole item of an item-end that is in the output', () => {
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

  test('have an annotation that differs from the output; the next one is read from the output', () => {
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

  test('have the whole text of items that are not in the output, and only the boundaries of a cut call', () => {
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
    expect(tape?.filter((entry) => Array.isArray(entry))).toEqual([['t2', 'Crabs walk']]);
    expect(tape?.filter((entry) => typeof entry === 'string')).toEqual(['>', '+', 't1', '+', 'aEb', 't1:b']);
  });

  test("are not needed for an answer that came item by item; the model's name makes no difference", () => {
    const whole: Delta[] = [
      ...crabs.slice(0, 3),
      { type: 'text-delta', index: 0, part: 0, text: 'Crabs.' },
      { type: 'item-end', index: 0 },
    ];
    expect(expectSameEvents(whole, outcomeOf(whole))).toBeUndefined();
    expect(expectSameEvents([], outcomeOf([]))).toBeUndefined();
  });

  test('do not fill parts that are missing before others', () => {
    const deltas: Delta[] = [
      ...crabs.slice(0, 2),
      { type: 'item-start', index: 0, item: { type: 'reasoning', summary: [] } },
      { type: 'summary-delta', index: 0, part: 2, text: 'Crabs?' },
    ];
    const outcome = outcomeOf(deltas);
    expectSameEvents(deltas, outcome);
    expect(() => playTape(undefined, stored(outcome))).not.toThrow();
  });

  test('are not recorded for deltas that break their rules', () => {
    const deltas: Delta[] = [...crabs.slice(0, 2), { type: 'item-end', index: 7 }];
    expect(recordTape(deltas, outcomeOf(crabs))).toBeUndefined();
  });

  test('take linear time for long words and long runs of blanks', () => {
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

  test('is ignored: the output is played', () => {
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
          const played = foldAll(playTape(tape, outcome)).items.flatMap(({ item }) => [contentOf(item)]);
          expect(played).toEqual(expect.arrayContaining(choicesOf(outcome).flat().map(contentOf)));
        },
      ),
      { numRuns: 200 },
    );
  }, 30_000);

  test.each(['null', '7', '"tape"', '{}', '[null]', '[[]]', '[7]', '[["p1","a"]]'])(
    '%s is ignored',
    (text) => {
      const deltas: Delta[] = [{ type: 'attempt', provider: 'acme', protocol: 'gemini', model: 'm' }];
      const outcome = outcomeOf(deltas);
      expect(playTape(JSON.parse(text) as Tape, outcome)).toEqual(outputDeltas(outcome));
    },
  );
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

/** The deltas of an answer, and the failure that broke it off. */
function deltasOf(
  protocol: WireProtocol,
  read: (take: (deltas: Delta[]) => void) => void,
): [Delta[], unknown?] {
  const deltas: Delta[] = [{ type: 'attempt', provider: 'acme', protocol: protocol.name, model: 'm' }];
  try {
    read((more) => deltas.push(...more));
    return [deltas];
  } catch (failure) {
    return [deltas, failure];
  }
}

function streamed(protocol: WireProtocol, events: string[]): [Delta[], unknown?] {
  return deltasOf(protocol, (take) => {
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
    test(`${name}: the same events again, whole or cut; the tape takes a fraction of its bytes`, () => {
      const cut = new Fault('stream_interrupted', 'The connection was lost.');
      for (const part of [0.2, 0.5, 0.9]) {
        const cutDeltas = deltas.slice(0, Math.floor(deltas.length * part));
        expectSameEvents(cutDeltas, outcomeOf(cutDeltas, cut));
      }
      const outcome = outcomeOf(deltas, failure);
      const tape = expectSameEvents(deltas, outcome);
      if (foldAll(deltas).textLength < 1000) return;
      const body = encodeBody(intent, outcome);
      const taped = body.replace(/\}$/, `,"tape":${JSON.stringify(tape ?? [])}}`);
      expect(packed(taped) / packed(body)).toBeLessThan(1.15);
    });
  }

  test('a whole answer needs no tape', () => {
    for (const { whole } of all) {
      const [deltas, failure] = deltasOf(protocol, (take) =>
        take(protocol.answer(whole, promptFor(protocol, false))),
      );
      if (failure) continue;
      expect(expectSameEvents(deltas, outcomeOf(deltas))).toBeUndefined();
    }
  });
});
