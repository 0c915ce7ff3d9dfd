import { describe, expect, test } from 'bun:test';
import type { Delta } from '../../../src/core/delta.ts';
import { foldAll } from '../../../src/core/fold.ts';
import { newSessionId, newTurnId } from '../../../src/core/ids.ts';
import type { Seal } from '../../../src/core/seal.ts';
import { type AnsweredTurn, turnOf, type WaitingIntent } from '../../../src/core/turn.ts';
import { completion } from '../../../src/http/v1/chat/completion.ts';
import { parseChat } from '../../../src/http/v1/chat/parse.ts';
import { ChatStream } from '../../../src/http/v1/chat/stream.ts';
import { settle } from '../../../src/turn/record/settle.ts';
import { ACME, NOW } from '../../conformance/turn-rows.ts';
import { streamedMessage } from '../../harness/stateless-agent.ts';
import { asJson, asList, type Json } from '../../simulators/provider/shape.ts';

const session = newSessionId(NOW);
const intent = {
  ...{ kind: 'waiting', id: newTurnId(session, NOW), tenant: ACME, session, createdAt: NOW },
  ...{ model: 'm', dialect: 'chat', input: [], settings: {}, metadata: {} },
} as unknown as WaitingIntent;
const seal: Seal = ({ native }) =>
  `clawhold-seal.k.${Buffer.from(JSON.stringify(native ?? null)).toString('base64url')}`;

const attempt: Delta = { type: 'attempt', provider: 'anthropic', protocol: 'anthropic', model: 'm' };
const finish: Delta = { type: 'finish', reason: { unified: 'stop', raw: null } };
const begun = (index: number): Delta => ({
  type: 'item-start',
  index,
  item: { type: 'reasoning', summary: [] },
});
const thought = (index: number, part: number, text: string): Delta => ({
  type: 'reasoning-delta',
  index,
  part,
  text,
});
const summary = (index: number, part: number, text: string): Delta => ({
  type: 'summary-delta',
  index,
  part,
  text,
});
const ended = (index: number, native?: unknown): Delta => ({ type: 'item-end', index, native });
const called = (index: number, call_id: string): Delta[] => [
  { type: 'item-start', index, item: { type: 'function_call', call_id, name: 'f', arguments: '' } },
  { type: 'arguments-delta', index, text: '{}' },
  ended(index),
];
const said = (index: number, text: string): Delta[] => [
  { type: 'item-start', index, item: { type: 'message', role: 'assistant', content: [] } },
  { type: 'text-delta', index, part: 0, text },
  ended(index),
];

/** The message of an answer, from its stream and whole. */
function messages(deltas: Delta[]): { streamed: Json; whole: Json } {
  const all = [attempt, { type: 'start', model: 'm' } as const, ...deltas, finish];
  const facts = { price: () => undefined, promptTokens: () => 0, completedAt: NOW };
  const turn: AnsweredTurn = turnOf(intent, settle({ turn: intent.id, folded: foldAll(all), ...facts }));
  const stream = new ChatStream(intent, { includeUsage: false, seal });
  const text = [stream.open(), ...all.map((delta) => stream.delta(delta)), stream.end(turn)].join('');
  const whole = asJson(asList(completion(turn, seal).choices)[0]!.message);
  return { streamed: streamedMessage(text), whole: { ...whole } };
}

describe('the text of reasoning', () => {
  test.each<[string, Delta[], string]>([
    [
      'two parts of a summary',
      [begun(0), summary(0, 0, 'P'), summary(0, 0, '1'), summary(0, 1, 'P2'), ended(0)],
      'P1\nP2',
    ],
    [
      'two parts of a content',
      [begun(0), thought(0, 0, 'P1'), thought(0, 1, 'P'), thought(0, 1, '2'), ended(0)],
      'P1\nP2',
    ],
    ['a summary and a content', [begun(0), summary(0, 0, 'S'), thought(0, 0, 'C'), ended(0)], 'S\nC'],
    ['two items', [begun(0), thought(0, 0, 'P1'), ended(0), begun(1), thought(1, 0, 'P2'), ended(1)], 'P1P2'],
    ['an empty part', [begun(0), thought(0, 0, ''), thought(0, 1, 'P2'), ended(0)], 'P2'],
    ['one part', [begun(0), thought(0, 0, 'a\n'), thought(0, 0, 'b'), ended(0)], 'a\nb'],
  ])('of %s is the same in a stream and in JSON', (_, deltas, text) => {
    const { streamed, whole } = messages([...deltas, ...said(2, 'Done.')]);
    expect(whole.reasoning_content).toBe(text);
    expect(streamed.reasoning_content).toBe(text);
    expect(streamed.reasoning_details).toEqual(whole.reasoning_details);
  });
});

describe('reasoning details', () => {
  test('name the call that follows them, in a stream and in JSON', () => {
    const { streamed, whole } = messages([
      ...[begun(0), thought(0, 0, 'one'), ended(0, 's0'), ...said(1, 'I look.')],
      ...[begun(2), ended(2, 's2'), begun(3), summary(3, 0, 'two'), ended(3, 's3'), ...called(4, 'c4')],
      ...[...called(5, 'c5'), begun(6), ended(6, 's6')],
    ]);
    expect(streamed.reasoning_details).toEqual(whole.reasoning_details);
    const rs = (index: number) => `rs_${intent.id}o${index}`;
    const data = (native: string) =>
      seal({ origin: '', protocol: '', native, item: { type: 'reasoning', summary: [] } }, ACME);
    const format = 'unknown';
    expect(whole.reasoning_details).toEqual([
      { type: 'reasoning.text', text: 'one', id: rs(0), format, index: 0 },
      { type: 'reasoning.encrypted', data: data('s0'), id: rs(0), format, index: 1 },
      { type: 'reasoning.summary', summary: 'two', id: rs(3), format, index: 2 },
      { type: 'reasoning.encrypted', data: data('s2'), id: 'c4', format, index: 3 },
      { type: 'reasoning.encrypted', data: data('s3'), id: 'c4', format, index: 4 },
      { type: 'reasoning.encrypted', data: data('s6'), id: rs(6), format, index: 5 },
    ]);
  });

  test('become reasoning items before the call that they name', () => {
    const { whole } = messages([
      ...[begun(0), thought(0, 0, 'one'), ended(0, 's0'), ...said(1, 'I look.'), ...called(2, 'c2')],
      ...[begun(3), thought(3, 0, 'two'), ended(3, 's3'), ...called(4, 'c4')],
    ]);
    const foreign = {
      type: 'reasoning.text',
      text: 'of another router',
      signature: 's',
      format: 'unknown',
      id: null,
    };
    const details = [...asList(whole.reasoning_details), foreign];
    const { input, inputNatives } = parse({ ...whole, name: 'crab', reasoning_details: details });
    expect(input.map((item) => ('call_id' in item ? item.call_id : item.type))).toEqual([
      ...['reasoning', 'message', 'c2', 'reasoning', 'c4'],
    ]);
    expect(inputNatives).toEqual({ 1: { name: 'crab', reasoning_details: [foreign] } });
  });

  test('of other routers stay a field of the message', () => {
    const reasoning_details = [
      { type: 'reasoning.encrypted', data: 'gAAAA', id: 'rs_1', format: 'openai-responses-v1' },
    ];
    const message = { role: 'assistant', content: 'Hi.', reasoning_content: 'x', reasoning_details };
    const { input, inputNatives } = parse(message);
    expect(input.map(({ type }) => type)).toEqual(['message']);
    expect(inputNatives).toEqual({ 0: { reasoning_content: 'x', reasoning_details } });
  });

  test.each([[null], ['text'], [[]], [[null, 7, { data: 7 }]]])(
    'of the form %j are no error',
    (reasoning_details) => {
      expect(parse({ role: 'assistant', content: 'Hi.', reasoning_details }).input).toHaveLength(1);
    },
  );
});

function parse(message: Json) {
  const { annotations: _, refusal: __, ...sent } = message;
  const body = { model: 'm', messages: [sent] };
  return parseChat(body, { headers: new Headers(), caller: {} } as unknown as Parameters<
    typeof parseChat
  >[1]);
}
