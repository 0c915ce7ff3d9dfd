import { describe, expect, test } from 'bun:test';
import { anthropic } from '../../../src/claws/anthropic/protocol.ts';
import { Fault } from '../../../src/core/errors.ts';
import { type Folded, foldAll } from '../../../src/core/fold.ts';
import type { Prompt } from '../../../src/core/prompt.ts';
import { expectWellFormed } from '../../conformance/wire-protocol.ts';

type Wire = Record<string, unknown>;

const prompt: Prompt = {
  model: 'claude-sonnet-4-5',
  items: [],
  settings: {},
  stream: true,
  dialect: 'openai-responses',
  extra: {},
};

const START = {
  type: 'message_start',
  message: { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude', content: [], usage: {} },
};
const STOP = { type: 'message_stop' };
const ended = (stop_reason: string, more: Wire = {}) => ({
  type: 'message_delta',
  delta: { stop_reason, ...more },
  usage: { output_tokens: 5 },
});
const begin = (index: number, content_block: Wire) => ({ type: 'content_block_start', index, content_block });
const grow = (index: number, type: string, fields: Wire) => ({
  type: 'content_block_delta',
  index,
  delta: { type, ...fields },
});
const stop = (index: number) => ({ type: 'content_block_stop', index });
const block = (index: number, content_block: Wire, ...deltas: unknown[]) => [
  begin(index, content_block),
  ...deltas,
  stop(index),
];

function read(events: unknown[], changes: Partial<Prompt> = {}): Folded {
  const reader = anthropic.reader({ ...prompt, ...changes });
  const deltas = events.flatMap((event) => reader.push({ data: JSON.stringify(event) }));
  deltas.push(...reader.end());
  expectWellFormed(deltas);
  return foldAll(deltas);
}

const readBlocks = (...blocks: unknown[]) => read([START, ...blocks, ended('end_turn'), STOP]);

function whole(body: Wire, changes: Partial<Prompt> = {}): Folded {
  const message = { id: 'msg_1', type: 'message', model: 'claude', content: [], stop_reason: 'end_turn' };
  return foldAll(anthropic.answer({ ...message, ...body }, { ...prompt, stream: false, ...changes }));
}

function faultFrom(run: () => unknown): Fault {
  try {
    run();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error('no fault');
}

describe('anthropic answer: items', () => {
  test('neighbouring text blocks are parts of one message', () => {
    const { items } = readBlocks(
      ...block(0, { type: 'text', text: '' }, grow(0, 'text_delta', { text: 'One ' })),
      ...block(1, { type: 'text', text: 'tw' }, grow(1, 'text_delta', { text: 'o' })),
      ...block(2, { type: 'tool_use', id: 'c', name: 'look', input: {} }),
      ...block(3, { type: 'text', text: '' }),
    );
    expect(items.map(({ item }) => item)).toEqual([
      {
        type: 'message',
        role: 'assistant',
        content: [
          { type: 'output_text', text: 'One ', annotations: [] },
          { type: 'output_text', text: 'two', annotations: [] },
        ],
      },
      { type: 'function_call', call_id: 'c', name: 'look', arguments: '{}' },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: '', annotations: [] }] },
    ]);
  });

  test('blocks that overlap are identified by their index', () => {
    const call = (index: number) => ({ type: 'tool_use', id: `c${index}`, name: 'look', input: {} });
    const { items } = readBlocks(
      begin(0, { type: 'text', text: '' }),
      begin(1, call(1)),
      begin(2, call(2)),
      grow(2, 'input_json_delta', { partial_json: '{"b":' }),
      grow(0, 'text_delta', { text: 'Hi' }),
      grow(1, 'input_json_delta', { partial_json: '{ "a": 1 }' }),
      grow(2, 'input_json_delta', { partial_json: '2}' }),
      stop(0),
      stop(2),
      stop(1),
    );
    expect(items).toMatchObject([
      { item: { content: [{ text: 'Hi' }] }, done: true },
      { item: { call_id: 'c1', arguments: '{ "a": 1 }' }, done: true },
      { item: { call_id: 'c2', arguments: '{"b":2}' }, done: true },
    ]);
  });

  test('thinking keeps its signature, also without its text', () => {
    const { items } = readBlocks(
      ...block(
        0,
        { type: 'thinking', thinking: '', signature: '' },
        grow(0, 'thinking_delta', { thinking: 'Hm' }),
        grow(0, 'thinking_delta', { thinking: '.' }),
        grow(0, 'signature_delta', { signature: 'sig' }),
      ),
      ...block(1, { type: 'thinking', thinking: '' }, grow(1, 'signature_delta', { signature: 'sig2' })),
      ...block(2, { type: 'redacted_thinking', data: 'secret' }),
    );
    expect(items).toMatchObject([
      { item: { content: [{ type: 'reasoning_text', text: 'Hm.' }] }, native: { signature: 'sig' } },
      { item: { type: 'reasoning', summary: [] }, native: { signature: 'sig2' } },
      { item: { type: 'reasoning', encrypted_content: 'secret' } },
    ]);
  });

  test('citations become annotations of the text that they cover', () => {
    const web = { type: 'web_search_result_location', url: 'u', title: 't', encrypted_index: 'e' };
    const page = { type: 'page_location', document_index: 0 };
    const { items } = readBlocks(
      ...block(
        0,
        { type: 'text', text: '', citations: [] },
        grow(0, 'citations_delta', { citation: web }),
        grow(0, 'text_delta', { text: 'Rain' }),
        grow(0, 'citations_delta', { citation: page }),
      ),
    );
    const annotations = [
      { type: 'url_citation', url: 'u', title: 't', start_index: 0, end_index: 4, citation: web },
      page,
    ];
    expect(items[0]?.item).toMatchObject({ content: [{ text: 'Rain', annotations }] });
  });

  test('unknown kinds and fields are kept whole', () => {
    const { items } = readBlocks(
      ...block(
        0,
        { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
        grow(0, 'input_json_delta', { partial_json: '{"query":"x"}' }),
      ),
      ...block(1, { type: 'compaction', content: null }, grow(1, 'compaction_delta', { content: 'Sum' })),
      ...block(2, { type: 'hologram', beams: [1] }, grow(2, 'beam_delta', { beams: [2], hue: 'red' })),
      ...block(3, { type: 'text', text: 'Hi', mood: 'gay' }),
      ...block(4, { type: 'tool_use', id: 'c', name: 'n', input: { a: 1 }, caller: { type: 'direct' } }),
    );
    expect(items).toMatchObject([
      { item: { type: 'server_tool_use', input: { query: 'x' } }, native: { id: 's' } },
      { item: { type: 'compaction', content: 'Sum' } },
      { item: { type: 'hologram', beams: [1, 2], hue: 'red' } },
      { item: { type: 'message' }, native: { parts: { 0: { mood: 'gay' } } } },
      { item: { arguments: '{"a":1}' }, native: { caller: { type: 'direct' } } },
    ]);
  });

  test('content that comes with the start of the message', () => {
    const content = [{ type: 'tool_use', id: 'c', name: 'n', input: { a: 1 } }];
    const start = { ...START, message: { ...START.message, content } };
    expect(read([start, ended('tool_use'), STOP]).items).toMatchObject([{ item: { arguments: '{"a":1}' } }]);
  });

  test('a structured answer through the tool reads as text', () => {
    const settings: Prompt['settings'] = {
      format: { type: 'json_schema', name: 'x', schema: { type: 'object' } },
    };
    const changes = { settings, model: 'claude-3-haiku' };
    const answer = { type: 'tool_use', id: 'c', name: 'structured_answer', input: {} };
    const streamed = read(
      [
        START,
        ...block(0, answer, grow(0, 'input_json_delta', { partial_json: '{"a":1}' })),
        ended('tool_use'),
        STOP,
      ],
      changes,
    );
    expect(streamed.items).toMatchObject([{ item: { type: 'message', content: [{ text: '{"a":1}' }] } }]);
    expect(streamed.finish).toEqual([{ unified: 'stop', raw: 'tool_use' }]);
    const content = [
      { ...answer, input: { a: 1 } },
      { ...answer, name: 'other' },
    ];
    const both = whole({ content, stop_reason: 'tool_use' }, changes);
    expect(both.items.map(({ item }) => item.type)).toEqual(['message', 'function_call']);
    expect(both.finish[0]?.unified).toBe('tool_calls');
  });
});

describe('anthropic answer: envelope', () => {
  test.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['tool_use', 'tool_calls'],
    ['refusal', 'content_filter'],
    ['pause_turn', 'unknown'],
    ['constructor', 'unknown'],
  ] as const)('%s ends it with %s', (raw, unified) => {
    expect(whole({ stop_reason: raw }).finish).toEqual([{ unified, raw }]);
    expect(read([START, ended(raw), STOP]).finish).toEqual([{ unified, raw }]);
  });

  test.each([
    ['without message_stop', []],
    ['with the events of the blocks left out, too', [STOP]],
  ])('an answer with a reason to stop is whole %s', (_, end) => {
    const text = begin(0, { type: 'text', text: 'Hi' });
    const open = end.length > 0 ? [text] : [text, stop(0)];
    const folded = read([START, ...open, ended('end_turn'), ...end]);
    expect(folded.items).toMatchObject([{ item: { content: [{ text: 'Hi' }] }, done: true }]);
    expect(folded.finish).toEqual([{ unified: 'stop', raw: 'end_turn' }]);
  });

  test('other fields are kept', () => {
    const details = { type: 'refusal', category: 'cyber' };
    const events = [
      { ...START, message: { ...START.message, container: { id: 'c' }, stop_sequence: null } },
      { ...ended('refusal', { stop_details: details, stop_sequence: 'END' }), context_management: { a: 1 } },
      STOP,
    ];
    expect(read(events).extra).toEqual({
      container: { id: 'c' },
      stop_details: details,
      stop_sequence: 'END',
      context_management: { a: 1 },
    });
  });

  test('usage is cumulative, and counts cached and compacted tokens', () => {
    const first = {
      input_tokens: 10,
      cache_read_input_tokens: 100,
      output_tokens: 1,
      service_tier: 'standard',
    };
    const last = {
      input_tokens: null,
      cache_creation_input_tokens: 20,
      output_tokens: 7,
      output_tokens_details: { thinking_tokens: 3 },
      iterations: [
        { type: 'compaction', input_tokens: 1000, output_tokens: 50 },
        { type: 'message', input_tokens: 10, output_tokens: 7 },
        { type: 'advisor_message', input_tokens: 5000, output_tokens: 5000 },
      ],
    };
    const { usage } = read([
      { ...START, message: { ...START.message, usage: first } },
      { ...ended('end_turn'), usage: last },
      STOP,
    ]);
    expect(usage).toEqual({
      input: 1130,
      output: 57,
      cacheRead: 100,
      cacheWrite: 20,
      reasoning: 3,
      tier: 'default',
      raw: { ...first, ...last, input_tokens: 10 },
    });
  });

  test('later usage with zeros does not erase earlier counts', () => {
    const first = { input_tokens: 10, cache_creation: { ephemeral_5m_input_tokens: 4 }, output_tokens: 1 };
    const last = { input_tokens: 0, cache_creation: { ephemeral_5m_input_tokens: 0 }, output_tokens: 7 };
    const { usage } = read([
      { ...START, message: { ...START.message, usage: first } },
      { ...ended('end_turn'), usage: last },
      STOP,
    ]);
    expect(usage).toMatchObject({ input: 10, output: 7, raw: { ...first, output_tokens: 7 } });
  });

  test('pings, unknown events and a repeated start are ignored', () => {
    const folded = read([
      START,
      { type: 'ping' },
      START,
      { type: 'constructor' },
      ...block(0, { type: 'text', text: 'Hi' }),
      ended('end_turn'),
      STOP,
    ]);
    expect(folded.items).toHaveLength(1);
    expect(anthropic.reader(prompt).push({ data: '[DONE]' })).toEqual([]);
  });
});

describe('anthropic answer: malformed', () => {
  const text = begin(0, { type: 'text', text: '' });
  const cases: [string, unknown[]][] = [
    ['nothing', []],
    ['no end', [START, text]],
    ['no message_stop and no reason to stop', [START, text, stop(0)]],
    ['a block before the message', [text]],
    ['a stop before the message', [STOP]],
    ['a delta for a block that is not open', [START, grow(0, 'text_delta', { text: 'x' })]],
    ['a delta for a closed block', [START, text, stop(0), grow(0, 'text_delta', { text: 'x' })]],
    ['a block that starts twice', [START, text, text]],
    ['a block that stops twice', [START, text, stop(0), stop(0)]],
    ['a block that is still open at the end', [START, text, STOP]],
    ['a block without an index', [START, { ...text, index: undefined }]],
    ['a block that is none', [START, begin(0, [] as unknown as Wire)]],
    ['a block without a type', [START, begin(0, {})]],
    ['text that is none', [START, text, grow(0, 'text_delta', { text: 7 })]],
    ['a call without a name', [START, begin(0, { type: 'tool_use', id: 'c' })]],
    [
      'hosted input that is no JSON',
      [START, ...block(0, { type: 'x' }, grow(0, 'input_json_delta', { partial_json: '{' }))],
    ],
    ['a delta that is none', [START, text, { type: 'content_block_delta', index: 0 }]],
    ['a message without a model', [{ ...START, message: {} }]],
    ['more after the end', [START, STOP, text]],
    ['a second message', [START, { ...START, message: { ...START.message, id: 'msg_2' } }]],
    ['a second message after the end', [START, STOP, START]],
    ['a list', [[]]],
    ['null', [null]],
  ];
  test.each(cases)('%s is a fault of the provider', (_name, events) => {
    expect(faultFrom(() => read(events)).code).toBe('provider_protocol_error');
  });

  test('an event that is not JSON', () => {
    const fault = faultFrom(() => anthropic.reader(prompt).push({ data: '<html>' }));
    expect(fault.code).toBe('provider_protocol_error');
    expect(fault.raw).toBe('<html>');
  });

  test.each([
    [null],
    [7],
    ['x'],
    [[]],
    [{}],
    [{ content: 'x' }],
    [{ content: [] }],
    [{ model: 'm', content: [7] }],
  ])('a malformed whole answer: %j', (body) => {
    expect(faultFrom(() => anthropic.answer(body, prompt)).code).toBe('provider_protocol_error');
  });

  test('an error instead of an answer, and in a stream', () => {
    const error = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
    expect(faultFrom(() => anthropic.answer(error, prompt)).code).toBe('provider_overloaded');
    const fault = faultFrom(() => read([START, error]));
    expect(fault.code).toBe('provider_overloaded');
    expect(fault.message).toBe('Overloaded');
    expect(fault.raw).toEqual(error);
    expect(faultFrom(() => read([START, { type: 'error' }])).code).toBe('provider_error');
  });
});

describe('anthropic faults', () => {
  const bad = 'invalid_request_error';
  test.each([
    [400, bad, 'messages: roles must alternate', 'provider_rejected_request'],
    [400, bad, 'prompt is too long: 210000 tokens > 200000 maximum', 'context_length_exceeded'],
    [400, bad, 'input length and `max_tokens` exceed context limit: 1 + 2 > 3', 'context_length_exceeded'],
    [400, bad, 'Your credit balance is too low to access the Anthropic API.', 'quota_exceeded'],
    [400, bad, 'Output blocked by content filtering policy', 'content_filtered'],
    [401, 'authentication_error', 'invalid x-api-key', 'provider_auth_failed'],
    [402, 'billing_error', 'Pay', 'quota_exceeded'],
    [403, 'permission_error', 'No', 'provider_auth_failed'],
    [404, 'not_found_error', 'model: claude-nope', 'model_not_found'],
    [404, 'not_found_error', 'File not found: file_1', 'provider_rejected_request'],
    [408, 'other', 'Late', 'provider_timeout'],
    [413, 'request_too_large', 'Request exceeds the maximum size', 'context_length_exceeded'],
    [429, 'rate_limit_error', 'Slow down', 'rate_limited'],
    [500, 'api_error', 'Internal server error', 'provider_error'],
    [500, 'overloaded_error', 'Overloaded', 'provider_overloaded'],
    [504, 'timeout_error', 'Late', 'provider_timeout'],
    [529, 'overloaded_error', 'Overloaded', 'provider_overloaded'],
  ] as const)('%i %s: %s', (status, type, message, code) => {
    const fault = anthropic.fault(status, { type: 'error', error: { type, message } }, new Headers());
    expect(fault.code).toBe(code);
    expect(fault.message).toBe(message);
  });

  test('the time of a retry, and bodies that do not come from the provider', () => {
    const headers = new Headers({ 'retry-after': '7' });
    expect(anthropic.fault(429, { error: { type: 'rate_limit_error' } }, headers).retryAfter).toBe(7);
    expect(anthropic.fault(503, '<html>', new Headers()).code).toBe('provider_overloaded');
    expect(anthropic.fault(418, null, new Headers()).code).toBe('provider_rejected_request');
  });
});

describe('anthropic answer: refusals', () => {
  const explanation = 'This is not allowed.';
  const details = { type: 'refusal', category: 'cyber', explanation };
  const refused = ended('refusal', { stop_details: details });
  const refusal = { type: 'refusal', refusal: explanation };

  test('before any text are a message', () => {
    expect(read([START, refused, STOP]).items).toMatchObject([{ item: { content: [refusal] }, done: true }]);
    expect(whole({ stop_reason: 'refusal', stop_details: details }).items).toMatchObject([
      { item: { content: [refusal] }, done: true },
    ]);
  });

  test.each([
    ['that has ended', [stop(0)]],
    ['that is still open', []],
  ])('follow the text %s', (_, end) => {
    const text = [begin(0, { type: 'text', text: 'Well, ' }), ...end];
    const { items } = read([START, ...text, refused, refused, STOP]);
    expect(items).toMatchObject([{ item: { content: [{ text: 'Well, ' }, refusal] }, done: true }]);
    expect(items).toHaveLength(1);
  });

  test.each([null, {}, { explanation: null }, { explanation: '' }, { explanation: 5 }])(
    'without an explanation add nothing: %j',
    (stop_details) => expect(read([START, ended('refusal', { stop_details }), STOP]).items).toEqual([]),
  );
});
