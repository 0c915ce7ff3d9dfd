import { describe, expect, test } from 'bun:test';
import { gemini } from '../../../src/claws/gemini/protocol.ts';
import type { Delta } from '../../../src/core/delta.ts';
import { type Folded, foldAll } from '../../../src/core/fold.ts';
import { userMessage } from '../../../src/core/items.ts';
import type { Prompt, PromptItem } from '../../../src/core/prompt.ts';
import { expectWellFormed } from '../../conformance/wire-protocol.ts';

type Json = Record<string, unknown>;

const PROMPT: Prompt = {
  model: 'gemini-3-flash-preview',
  items: [],
  settings: {},
  stream: true,
  dialect: 'gemini',
  extra: {},
};

const chunk = (parts: Json[], candidate: Json = {}, envelope: Json = {}): Json => ({
  candidates: [{ content: { parts, role: 'model' }, ...candidate }],
  modelVersion: 'gemini-3-flash',
  responseId: 'r',
  ...envelope,
});
const STOP = { finishReason: 'STOP' };

function deltasOf(...chunks: Json[]): Delta[] {
  const reader = gemini.reader(PROMPT);
  const deltas = chunks.flatMap((event) => reader.push({ data: JSON.stringify(event) }));
  return [...deltas, ...reader.end()];
}

function read(...chunks: Json[]): Folded {
  const deltas = deltasOf(...chunks);
  expectWellFormed(deltas);
  return foldAll(deltas);
}

const faultOf = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('gemini answer: items', () => {
  test('the deltas of a plain stream', () => {
    const counts = { promptTokenCount: 3, candidatesTokenCount: 1 };
    const last = { ...counts, candidatesTokenCount: 2 };
    const deltas = deltasOf(
      chunk([{ text: 'a' }], {}, { usageMetadata: counts }),
      chunk([{ text: 'b' }], STOP, { usageMetadata: last }),
    );
    const usage = { input: 3, cacheRead: 0, cacheWrite: 0, reasoning: 0 };
    expect(deltas).toEqual([
      { type: 'start', model: 'gemini-3-flash', id: 'r' },
      { type: 'item-start', index: 0, item: { type: 'message', role: 'assistant', content: [] }, choice: 0 },
      { type: 'text-delta', index: 0, part: 0, text: 'a' },
      { type: 'usage', usage: { ...usage, output: 1, raw: counts } },
      { type: 'text-delta', index: 0, part: 0, text: 'b' },
      { type: 'item-end', index: 0 },
      { type: 'finish', reason: { unified: 'stop', raw: 'STOP' }, choice: 0 },
      { type: 'usage', usage: { ...usage, output: 2, raw: last } },
    ]);
  });

  test('reasoning, text and calls become items in their order', () => {
    const { items, finish } = read(
      chunk([{ text: 'hm', thought: true }]),
      chunk([{ text: 'm', thought: true, thoughtSignature: 's1' }, { text: 'I look.' }]),
      chunk([
        { functionCall: { name: 'a', args: { x: 1 } }, thoughtSignature: 's2' },
        { functionCall: { name: 'b', id: 'own' } },
      ]),
      chunk([{ text: '' }], STOP),
    );
    expect(items.map(({ item, native }) => [item, native])).toEqual([
      [
        { type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: 'hmm' }] },
        { parts: [{ length: 2 }, { length: 1, thoughtSignature: 's1' }] },
      ],
      [
        {
          type: 'message',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'I look.', annotations: [] }],
        },
        undefined,
      ],
      [
        { type: 'reasoning', summary: [] },
        { carries: { call: 'call_r_0_0', partFields: { thoughtSignature: 's2' } } },
      ],
      [
        { type: 'function_call', call_id: 'call_r_0_0', name: 'a', arguments: '{"x":1}' },
        { thoughtSignature: 's2' },
      ],
      [{ type: 'function_call', call_id: 'own', name: 'b', arguments: '{}' }, { givenId: true }],
    ]);
    expect(finish).toEqual([{ unified: 'tool_calls', raw: 'STOP' }]);
  });

  test('the signature of a call is carried by the thought before it', () => {
    const { items } = read(
      chunk([{ text: 'hmm', thought: true }]),
      chunk([{ functionCall: { name: 'a', id: 'a1' }, thoughtSignature: 's' }], STOP),
    );
    expect(items.map(({ item, native }) => [item.type, native])).toEqual([
      ['reasoning', { carries: { call: 'a1', partFields: { thoughtSignature: 's' } } }],
      ['function_call', { thoughtSignature: 's', givenId: true }],
    ]);
  });

  test('the signature of a text is carried after it, in a stream and in a whole answer', () => {
    const streamed = read(chunk([{ text: 'a' }]), chunk([{ text: '', thoughtSignature: 's' }], STOP));
    const whole = read(chunk([{ text: 'a', thoughtSignature: 's' }], STOP));
    const natives = [streamed, whole].map(({ items }) => {
      expect(items.map(({ item }) => item.type)).toEqual(['message', 'reasoning']);
      return items[1]!.native;
    });
    expect(natives).toEqual([
      { carries: { text: { parts: [{ length: 1 }, { length: 0, thoughtSignature: 's' }] } } },
      { carries: { text: { parts: [{ length: 1, thoughtSignature: 's' }] } } },
    ]);
  });

  test('thoughts are a summary where the caller asks for one', () => {
    const settings = { reasoning: { summary: 'auto' } };
    const chunks = [chunk([{ text: 'hm', thought: true }]), chunk([{ text: 'a' }], STOP)];
    const reader = gemini.reader({ model: 'gemini-3-flash', settings } as Prompt);
    const deltas = [
      ...chunks.flatMap((data) => reader.push({ event: '', data: JSON.stringify(data) })),
      ...reader.end(),
    ];
    expect(foldAll(deltas).items[0]!.item).toEqual({
      type: 'reasoning',
      summary: [{ type: 'summary_text', text: 'hm' }],
    });
  });

  test('an answer is sent back part by part, unchanged', () => {
    const parts = [
      { text: 'hmm', thought: true, thoughtSignature: 's1' },
      { text: 'plain' },
      { text: 'signed', thoughtSignature: 's2' },
      { executableCode: { language: 'PYTHON', code: 'print(1)' }, thoughtSignature: 's3' },
      { codeExecutionResult: { outcome: 'OUTCOME_OK', output: '1' } },
      { inlineData: { mimeType: 'image/png', data: 'AA' }, thought: true },
      { functionCall: { id: 'i', name: 'a', args: { x: [1, { y: null }] } }, thoughtSignature: 's4' },
      { functionCall: { name: 'b', args: {}, later: 1 }, thought: true },
      { text: '', thoughtSignature: 's5', partMetadata: { a: 1 } },
    ];
    const { items } = read(chunk(parts, STOP));
    const back: PromptItem[] = JSON.parse(JSON.stringify(items)).map(({ item, native }: PromptItem) => ({
      item,
      native,
      origin: 'gemini',
    }));
    const provider = { id: 'gemini', baseUrl: 'https://g.test', quirks: {} };
    const { body } = gemini.request({ ...PROMPT, items: [{ item: userMessage('go') }, ...back] }, provider);
    expect((body.contents as unknown[])[1]).toEqual({ role: 'model', parts });
  });

  test('a list of chunks is read like a stream', () => {
    const chunks = [chunk([{ text: 'a' }]), chunk([{ text: 'b' }], STOP)];
    expect(foldAll(gemini.answer(chunks, PROMPT))).toEqual(read(...chunks));
  });

  test('calls without an answer id get unique ids', () => {
    const body = chunk([{ functionCall: { name: 'a' } }, { functionCall: { name: 'a' } }], STOP);
    body.responseId = undefined;
    const ids = read(body).items.map(({ item }) => (item as { call_id?: string }).call_id);
    expect(new Set(ids).size).toBe(2);
    expect(ids[0]).toMatch(/^call_[0-9a-f-]{36}_0_0$/);
  });

  test('alternatives are read apart, in any order', () => {
    const { items, finish, extra } = read(
      { candidates: [{ index: 1, content: { parts: [{ text: 'b' }] } }], modelVersion: 'm', responseId: 'r' },
      { candidates: [{ content: { parts: [{ text: 'a' }] }, finishReason: 'STOP', avgLogprobs: -1 }] },
      { candidates: [{ index: 1, finishReason: 'MAX_TOKENS' }] },
    );
    expect(items.map(({ choice }) => choice)).toEqual([1, 0]);
    expect(finish.map(({ unified }) => unified)).toEqual(['stop', 'length']);
    expect(extra).toEqual({ candidates: [{ avgLogprobs: -1 }, {}] });
  });
});

describe('gemini answer: streamed arguments', () => {
  const partial = (partialArgs: Json[], more: Json = { willContinue: true }) =>
    chunk([{ functionCall: { partialArgs, ...more } }]);
  const begin = chunk([{ functionCall: { name: 'f', willContinue: true }, thoughtSignature: 's' }]);
  const text = (...chunks: Json[]) =>
    (read(begin, ...chunks, chunk([{ text: '' }], STOP)).items[1]!.item as { arguments?: string }).arguments;

  test('every kind of value, nested, in any order', () => {
    const found = text(
      partial([{ jsonPath: '$.a[0].b', stringValue: 'x', willContinue: true }]),
      partial([{ jsonPath: '$.a[0].b', stringValue: '"y' }]),
      partial([
        { jsonPath: '$.n', numberValue: 1.5 },
        { jsonPath: '$.t', boolValue: false },
      ]),
      partial([]),
      partial([{ jsonPath: "$['odd \\'.key'].z", nullValue: 'NULL_VALUE' }]),
      partial([{ jsonPath: '$.a[0].c', stringValue: 'late' }]),
      partial([{ jsonPath: '$.__proto__.polluted', boolValue: true }], {}),
    );
    expect(found).toBe(
      '{"a":[{"b":"x\\"y","c":"late"}],"n":1.5,"t":false,"odd \'.key":{"z":null},"__proto__":{"polluted":true}}',
    );
    expect(({} as Json).polluted).toBeUndefined();
  });

  test('the end mark of a call is no call', () => {
    const { items } = read(
      begin,
      chunk([{ functionCall: {} }]),
      chunk([{ functionCall: {} }]),
      chunk([], STOP),
    );
    expect(items.map(({ item }) => item.type)).toEqual(['reasoning', 'function_call']);
    expect(items[1]!.native).toEqual({ thoughtSignature: 's' });
  });

  test('a call that was cut short is incomplete', () => {
    const cut = partial([{ jsonPath: '$.a', stringValue: 'x', willContinue: true }]);
    const { items } = read(begin, cut, chunk([], { finishReason: 'MAX_TOKENS' }));
    expect(items[1]!.item).toMatchObject({ status: 'incomplete', arguments: '{"a":"x"}' });
  });

  test.each([
    ['no path', { stringValue: 'x' }],
    ['no JSON Path', { jsonPath: 'a', stringValue: 'x' }],
    ['a wild card', { jsonPath: '$.a[*]', stringValue: 'x' }],
    ['a gap in an array', { jsonPath: '$.a[4000000000]', stringValue: 'x' }],
    ['a name in an array', { jsonPath: '$.a.b', stringValue: 'x' }],
    ['no value', { jsonPath: '$.a' }],
  ])('%s is malformed', (_, argument) => {
    const first = { jsonPath: '$.a[0]', numberValue: 1 };
    const run = () => text(partial([first]), partial([argument]));
    expect(faultOf(run)).toMatchObject({ code: 'provider_protocol_error' });
  });
});

describe('gemini answer: beside the content', () => {
  test('log probabilities are with their text, in the canonical shape', () => {
    const logprobsResult = {
      chosenCandidates: [{ token: 'é', tokenId: 7, logProbability: -0.5 }],
      topCandidates: [{ candidates: [{ token: 'e', logProbability: -2 }] }],
      logProbabilitySum: -0.5,
    };
    const { items, extra } = read(chunk([{ text: 'é' }], { ...STOP, logprobsResult }));
    expect(items[0]!.item).toMatchObject({
      content: [
        {
          logprobs: [
            {
              token: 'é',
              logprob: -0.5,
              bytes: [195, 169],
              token_id: 7,
              top_logprobs: [{ token: 'e', logprob: -2, bytes: [101] }],
            },
          ],
        },
      ],
    });
    expect(extra).toEqual({ candidates: [{ logprobsResult: { logProbabilitySum: -0.5 } }] });
  });

  test('log probabilities of a call are kept unchanged', () => {
    const logprobsResult = { chosenCandidates: [{ token: 'x', logProbability: -1 }] };
    const call = [{ functionCall: { name: 'a', args: {} } }];
    const { extra } = read(chunk(call, { logprobsResult }), chunk([], { ...STOP, logprobsResult }));
    const { chosenCandidates } = logprobsResult;
    expect(extra).toEqual({
      candidates: [{ logprobsResult: { chosenCandidates: [...chosenCandidates, ...chosenCandidates] } }],
    });
  });

  test('metadata of all chunks is kept, and of ratings the last ones', () => {
    const grounding = (chunks: string[]) => ({ webSearchQueries: ['q'], groundingChunks: chunks });
    const { extra } = read(
      chunk([{ text: 'a' }], { safetyRatings: [{ p: 'LOW' }], groundingMetadata: grounding(['1']) }),
      chunk([{ text: 'b' }], {
        safetyRatings: [{ p: 'HIGH' }],
        groundingMetadata: grounding(['1', '2']),
        ...STOP,
      }),
      { usageMetadata: {}, modelStatus: { stage: 'STABLE' } },
    );
    expect(extra).toEqual({
      modelStatus: { stage: 'STABLE' },
      candidates: [{ safetyRatings: [{ p: 'HIGH' }], groundingMetadata: grounding(['1', '2']) }],
    });
  });

  test('usage without counts does not replace counts', () => {
    const counts = { promptTokenCount: 3, candidatesTokenCount: 1 };
    const { usage } = read(
      chunk([{ text: 'a' }], {}, { usageMetadata: { trafficType: 'A' } }),
      chunk([{ text: 'b' }], STOP, { usageMetadata: counts }),
      { usageMetadata: { trafficType: 'B' } },
    );
    expect(usage).toMatchObject({ input: 3, output: 1, raw: { ...counts, trafficType: 'B' } });
  });

  test('later usage with zeros or without a count does not erase earlier counts', () => {
    const counts = { promptTokenCount: 3, candidatesTokenCount: 2, thoughtsTokenCount: 5 };
    for (const later of [{ promptTokenCount: 0, candidatesTokenCount: 0 }, { promptTokenCount: 3 }]) {
      const { usage } = read(
        chunk([{ text: 'a' }], {}, { usageMetadata: counts }),
        chunk([{ text: 'b' }], STOP, { usageMetadata: later }),
      );
      expect(usage).toMatchObject({ input: 3, output: 7, reasoning: 5, raw: counts });
    }
  });

  test('usage counts tool results as input, reasoning as output, and the cache', () => {
    const raw = {
      promptTokenCount: 100,
      toolUsePromptTokenCount: 20,
      cachedContentTokenCount: 60,
      candidatesTokenCount: 5,
      thoughtsTokenCount: 7,
      totalTokenCount: 132,
    };
    expect(read(chunk([{ text: 'a' }], STOP, { usageMetadata: raw })).usage).toEqual({
      input: 120,
      output: 12,
      cacheRead: 60,
      cacheWrite: 0,
      reasoning: 7,
      raw,
    });
  });

  test.each([
    ['STOP', 'stop'],
    ['MAX_TOKENS', 'length'],
    ['SAFETY', 'content_filter'],
    ['RECITATION', 'content_filter'],
    ['IMAGE_PROHIBITED_CONTENT', 'content_filter'],
    ['MALFORMED_FUNCTION_CALL', 'unknown'],
    ['NO_SUCH_WORD_YET', 'unknown'],
  ])('finish reason %s', (finishReason, unified) => {
    expect(read(chunk([{ text: 'a' }], { finishReason })).finish).toEqual([
      { unified, raw: finishReason } as never,
    ]);
  });

  test('a safety stop may have no content at all', () => {
    const { items, finish } = read({ candidates: [{ finishReason: 'SAFETY' }] });
    expect([items, finish[0]?.unified]).toEqual([[], 'content_filter']);
  });
});

describe('gemini answer: malformed', () => {
  const whole = (body: unknown) => faultOf(() => gemini.answer(body, PROMPT));
  const stream = (...chunks: unknown[]) => faultOf(() => deltasOf(...(chunks as Json[])));

  test.each([
    ['no object', 'text'],
    ['a list', [1]],
    ['nothing', null],
    ['no candidates', { modelVersion: 'm' }],
    ['an empty list of candidates', { candidates: [] }],
    ['candidates of a wrong type', { candidates: {} }],
    ['a candidate of a wrong type', { candidates: ['x'] }],
    ['a candidate index of a wrong type', { candidates: [{ index: 'x', ...STOP }] }],
    ['an absurd candidate index', { candidates: [{ index: 1e9, ...STOP }] }],
    ['a content of a wrong type', { candidates: [{ content: [], ...STOP }] }],
    ['parts of a wrong type', { candidates: [{ content: { parts: {} }, ...STOP }] }],
    ['a part of a wrong type', chunk(['x' as never], STOP)],
    ['a text of a wrong type', chunk([{ text: 1 }], STOP)],
    ['no finish reason', chunk([{ text: 'a' }])],
    ['a call without a name', chunk([{ functionCall: { args: {} } }], STOP)],
    ['a call of a wrong type', chunk([{ functionCall: 'x' }], STOP)],
    ['arguments of a wrong type', chunk([{ functionCall: { name: 'a', args: 'x' } }], STOP)],
  ])('%s', (_, body) => {
    expect(whole(body)).toMatchObject({ code: 'provider_protocol_error' });
    expect(stream(body)).toMatchObject({ code: 'provider_protocol_error' });
  });

  test('text that is not JSON', () => {
    expect(faultOf(() => gemini.reader(PROMPT).push({ data: '{"candidates":[{"cont' }))).toMatchObject({
      code: 'provider_protocol_error',
      raw: '{"candidates":[{"cont',
    });
  });

  test('a stream that ends before its finish reason, or without any event', () => {
    expect(stream(chunk([{ text: 'a' }]), chunk([{ text: 'b' }]))).toMatchObject({
      code: 'provider_protocol_error',
    });
    expect(stream()).toMatchObject({ code: 'provider_protocol_error' });
  });

  test('a stream whose second alternative is cut', () => {
    const cut = { candidates: [{ content: { parts: [{ text: 'a' }] }, ...STOP }, { index: 1 }] };
    expect(stream(cut)).toMatchObject({ code: 'provider_protocol_error' });
  });

  test('a blocked prompt', () => {
    const blocked = { promptFeedback: { blockReason: 'PROHIBITED_CONTENT' }, modelVersion: 'm' };
    expect(whole(blocked)).toMatchObject({ code: 'content_filtered', raw: blocked });
    expect(stream(blocked)).toMatchObject({ code: 'content_filtered' });
  });

  test('an answer of only a malformed call fails before the first delta', () => {
    const failed = { candidates: [{ finishReason: 'MALFORMED_FUNCTION_CALL', finishMessage: 'print(x' }] };
    expect(whole(failed)).toMatchObject({ code: 'provider_error' });
    const reader = gemini.reader(PROMPT);
    expect(faultOf(() => reader.push({ data: JSON.stringify(failed) }))).toMatchObject({
      code: 'provider_error',
      message: 'Gemini gave no answer (MALFORMED_FUNCTION_CALL): print(x.',
    });
  });

  test('an error event is classified, but after the first delta it is not about the request', () => {
    const error = { error: { code: 503, message: 'The model is overloaded.', status: 'UNAVAILABLE' } };
    expect(stream(error)).toMatchObject({ code: 'provider_overloaded' });
    expect(stream([error])).toMatchObject({ code: 'provider_overloaded' });
    expect(stream(chunk([{ text: 'a' }]), error)).toMatchObject({ code: 'provider_overloaded' });
    const late = { error: { code: 400, message: 'No.', status: 'INVALID_ARGUMENT' } };
    expect(stream(late)).toMatchObject({ code: 'provider_rejected_request' });
    expect(stream(chunk([{ text: 'a' }]), late)).toMatchObject({ code: 'provider_error', message: 'No.' });
  });
});

describe('gemini answer: refusals', () => {
  const finishMessage = 'The answer was blocked.';
  const refusal = { type: 'refusal', refusal: finishMessage };
  const blocked = { finishReason: 'SAFETY', finishMessage };

  test.each([
    ['before any text', [chunk([], blocked)], [refusal]],
    ['after a text', [chunk([{ text: 'Well, ' }]), chunk([], blocked)], [{ text: 'Well, ' }, refusal]],
    ['after a thought', [chunk([{ text: 'Hm', thought: true }], blocked)], [refusal]],
  ])('%s', (_, chunks, content) => {
    const { items, finish } = read(...chunks);
    expect(items.at(-1)).toMatchObject({ item: { type: 'message', content }, done: true });
    expect(finish).toEqual([{ unified: 'content_filter', raw: 'SAFETY' }]);
  });

  test('are only messages of a filter', () => {
    expect(read(chunk([{ text: 'a' }], { ...STOP, finishMessage })).items).toMatchObject([
      { item: { content: [{ type: 'output_text', text: 'a' }] } },
    ]);
  });

  test('a signed text with a refusal is sent back with both', () => {
    const { items } = read(chunk([{ text: 'Well, ', thoughtSignature: 'sig' }]), chunk([], blocked));
    const { item, native } = items[0]!;
    const entry: PromptItem = { item, native, origin: 'gemini' };
    const provider = { id: 'gemini', baseUrl: '', quirks: {} };
    const { contents } = gemini.request({ ...PROMPT, items: [entry] }, provider).body;
    expect(contents).toEqual([
      { role: 'model', parts: [{ text: 'Well, ', thoughtSignature: 'sig' }, { text: finishMessage }] },
    ]);
  });
});

describe('gemini answer: images', () => {
  const inlineData = { mimeType: 'image/jpeg', data: 'AAAA' };
  const image = { type: 'image_generation_call', status: 'completed', output_format: 'jpeg', result: 'AAAA' };

  test('are image calls between the texts, with their signature', () => {
    const { items } = read(
      chunk([{ text: 'Here: ' }]),
      chunk([{ inlineData, thoughtSignature: 'sig' }]),
      chunk([{ text: 'Done.' }], STOP),
    );
    expect(items).toMatchObject([
      { item: { content: [{ text: 'Here: ' }] } },
      { item: image, native: { thoughtSignature: 'sig' }, done: true },
      { item: { content: [{ text: 'Done.' }] } },
    ]);
  });

  test.each([
    ['a sound', { inlineData: { mimeType: 'audio/wav', data: 'AAAA' } }],
    ['an image inside thoughts', { inlineData, thought: true }],
  ])('are not %s', (_, part) => {
    expect(read(chunk([part], STOP)).items[0]!.item.type as string).toBe('gemini:inlineData');
  });
});
