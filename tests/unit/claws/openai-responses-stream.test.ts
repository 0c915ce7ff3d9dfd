import { describe, expect, test } from 'bun:test';
import { openaiResponses } from '../../../src/claws/openai-responses/protocol.ts';
import type { Delta } from '../../../src/core/delta.ts';
import { Fault } from '../../../src/core/errors.ts';
import { foldAll } from '../../../src/core/fold.ts';
import type { Item } from '../../../src/core/items.ts';
import type { Prompt } from '../../../src/core/prompt.ts';

type Json = Record<string, unknown>;

const prompt: Prompt = {
  model: 'asked',
  items: [],
  settings: {},
  stream: true,
  dialect: 'openai-responses',
  extra: {},
};

function readAll(events: (Json | string)[]): Delta[] {
  const reader = openaiResponses.reader(prompt);
  const deltas = events.flatMap((event) =>
    reader.push({ data: typeof event === 'string' ? event : JSON.stringify(event) }),
  );
  return [...deltas, ...reader.end()];
}

function faultOf(run: () => unknown): Fault {
  try {
    run();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const created = { type: 'response.created', response: { id: 'resp_1', model: 'gpt', status: 'in_progress' } };
const added = (output_index: number, item: Json) => ({
  type: 'response.output_item.added',
  output_index,
  item,
});
const done = (output_index: number, item: Json) => ({
  type: 'response.output_item.done',
  output_index,
  item,
});
const completed = (output: unknown[], more: Json = {}) => ({
  type: 'response.completed',
  response: { id: 'resp_1', model: 'gpt', status: 'completed', output, ...more },
});
const incomplete = (reason: string | null, output: unknown[] = []) => ({
  type: 'response.incomplete',
  response: {
    model: 'gpt',
    status: 'incomplete',
    incomplete_details: reason === null ? null : { reason },
    output,
  },
});
const text = (delta: string, output_index = 0, content_index = 0) => ({
  type: 'response.output_text.delta',
  output_index,
  content_index,
  delta,
  logprobs: [],
});
const opened = { type: 'message', id: 'msg_1', status: 'in_progress', role: 'assistant', content: [] };
const said = (...texts: string[]) => ({
  type: 'message',
  id: 'msg_1',
  status: 'completed',
  role: 'assistant',
  content: texts.map((each) => ({ type: 'output_text', text: each, annotations: [], logprobs: [] })),
});
const call = (n: number, args: string) => ({
  type: 'function_call',
  id: `fc_${n}`,
  call_id: `call_${n}`,
  name: 'f',
  arguments: args,
  status: 'completed',
});
const argument = (output_index: number, delta: string) => ({
  type: 'response.function_call_arguments.delta',
  output_index,
  delta,
});

test('counts that come before the last event are kept', () => {
  const usage = { input_tokens: 10, input_tokens_details: { cached_tokens: 3 }, output_tokens: 4 };
  const early = { type: 'response.in_progress', response: { model: 'gpt', usage } };
  for (const later of [undefined, null, { input_tokens: 0, output_tokens: 0 }, { output_tokens: 4 }]) {
    const folded = foldAll(readAll([created, early, completed([], { usage: later })]));
    expect(folded.usage).toMatchObject({ input: 10, output: 4, cacheRead: 3 });
  }
});

describe('a stream', () => {
  test('becomes deltas event by event', () => {
    const usage = {
      input_tokens: 10,
      input_tokens_details: { cached_tokens: 4, cache_write_tokens: 2 },
      output_tokens: 5,
      output_tokens_details: { reasoning_tokens: 3 },
      total_tokens: 15,
    };
    const deltas = readAll([
      created,
      { type: 'response.in_progress', response: {} },
      added(0, opened),
      { type: 'response.content_part.added', output_index: 0, content_index: 0, part: {} },
      text('He'),
      { ...text('llo'), logprobs: [{ token: 'llo', logprob: -1 }] },
      {
        type: 'response.output_text.annotation.added',
        output_index: 0,
        content_index: 0,
        annotation: { type: 'url_citation' },
      },
      { type: 'response.output_text.done', output_index: 0, content_index: 0, text: 'Hello' },
      done(0, { ...said('Hello'), phase: 'final_answer' }),
      completed([said('Hello')], { usage, service_tier: 'flex', temperature: 1, tools: [], billing: null }),
      '[DONE]',
    ]);
    expect(deltas).toEqual([
      { type: 'start', model: 'gpt', id: 'resp_1' },
      { type: 'item-start', index: 0, item: { type: 'message', role: 'assistant', content: [] } },
      { type: 'text-delta', index: 0, part: 0, text: 'He' },
      { type: 'text-delta', index: 0, part: 0, text: 'llo', logprobs: [{ token: 'llo', logprob: -1 }] },
      { type: 'annotation', index: 0, part: 0, annotation: { type: 'url_citation' } },
      {
        type: 'item-end',
        index: 0,
        item: {
          type: 'message',
          role: 'assistant',
          status: 'completed',
          phase: 'final_answer',
          content: [{ type: 'output_text', text: 'Hello', annotations: [] }],
        } as Item,
        native: { id: 'msg_1' },
      },
      {
        type: 'usage',
        usage: { input: 10, output: 5, cacheRead: 4, cacheWrite: 2, reasoning: 3, tier: 'flex', raw: usage },
      },
      { type: 'extra', fields: { service_tier: 'flex' } },
      { type: 'finish', reason: { unified: 'stop', raw: 'completed' } },
    ]);
  });

  test('keeps parallel calls apart', () => {
    const folded = foldAll(
      readAll([
        created,
        added(0, { ...call(1, ''), status: 'in_progress' }),
        added(1, { ...call(2, ''), status: 'in_progress' }),
        argument(1, '{"b"'),
        argument(0, '{"a"'),
        argument(1, ':2}'),
        argument(0, ':1}'),
        done(1, call(2, '{"b":2}')),
        done(0, call(1, '{"a":1}')),
        completed([call(1, '{"a":1}'), call(2, '{"b":2}')]),
      ]),
    );
    expect(folded.items.map(({ item }) => item)).toMatchObject([
      { call_id: 'call_1', arguments: '{"a":1}' },
      { call_id: 'call_2', arguments: '{"b":2}' },
    ]);
    expect(folded.finish).toEqual([{ unified: 'tool_calls', raw: 'completed' }]);
  });

  test('holds reasoning, its summary and its encrypted content', () => {
    const thought = { type: 'reasoning', id: 'rs_1', summary: [] };
    const whole = {
      ...thought,
      summary: [{ type: 'summary_text', text: 'In short' }],
      content: [{ type: 'reasoning_text', text: 'At length' }],
      encrypted_content: 'sealed',
    };
    const deltas = readAll([
      created,
      added(0, thought),
      { type: 'response.reasoning_summary_text.delta', output_index: 0, summary_index: 0, delta: 'In short' },
      { type: 'response.reasoning_text.delta', output_index: 0, content_index: 0, delta: 'At length' },
      done(0, whole),
      completed([whole]),
    ]);
    expect(deltas).toContainEqual({ type: 'summary-delta', index: 0, part: 0, text: 'In short' });
    expect(deltas).toContainEqual({ type: 'reasoning-delta', index: 0, part: 0, text: 'At length' });
    const { id, ...item } = whole;
    expect(foldAll(deltas).items[0]).toMatchObject({ item, native: { id } });
  });

  test('holds refusals and the input of custom tools', () => {
    const custom = { type: 'custom_tool_call', id: 'ctc_1', call_id: 'c', name: 'sql', input: 'select 1' };
    const deltas = readAll([
      created,
      added(0, opened),
      { type: 'response.refusal.delta', output_index: 0, content_index: 0, delta: 'No.' },
      done(0, { ...said(), content: [{ type: 'refusal', refusal: 'No.' }] }),
      added(1, { ...custom, input: '' }),
      { type: 'response.custom_tool_call_input.delta', output_index: 1, delta: 'select 1' },
      done(1, custom),
      completed([]),
    ]);
    expect(deltas).toContainEqual({ type: 'refusal-delta', index: 0, part: 0, text: 'No.' });
    expect(deltas).toContainEqual({ type: 'arguments-delta', index: 1, text: 'select 1' });
    expect(foldAll(deltas).finish[0]?.unified).toBe('tool_calls');
  });

  test.each(['x\ndata: {}\n\nevent: y', 'x\r', '', 'clawhold:response.restarted'])(
    'leaves out an unknown event whose name clients must not get: %j',
    (type) => {
      const event = { type, output_index: 0 };
      const deltas = readAll([
        created,
        added(0, opened),
        event,
        done(0, said('Hi')),
        completed([said('Hi')]),
      ]);
      expect(deltas.filter(({ type }) => type === 'progress')).toEqual([]);
    },
  );

  test('reports hosted tools and unknown events as progress of their item', () => {
    const search = { type: 'web_search_call', id: 'ws_1', status: 'in_progress' };
    const deltas = readAll([
      created,
      added(3, search),
      { type: 'response.web_search_call.searching', output_index: 3, item_id: 'ws_1', sequence_number: 4 },
      { type: 'response.hologram.delta', output_index: 3, item_id: 'ws_1', delta: 'x', obfuscation: 'pad' },
      { type: 'response.audio.delta', delta: 'AA==' },
      { type: 'keepalive' },
      done(3, { ...search, status: 'completed' }),
      completed([]),
    ]);
    expect(deltas.filter(({ type }) => type === 'progress')).toEqual([
      { type: 'progress', index: 0, event: 'response.web_search_call.searching', data: {} },
      { type: 'progress', index: 0, event: 'response.hologram.delta', data: { delta: 'x' } },
    ]);
  });

  test('may have the event type outside of the data', () => {
    const reader = openaiResponses.reader(prompt);
    const { type, ...rest } = created;
    expect(reader.push({ event: type, data: JSON.stringify(rest) })).toMatchObject([{ type: 'start' }]);
  });

  test.each([
    ['max_output_tokens', 'length'],
    ['content_filter', 'content_filter'],
    ['cosmic_rays', 'unknown'],
  ])('cut by %s ends as %s', (reason, unified) => {
    const deltas = readAll([created, added(0, opened), text('Hel'), incomplete(reason)]);
    expect(deltas.at(-1)).toEqual({ type: 'finish', reason: { unified, raw: reason } } as Delta);
    expect(foldAll(deltas).items[0]?.done).toBe(true);
  });

  test('that is incomplete without a reason is not complete', () => {
    expect(readAll([created, incomplete(null)]).at(-1)).toEqual({
      type: 'finish',
      reason: { unified: 'unknown', raw: 'incomplete' },
    });
  });

  test('of a router names the model that answered', () => {
    const deltas = readAll([created, completed([], { model: 'gpt-chosen' })]);
    expect(foldAll(deltas)).toMatchObject({ model: 'gpt', extra: { model: 'gpt-chosen' } });
  });
});

describe('the final output is authoritative', () => {
  test('it adds items that did not stream, and closes open ones', () => {
    const late = { ...said('late'), id: 'msg_2' };
    const folded = foldAll(
      readAll([created, added(0, opened), text('Hel'), completed([late, said('Hello')])]),
    );
    expect(folded.items.map(({ item, done }) => [item, done])).toMatchObject([
      [{ content: [{ text: 'Hello' }] }, true],
      [{ content: [{ text: 'late' }] }, true],
    ]);
  });

  test('items are matched by their type if ids change or are absent', () => {
    const folded = foldAll(
      readAll([
        created,
        added(0, { ...opened, id: 'a' }),
        done(0, { ...said('one'), id: 'b' }),
        added(1, call(1, '')),
        completed([
          { ...said('one'), id: undefined },
          { ...call(1, '{}'), id: 'other' },
        ]),
      ]),
    );
    expect(folded.items.map(({ item }) => item)).toMatchObject([{ type: 'message' }, { arguments: '{}' }]);
    expect(folded.items).toHaveLength(2);
  });

  test('content that came without delta events is given as deltas', () => {
    const deltas = readAll([
      created,
      added(0, call(1, '{"a":1}')),
      done(0, call(1, '{"a":1}')),
      done(1, said('Hello')),
      completed([]),
    ]);
    expect(deltas.filter(({ type }) => type.endsWith('-delta'))).toEqual([
      { type: 'arguments-delta', index: 0, text: '{"a":1}' },
      { type: 'text-delta', index: 1, part: 0, text: 'Hello' },
    ]);
  });

  test('a stream may consist of its end event alone', () => {
    expect(foldAll(readAll([completed([said('Hello')])])).items).toHaveLength(1);
  });
});

describe('a malformed stream', () => {
  test.each<[string, (Json | string)[]]>([
    ['that is cut', [created, added(0, opened), text('Hel')]],
    ['that is empty', []],
    ['of garbage', ['<html>']],
    ['of JSON that is no object', ['[1]']],
    ['with a start without response', [{ type: 'response.created' }]],
    ['that begins with an item', [added(0, opened)]],
    ['with text for an item that was never opened', [created, text('Hel')]],
    ['with text for an item that has ended', [created, done(0, said('Hello')), text('!')]],
    ['with text for a call', [created, added(0, call(1, '')), text('Hel')]],
    ['with arguments for a message', [created, added(0, opened), argument(0, '{')]],
    ['with text that is no string', [created, added(0, opened), { ...text(''), delta: 1 }]],
    ['with a part number beyond reason', [created, added(0, opened), text('x', 0, 1e9)]],
    ['with a negative output_index', [created, added(-1, opened)]],
    ['that opens an item twice', [created, added(0, opened), added(0, opened)]],
    ['that ends an item twice', [created, done(0, said('a')), done(0, said('a'))]],
    ['that ends an item as another kind', [created, added(0, opened), done(0, call(1, ''))]],
    ['with an item without type', [created, added(0, { id: 'x' })]],
    ['with a message without content', [created, done(0, { type: 'message' })]],
    ['with a call without name', [created, done(0, { type: 'function_call', call_id: 'c' })]],
    ['with a call whose name is empty', [created, done(0, { ...call(1, '{}'), name: '' }), completed([])]],
    [
      'with a custom call without name',
      [created, done(0, { type: 'custom_tool_call', call_id: 'c' }), completed([])],
    ],
    [
      'with a part whose type is no string',
      [created, done(0, { ...said('Hi'), content: [{ type: {} }] }), completed([])],
    ],
    ['with an end without response', [created, { type: 'response.completed' }]],
    ['with output that is no list', [created, completed({} as never)]],
    ['that completes over an open item', [created, added(0, opened), text('Hel'), completed([])]],
  ])('%s is a protocol error', (_name, events) => {
    expect(faultOf(() => readAll(events)).code).toBe('provider_protocol_error');
  });

  test('reports what was expected and what came', () => {
    expect(faultOf(() => readAll([created, added(0, opened), { ...text(''), delta: 1 }])).message).toBe(
      'delta of response.output_text.delta: expected a string, got the number 1.',
    );
  });
});

describe('a whole answer', () => {
  const answer = (body: unknown) => openaiResponses.answer(body, prompt);

  test('gives the same deltas as its stream', () => {
    expect(answer(completed([said('Hello'), call(1, '{}')]).response)).toEqual([
      { type: 'start', model: 'gpt', id: 'resp_1' },
      { type: 'item-start', index: 0, item: { type: 'message', role: 'assistant', content: [] } },
      { type: 'text-delta', index: 0, part: 0, text: 'Hello' },
      {
        type: 'item-end',
        index: 0,
        item: {
          type: 'message',
          role: 'assistant',
          status: 'completed',
          content: [{ type: 'output_text', text: 'Hello', annotations: [] }],
        },
        native: { id: 'msg_1' },
      },
      {
        type: 'item-start',
        index: 1,
        item: { type: 'function_call', call_id: 'call_1', name: 'f', arguments: '' },
      },
      { type: 'arguments-delta', index: 1, text: '{}' },
      {
        type: 'item-end',
        index: 1,
        item: { type: 'function_call', call_id: 'call_1', name: 'f', arguments: '{}', status: 'completed' },
        native: { id: 'fc_1' },
      },
      { type: 'finish', reason: { unified: 'tool_calls', raw: 'completed' } },
    ]);
  });

  test.each<[string, unknown]>([
    ['text', 'hello'],
    ['a list', []],
    ['without output', { status: 'completed' }],
    ['that is not there yet', { status: 'queued', output: [] }],
    ['of a chat completion', { choices: [] }],
  ])('%s is a protocol error', (_name, body) => {
    expect(faultOf(() => answer(body)).code).toBe('provider_protocol_error');
  });

  test('that failed is a failure', () => {
    const body = {
      status: 'failed',
      error: { code: 'rate_limit_exceeded', message: 'Slow down' },
      output: [],
    };
    expect(faultOf(() => answer(body))).toMatchObject({ code: 'rate_limited', message: 'Slow down' });
  });
});
