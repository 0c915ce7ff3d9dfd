import { describe, expect, test } from 'bun:test';
import { foldAll } from '../../../src/core/fold.ts';
import { contentOf, type Item, type OtherType } from '../../../src/core/items.ts';
import type { AnsweredTurn, Asked } from '../../../src/core/turn.ts';
import { parseContents } from '../../../src/http/v1beta/gemini/contents.ts';
import { geminiResponse } from '../../../src/http/v1beta/gemini/response.ts';
import { sealsOf, signatureOf } from '../../../src/http/v1beta/gemini/signature.ts';
import { GeminiStream } from '../../../src/http/v1beta/gemini/stream.ts';
import { asJson, asList, type Json } from '../../simulators/provider/shape.ts';
import { tapeDeltas } from './tape-deltas.ts';

/** What a client gets and sends back is the same content, whole and streamed, of every protocol. */

const ASKED = { id: '1m8hjkb0v511knjmq4yp1m8hjkb0v355n', tenant: 't', model: 'm', createdAt: 0 };
const seal = (thought: unknown): string =>
  `clawhold-seal.${Buffer.from(JSON.stringify(thought)).toString('base64url')}`;

const message = (text: string): Item => ({
  type: 'message',
  role: 'assistant',
  content: [{ type: 'output_text', text, annotations: [] }],
});
const call = (call_id: string, name = 'print', args = '{"word":"Paris"}'): Item => ({
  type: 'function_call',
  call_id,
  name,
  arguments: args,
});
const thought = (text: string): Item => ({
  type: 'reasoning',
  summary: [],
  content: [{ type: 'reasoning_text', text }],
});

interface Case {
  name: string;
  output: Item[];
  natives?: Record<number, unknown>;
  protocol?: string;
}

const CASES: Case[] = [
  { name: 'a text', output: [message('Hello, Wörld 🌍')] },
  { name: 'a text and calls', output: [message('I look.'), call('a'), call('b', 'other', '{}')] },
  { name: 'a thought before calls', output: [thought('Hm.'), call('a'), call('b')] },
  {
    name: 'thoughts before and after a text',
    output: [thought('Hm.'), message('So.'), thought('Oh.'), call('a')],
  },
  { name: 'a thought alone', output: [thought('Hm.')] },
  {
    name: 'an image',
    output: [
      message('Look:'),
      {
        type: 'image_generation_call' as OtherType,
        status: 'completed',
        output_format: 'png',
        result: 'AAAA',
      },
    ],
  },
  {
    name: 'a signed text',
    protocol: 'gemini',
    output: [thought('Hm.'), message('So.'), { type: 'reasoning', summary: [] }],
    natives: { 1: { thoughtSignature: 'c2ln' }, 2: { carries: { text: { parts: [] } } } },
  },
  {
    name: 'a signed call',
    protocol: 'gemini',
    output: [{ type: 'reasoning', summary: [] }, call('a'), call('b')],
    natives: {
      0: { carries: { call: 'a', partFields: { thoughtSignature: 'c2ln' } } },
      1: { givenId: true, thoughtSignature: 'c2ln' },
      2: { givenId: true },
    },
  },
  {
    name: 'code and its result',
    protocol: 'gemini',
    output: [
      { executableCode: { language: 'PYTHON', code: '1' }, type: 'gemini:executableCode' as OtherType },
      { codeExecutionResult: { outcome: 'OUTCOME_OK' }, type: 'gemini:codeExecutionResult' as OtherType },
      message('One.'),
    ],
    natives: { 0: { thoughtSignature: 'c2ln' } },
  },
];

const turnOf = ({ output, natives, protocol = 'anthropic' }: Case): AnsweredTurn =>
  ({
    ...ASKED,
    kind: 'ask',
    parent: null,
    state: 'completed',
    answeredBy: { provider: 'p', protocol, model: 'm' },
    output,
    outputNatives: natives,
    finish: [{ unified: 'stop', raw: protocol === 'gemini' ? 'STOP' : null }],
  }) as unknown as AnsweredTurn;

const partsIn = (reply: Json): Json[] => asList(asJson(asList(reply.candidates)[0]?.content).parts);

function wholeParts(one: Case): Json[] {
  return partsIn(geminiResponse(turnOf(one), seal) as Json);
}

function streamedParts(one: Case): Json[] {
  const writer = new GeminiStream(ASKED as unknown as Asked, seal, -1);
  const { protocol = 'anthropic' } = one;
  const deltas = tapeDeltas(one.output, one.natives, { provider: 'p', protocol, model: 'm' });
  const text = writer.open() + deltas.map((delta) => writer.delta(delta)).join('') + writer.end(turnOf(one));
  const chunks = text.split('\n\n').filter(Boolean);
  return chunks.flatMap((chunk) => partsIn(JSON.parse(chunk.slice('data: '.length))));
}

const counted = (items: readonly Item[]): string[] =>
  items.filter(({ type }) => type !== 'reasoning').map(contentOf);

describe.each(CASES)('$name', (one) => {
  test.each([
    ['whole', wholeParts],
    ['streamed', streamedParts],
  ])('comes back with the same content: %s', (_, partsOf) => {
    const parts = partsOf(one);
    const { items, natives } = parseContents([{ role: 'model', parts }], 'contents');
    expect(counted(items)).toEqual(counted(one.output));
    if (one.protocol === 'gemini') {
      const signed = Object.values(natives ?? {}).filter((native) => JSON.stringify(native).includes('c2ln'));
      expect(signed).toHaveLength(1);
      return;
    }
    const thoughts = one.output.filter(({ type }) => type === 'reasoning');
    const seals = items.flatMap((item) => (item.type === 'reasoning' ? [item.encrypted_content] : []));
    expect(seals).toEqual(
      thoughts.map((item) => seal({ origin: 'p', protocol: 'anthropic', native: undefined, item })),
    );
  });
});

test('the folded deltas are the output', () => {
  for (const { output, natives } of CASES) {
    const folded = foldAll(tapeDeltas(output, natives, { provider: 'p', protocol: 'x', model: 'm' }));
    expect(folded.items.map(({ item }) => contentOf(item))).toEqual(output.map(contentOf));
  }
});

test('a signature with seals is base64, and is told from one of Google', () => {
  const seals = ['clawhold-seal.k1.abc', 'clawhold-seal.k1.def'];
  const signature = signatureOf(seals);
  expect(signature).toMatch(/^[A-Za-z0-9+/]+=*$/);
  expect(sealsOf(signature)).toEqual(seals);
  expect(sealsOf(Buffer.from(seals.join(' ')).toString('base64url'))).toEqual(seals);
  expect(sealsOf('EpAICo0IAb4+9vuku3oD')).toBeUndefined();
  expect(sealsOf(Buffer.from('clawhold-seat taken').toString('base64'))).toBeUndefined();
});

describe('calls without ids', () => {
  const response = (name: string) => ({ functionResponse: { name, response: { ok: true } } });
  const named = (name: string) => ({ functionCall: { name, args: {} } });

  test('are paired with responses by their names and order', () => {
    const contents = [
      { role: 'user', parts: [{ text: 'Go' }] },
      { role: 'model', parts: [named('f'), named('g'), named('f')] },
      { role: 'user', parts: [response('g'), response('f')] },
      { role: 'function', parts: [response('f')] },
    ];
    const ids = parseContents(contents, 'contents').items.flatMap((item) =>
      'call_id' in item ? [item.call_id] : [],
    );
    expect(ids).toEqual(['call_0', 'call_1', 'call_2', 'call_1', 'call_0', 'call_2']);
  });

  test('a response without a call is refused', () => {
    const contents = [{ role: 'user', parts: [response('f')] }];
    expect(() => parseContents(contents, 'contents')).toThrow('`contents[0].parts[0].functionResponse`');
  });
});
