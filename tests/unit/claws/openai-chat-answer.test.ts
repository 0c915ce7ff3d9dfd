import { describe, expect, test } from 'bun:test';
import { finishOf } from '../../../src/claws/openai-chat/answer.ts';
import { openaiChat } from '../../../src/claws/openai-chat/protocol.ts';
import type { Delta } from '../../../src/core/delta.ts';
import { Fault } from '../../../src/core/errors.ts';
import { foldAll } from '../../../src/core/fold.ts';
import { expectWellFormed, promptFor } from '../../conformance/wire-protocol.ts';

type Json = Record<string, unknown>;

const DONE = '[DONE]';
const chunk = (delta: Json, more: Json = {}) => ({
  id: 'a1',
  object: 'chat.completion.chunk',
  created: 5,
  model: 'm-1',
  choices: [{ index: 0, delta, finish_reason: null, ...more }],
});
const end = (finish_reason = 'stop') => chunk({}, { finish_reason });
const call = (piece: Json) => chunk({ tool_calls: [piece] });

/** Feeds events to a reader. Strings are sent unchanged. */
function read(events: (Json | string)[], settings = {}): Delta[] {
  const reader = openaiChat.reader({ ...promptFor(openaiChat, true), settings });
  const deltas = events.flatMap((event) =>
    reader.push({ data: typeof event === 'string' ? event : JSON.stringify(event) }),
  );
  return [...deltas, ...reader.end()];
}

function folded(events: (Json | string)[], settings = {}) {
  const deltas = read(events, settings);
  expectWellFormed(deltas);
  return foldAll(deltas);
}

const itemsOf = (events: (Json | string)[]) => folded(events).items.map(({ item }) => item as unknown);

function whole(message: Json, more: Json = {}) {
  const body = {
    id: 'a1',
    model: 'm-1',
    created: 5,
    choices: [{ index: 0, message, finish_reason: 'stop', ...more }],
  };
  const deltas = openaiChat.answer(body, promptFor(openaiChat, false));
  expectWellFormed(deltas);
  return foldAll(deltas);
}

function faultOf(run: () => unknown): Fault {
  try {
    run();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error('No fault was thrown.');
}

describe('text', () => {
  test('text deltas come at once, everything else at the end', () => {
    expect(read([chunk({ role: 'assistant', content: '' }), chunk({ content: 'Hi' }), end(), DONE])).toEqual([
      { type: 'start', model: 'm-1', id: 'a1' },
      { type: 'item-start', index: 0, item: { type: 'message', role: 'assistant', content: [] } },
      { type: 'text-delta', index: 0, part: 0, text: 'Hi' },
      { type: 'extra', fields: { created: 5 } },
      { type: 'item-end', index: 0 },
      { type: 'finish', reason: { unified: 'stop', raw: 'stop' } },
    ]);
  });

  test('a refusal, and text after it, are parts of one message', () => {
    expect(
      itemsOf([chunk({ content: 'a' }), chunk({ refusal: 'no' }), chunk({ content: 'b' }), end()]),
    ).toEqual([
      {
        type: 'message',
        role: 'assistant',
        content: [
          { type: 'output_text', text: 'a', annotations: [] },
          { type: 'refusal', refusal: 'no' },
          { type: 'output_text', text: 'b', annotations: [] },
        ],
      },
    ]);
  });

  test('annotations are flat, and may come before the text', () => {
    const url_citation = { url: 'https://x.test', title: 'X', start_index: 0, end_index: 1 };
    const events = [
      chunk({ annotations: [{ type: 'url_citation', url_citation }] }),
      chunk({ content: 'a' }),
      end(),
    ];
    expect(itemsOf(events)).toMatchObject([
      { content: [{ text: 'a', annotations: [{ type: 'url_citation', ...url_citation }] }] },
    ]);
  });

  test('log probabilities stay with their text, or are kept in the extra fields of the choice', () => {
    const entry = (token: string) => ({ token, logprob: -1, bytes: null, top_logprobs: [] });
    const answer = folded([
      chunk({ content: 'a' }, { logprobs: { content: [entry('a')], refusal: null } }),
      chunk({ refusal: 'b' }, { logprobs: { content: null, refusal: [entry('b')] } }),
      end(),
    ]);
    expect(answer.items[0]!.item).toMatchObject({ content: [{ logprobs: [entry('a')] }, {}] });
    expect(answer.extra).toMatchObject({ choices: [{ index: 0, logprobs: { refusal: [entry('b')] } }] });
  });

  test('in a spoken answer the transcript is the text, and the sound is kept beside it', () => {
    const answer = folded([
      chunk({ audio: { id: 'au', transcript: 'Hel' } }),
      chunk({ audio: { transcript: 'lo', data: 'AA' } }),
      chunk({ audio: { data: 'BB', expires_at: 9 } }),
      end(),
    ]);
    expect(answer.items).toMatchObject([
      {
        item: { content: [{ type: 'output_text', text: 'Hello' }] },
        native: { audio: { id: 'au', data: 'AABB', expires_at: 9 } },
      },
    ]);
  });

  test('unknown fields of the message are kept and do not split the reasoning', () => {
    const answer = folded([
      chunk({ reasoning: 'a', executed_tools: [1] }),
      chunk({ reasoning: 'b', executed_tools: [2] }),
      end(),
    ]);
    expect(answer.items).toMatchObject([
      { item: { type: 'reasoning', content: [{ text: 'ab' }] } },
      { item: { type: 'message', content: [] }, native: { executed_tools: [1, 2] } },
    ]);
  });

  test('the whole answer gives the same items', () => {
    expect(whole({ role: 'assistant', content: 'Hi', reasoning_content: 'Hm' })).toEqual(
      folded([chunk({ reasoning_content: 'Hm' }), chunk({ content: 'H' }), chunk({ content: 'i' }), end()]),
    );
  });
});

describe('reasoning', () => {
  test('every field name is read, and equal text in two fields only once', () => {
    for (const message of [
      { reasoning_content: 'Hm' },
      { reasoning: 'Hm' },
      { reasoning_content: 'Hm', reasoning: 'Hm' },
    ]) {
      const form = 'reasoning_content' in message ? 'reasoning_content' : 'reasoning';
      expect(whole({ ...message, content: 'Hi' }).items[0]).toEqual({
        item: { type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: 'Hm' }] },
        native: { form },
        choice: 0,
        done: true,
      });
    }
  });

  test('it ends when text begins, and later reasoning is another item', () => {
    const events = [
      chunk({ reasoning: 'a' }),
      chunk({ content: 'b' }),
      chunk({ reasoning: 'c' }),
      chunk({ content: 'd' }),
      end(),
    ];
    expect(itemsOf(events)).toMatchObject([
      { type: 'reasoning', content: [{ text: 'a' }] },
      { type: 'message', content: [{ text: 'bd' }] },
      { type: 'reasoning', content: [{ text: 'c' }] },
    ]);
    const deltas = read(events);
    expect(deltas.findIndex((d) => d.type === 'item-end')).toBeLessThan(
      deltas.findIndex((d) => d.type === 'text-delta'),
    );
  });

  test("Mistral's content lists", () => {
    const thinking = (text: string, closed: boolean) => ({
      content: [{ type: 'thinking', thinking: [{ type: 'text', text }], closed }],
    });
    const streamed = folded([
      chunk(thinking('a', false)),
      chunk(thinking('b', true)),
      chunk({ content: [{ type: 'text', text: 'c' }] }),
      chunk({ content: 'd' }),
      chunk({ content: [{ type: 'reference', reference_ids: [1] }] }),
      end(),
    ]);
    expect(streamed.items).toMatchObject([
      {
        item: { type: 'reasoning', content: [{ text: 'ab' }] },
        native: { form: 'thinking', fields: { closed: true } },
      },
      {
        item: { type: 'message', content: [{ text: 'cd' }] },
        native: { content: [{ type: 'reference', reference_ids: [1] }] },
      },
    ]);
  });

  test("OpenRouter's blocks: text in the item, the rest in the native, nothing twice", () => {
    const block = (fields: Json) => ({ type: 'reasoning.text', index: 0, format: 'f', ...fields });
    const streamed = folded([
      chunk({ reasoning: 'a', reasoning_details: [block({ text: 'a', signature: null })] }),
      chunk({ reasoning: 'b', reasoning_details: [block({ text: 'b' })] }),
      chunk({ reasoning_details: [block({ signature: 's' })] }),
      chunk({ reasoning_details: [{ type: 'reasoning.encrypted', index: 1, data: 'd' }] }),
      chunk({ content: 'c' }),
      end(),
    ]);
    expect(streamed.items[0]).toMatchObject({
      item: { content: [{ text: 'ab' }] },
      native: {
        form: 'reasoning_details',
        details: [
          { type: 'reasoning.text', index: 0, format: 'f', signature: 's' },
          { type: 'reasoning.encrypted', index: 1, data: 'd' },
        ],
      },
    });
    expect(streamed).toEqual(
      whole({
        content: 'c',
        reasoning: 'ab',
        reasoning_details: [
          block({ text: 'ab', signature: 's' }),
          { type: 'reasoning.encrypted', index: 1, data: 'd' },
        ],
      }),
    );
  });
});

describe('tool calls', () => {
  const calls = (events: (Json | string)[]) =>
    folded(events).items.map(({ item }) => {
      const { call_id, name, arguments: args } = item as unknown as Json;
      return [call_id, name, args];
    });
  const fn = (name: string | undefined, args: unknown) => ({ function: { name, arguments: args } });

  test('pieces with numbers, interleaved', () => {
    expect(
      calls([
        call({ index: 0, id: 'c1', type: 'function', ...fn('a', '') }),
        call({ index: 1, id: 'c2', type: 'function', ...fn('b', '{') }),
        call({ index: 0, id: '', ...fn(undefined, '{}') }),
        call({ index: 1, ...fn(undefined, '}') }),
        end('tool_calls'),
      ]),
    ).toEqual([
      ['c1', 'a', '{}'],
      ['c2', 'b', '{}'],
    ]);
  });

  test.each([
    ['complete', [fn('a', '{"x":'), fn(undefined, '1}')]],
    ['empty', [fn('a', ''), fn(undefined, '')]],
  ])('the item of a call with %s arguments ends before the next one begins', (_, pieces) => {
    const deltas = read([
      ...pieces.map((piece, at) => call({ index: 0, id: at === 0 ? 'c1' : undefined, ...piece })),
      call({ index: 1, id: 'c2', type: 'function', ...fn('b', '{') }),
      call({ index: 1, ...fn(undefined, '}') }),
      end('tool_calls'),
      DONE,
    ]);
    const bounds = deltas.flatMap((delta) => (/^item-/.test(delta.type) && 'index' in delta ? [delta] : []));
    expect(bounds.map(({ type, index }) => `${type} ${index}`)).toEqual([
      'item-start 0',
      'item-end 0',
      'item-start 1',
      'item-end 1',
    ]);
  });

  test('calls that are announced before their arguments wait for each other', () => {
    const announced = ['c1', 'c2', 'c3'].map((id, index) => call({ index, id, ...fn(`f${index}`, '') }));
    const piece = (index: number, args: string) => call({ index, ...fn(undefined, args) });
    const pieces = [piece(1, '{"y"'), piece(0, '{"x":1}'), piece(1, ':2}'), piece(2, '{"z":3}')];
    expect(calls([...announced, ...pieces, end('tool_calls')])).toEqual([
      ['c1', 'f0', '{"x":1}'],
      ['c2', 'f1', '{"y":2}'],
      ['c3', 'f2', '{"z":3}'],
    ]);
    expect(calls([...announced, end('tool_calls')])).toEqual([
      ['c1', 'f0', ''],
      ['c2', 'f1', ''],
      ['c3', 'f2', ''],
    ]);
  });

  test('arguments for a call that ended without them are a fault', () => {
    const events = [
      call({ index: 0, id: 'c1', ...fn('a', '') }),
      call({ index: 1, id: 'c2', ...fn('b', '{}') }),
    ];
    expect(calls([...events, call({ index: 0, ...fn(undefined, '{}') }), end()])).toHaveLength(2);
    const late = [...events, call({ index: 0, ...fn(undefined, '{"x":1}') }), end()];
    expect(faultOf(() => read(late))).toMatchObject({ code: 'provider_protocol_error' });
  });

  test('whole calls that all have number 0', () => {
    expect(
      calls([
        call({ index: 0, id: 'c1', ...fn('a', '{}') }),
        call({ index: 0, id: 'c2', ...fn('a', '{"x":1}') }),
        end(),
      ]),
    ).toEqual([
      ['c1', 'a', '{}'],
      ['c2', 'a', '{"x":1}'],
    ]);
  });

  test.each([
    ['without ids', {}],
    ['with empty ids', { id: '' }],
  ])(
    'another call begins %s under the same number after complete arguments, or with another name',
    (_, id) => {
      const at0 = (name: string | undefined, args: unknown) => call({ index: 0, ...id, ...fn(name, args) });
      const expected = (...of: [string, string][]) =>
        of.map(([name, args], at) => [`call_a1_0_${at}`, name, args]);
      for (const [events, ...found] of [
        [
          [at0('a', '{"x":1}'), at0('a', '{"x":2}')],
          ['a', '{"x":1}'],
          ['a', '{"x":2}'],
        ],
        [
          [at0('a', '{"x":1}'), at0('a', '{"x":1}')],
          ['a', '{"x":1}'],
          ['a', '{"x":1}'],
        ],
        [
          [at0('a', ''), at0('b', '{}')],
          ['a', ''],
          ['b', '{}'],
        ],
        [
          [at0('a', '{"x":"}'), at0('a', '"}'), at0('a', '{}')],
          ['a', '{"x":"}"}'],
          ['a', '{}'],
        ],
        [
          [at0('a', '{'), at0(undefined, '}\n'), at0(undefined, '{"y"'), at0(undefined, ':{}}')],
          ['a', '{}\n'],
          ['a', '{"y":{}}'],
        ],
        [[at0('a', '{"x":1}{"x":2} {}')], ['a', '{"x":1}'], ['a', '{"x":2}'], ['a', ' {}']],
      ] as [Json[], ...[string, string][]][]) {
        expect(calls([...events, end('tool_calls')])).toEqual(expected(...found));
      }
    },
  );

  test('a call with an id has all pieces without an id and a name', () => {
    expect(
      calls([
        call({ index: 0, id: 'c1', ...fn('a', '{}') }),
        call({ index: 0, ...fn(undefined, '{"x"') }),
        end(),
      ]),
    ).toEqual([['c1', 'a', '{}{"x"']]);
  });

  test('a name that is repeated with every piece begins no other call', () => {
    expect(
      calls([
        call({ index: 0, ...fn('a', '{"x"') }),
        call({ index: 0, ...fn('a', ':1}') }),
        call({ index: 0, ...fn('a', '') }),
        end(),
      ]),
    ).toEqual([['call_a1_0_0', 'a', '{"x":1}']]);
  });

  test('calls that come again whole with the finish reason are read once', () => {
    const pieces = [
      call({ index: 0, id: 'c1', ...fn('a', '{"x":') }),
      call({ index: 0, ...fn(undefined, '1}') }),
      call({ index: 1, id: 'c2', ...fn('b', '{}') }),
    ];
    const again = (tool_calls: Json[]) => chunk({ tool_calls }, { finish_reason: 'tool_calls' });
    const repeated = [
      [{ index: 0, ...fn(undefined, '{"x":1}') }],
      [{ index: 0, ...fn('a', '{ "x": 1 }') }],
      [{ ...fn('a', '{"x":1}') }, { ...fn('b', '{}') }],
      [
        { index: 0, id: 'c1', ...fn('a', '{"x":1}') },
        { index: 1, id: 'c2', ...fn('b', '{}') },
      ],
    ];
    for (const tool_calls of repeated) {
      expect(calls([...pieces, again(tool_calls)])).toEqual([
        ['c1', 'a', '{"x":1}'],
        ['c2', 'b', '{}'],
      ]);
    }
    expect(calls([pieces[2]!, pieces[2]!, end()])).toEqual([['c2', 'b', '{}']]);
    const legacy = { function_call: { name: 'a', arguments: '{}' } };
    expect(calls([chunk(legacy), chunk(legacy, { finish_reason: 'function_call' })])).toHaveLength(1);
    const custom = { index: 0, id: 'k', custom: { name: 'sql', input: 'SELECT' } };
    expect(itemsOf([call(custom), again([custom])])).toMatchObject([{ input: 'SELECT' }]);
    // The last piece of a call may come with the finish reason.
    expect(calls([pieces[0]!, again([{ index: 0, ...fn(undefined, '1}') }])])).toEqual([
      ['c1', 'a', '{"x":1}'],
    ]);
  });

  test('pieces without numbers, by id or by order', () => {
    expect(
      calls([
        call({ id: 'c1', ...fn('a', '{') }),
        call({ ...fn(undefined, '"x":') }),
        call({ id: 'c1', ...fn(undefined, '1}') }),
        end(),
      ]),
    ).toEqual([['c1', 'a', '{"x":1}']]);
  });

  test('calls without ids get ids that differ between answers', () => {
    expect(calls([chunk({ tool_calls: [fn('a', '{}'), fn('b', '{}')] }), end()])).toEqual([
      ['call_a1_0_0', 'a', '{}'],
      ['call_a1_0_1', 'b', '{}'],
    ]);
  });

  test('arguments may come before the name, or as an object', () => {
    expect(
      calls([
        call({ index: 0, id: 'c1', ...fn(undefined, '{"x"') }),
        call({ index: 0, ...fn('a', ':1}') }),
        call({ index: 1, id: 'c2', ...fn('b', { y: 2 }) }),
        end(),
      ]),
    ).toEqual([
      ['c1', 'a', '{"x":1}'],
      ['c2', 'b', '{"y":2}'],
    ]);
  });

  test('the older function_call', () => {
    expect(
      calls([
        chunk({ function_call: { name: 'a', arguments: '{' } }),
        chunk({ function_call: { arguments: '}' } }),
        end('function_call'),
      ]),
    ).toEqual([['call_a1_0_0', 'a', '{}']]);
  });

  test('custom calls', () => {
    expect(
      itemsOf([
        call({ index: 0, id: 'k1', type: 'custom', custom: { name: 'sql', input: 'SELECT' } }),
        call({ index: 0, custom: { input: ' 1' } }),
        end('tool_calls'),
      ]),
    ).toEqual([{ type: 'custom_tool_call', call_id: 'k1', name: 'sql', input: 'SELECT 1' }]);
  });

  test("Gemini's signature is the call's native", () => {
    const extra_content = { google: { thought_signature: 's' } };
    expect(
      folded([call({ index: 0, id: 'c1', ...fn('a', '{}'), extra_content }), end()]).items[0]!.native,
    ).toEqual({
      extra_content,
    });
  });

  test('unknown fields beside calls open no message', () => {
    const fields = { content: '', novel: { a: 1 }, audio: null };
    const tool_calls = [{ index: 0, id: 'c1', ...fn('a', '{}') }];
    for (const answer of [
      folded([chunk({ ...fields, tool_calls }), end('tool_calls')]),
      folded([chunk({ tool_calls }), chunk(fields), end('tool_calls')]),
      whole({ ...fields, tool_calls }),
    ]) {
      expect(answer.items.map(({ item }) => item.type)).toEqual(['function_call']);
      expect(answer.extra).toMatchObject({ choices: [{ index: 0, message: { novel: { a: 1 } } }] });
    }
  });

  test('a call without a name is a fault', () => {
    expect(faultOf(() => read([call({ index: 0, id: 'c1' }), end(), DONE])).code).toBe(
      'provider_protocol_error',
    );
  });
});

describe('the end', () => {
  const finish = (raw: string | null, message: Json = { content: 'a' }) =>
    whole(message, { finish_reason: raw }).finish[0]!.unified;

  test('the finish reasons of all providers', () => {
    const words = [
      'stop',
      'eos',
      'length',
      'model_length',
      'tool_calls',
      'function_call',
      'content_filter',
      'why',
    ];
    expect(words.map((word) => finish(word))).toEqual([
      'stop',
      'stop',
      'length',
      'length',
      'tool_calls',
      'tool_calls',
      'content_filter',
      'unknown',
    ]);
    expect(finish(null)).toBe('unknown');
  });

  test('a forced call with the reason stop ends as tool_calls', () => {
    const tool_calls = [{ id: 'c', function: { name: 'a', arguments: '{}' } }];
    expect(whole({ tool_calls }).finish).toEqual([{ unified: 'tool_calls', raw: 'stop' }]);
  });

  test('a reason that reports a failure is a fault', () => {
    expect(faultOf(() => read([chunk({ content: 'a' }), end('error')])).code).toBe('provider_error');
  });

  test('without the end mark an answer is complete only after a reason for every choice', () => {
    expect(folded([chunk({ content: 'a' }), end()]).finish).toHaveLength(1);
    for (const events of [[], [chunk({ content: 'a' })], [{ ...chunk({}), choices: [] }]]) {
      expect(faultOf(() => read(events)).code).toBe('provider_protocol_error');
    }
    expect(faultOf(() => read([chunk({ content: 'a' }), end()], { n: 2 })).code).toBe(
      'provider_protocol_error',
    );
    expect(faultOf(() => read([DONE])).code).toBe('provider_protocol_error');
  });

  test('the end mark ends an answer without a reason, and events after it are ignored', () => {
    const reader = openaiChat.reader(promptFor(openaiChat, true));
    reader.push({ data: JSON.stringify(chunk({ content: 'a' })) });
    expect(reader.push({ data: '[DONE] ' }).at(-1)).toEqual({
      type: 'finish',
      reason: { unified: 'unknown', raw: null },
    });
    expect(reader.push({ data: 'anything' })).toEqual([]);
    expect(reader.end()).toEqual([]);
  });

  test('deltas after the finish reason are part of the answer', () => {
    expect(itemsOf([chunk({ content: 'a' }), end(), chunk({ content: 'b' }), DONE])).toMatchObject([
      { content: [{ text: 'ab' }] },
    ]);
  });

  test('several choices, interleaved', () => {
    const at = (index: number, delta: Json, finish_reason: string | null = null) => ({
      ...chunk({}),
      choices: [{ index, delta, finish_reason }],
    });
    const answer = folded(
      [at(1, { content: 'b' }), at(0, { content: 'a' }), at(1, {}, 'length'), at(0, {}, 'stop'), DONE],
      { n: 2 },
    );
    expect(answer.items.map(({ item, choice }) => [choice, (item as unknown as Json).content])).toMatchObject(
      [
        [1, [{ text: 'b' }]],
        [0, [{ text: 'a' }]],
      ],
    );
    expect(answer.finish.map(({ unified }) => unified)).toEqual(['stop', 'length']);
  });
});

describe('usage', () => {
  const usageOf = (usage: Json) => {
    const { raw, ...counts } = foldAll(
      openaiChat.answer(
        { model: 'm', choices: [{ message: { content: 'a' }, finish_reason: 'stop' }], usage },
        promptFor(openaiChat, false),
      ),
    ).usage!;
    expect(raw).toEqual(usage);
    return counts;
  };

  test('is read from the fields of each provider', () => {
    const base = { prompt_tokens: 10, completion_tokens: 4, total_tokens: 14 };
    const counts = { input: 10, output: 4, cacheRead: 0, cacheWrite: 0, reasoning: 0 };
    expect(usageOf(base)).toEqual(counts);
    expect(
      usageOf({
        ...base,
        prompt_tokens_details: { cached_tokens: 3, cache_write_tokens: 2 },
        completion_tokens_details: { reasoning_tokens: 1 },
      }),
    ).toEqual({ ...counts, cacheRead: 3, cacheWrite: 2, reasoning: 1 });
    expect(usageOf({ ...base, cached_tokens: 3 })).toEqual({ ...counts, cacheRead: 3 });
    expect(usageOf({ ...base, prompt_cache_hit_tokens: 3 })).toEqual({ ...counts, cacheRead: 3 });
    expect(usageOf({ ...base, prompt_tokens_details: null, reasoning_tokens: 2 })).toEqual({
      ...counts,
      reasoning: 2,
    });
  });

  test('the reasoning that xAI counts apart is added to the output', () => {
    expect(
      usageOf({
        prompt_tokens: 12,
        completion_tokens: 2,
        total_tokens: 334,
        completion_tokens_details: { reasoning_tokens: 320 },
      }),
    ).toMatchObject({ output: 322, reasoning: 320 });
  });

  test('is read from a chunk without choices, from the choice, and from x_groq', () => {
    const usage = { prompt_tokens: 1, completion_tokens: 2 };
    const places = [
      [chunk({ content: 'a' }), end(), { usage }],
      [chunk({ content: 'a' }), chunk({}, { finish_reason: 'stop', usage })],
      [chunk({ content: 'a' }), { ...end(), x_groq: { id: 'r', usage } }],
      [
        { ...chunk({ content: 'a' }), usage: { prompt_tokens: 1, completion_tokens: 1 } },
        { ...end(), usage },
      ],
    ];
    for (const events of places)
      expect(folded(events).usage).toMatchObject({ input: 1, output: 2, raw: usage });
  });
});

test('later usage with zeros or without counts does not erase earlier counts', () => {
  const usage = { prompt_tokens: 10, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 3 } };
  const laters = [
    { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0, prompt_tokens_details: { cached_tokens: 0 } },
    { completion_tokens: 4, prompt_tokens_details: null },
    {},
  ];
  for (const later of laters) {
    for (const events of [
      [{ ...chunk({ content: 'a' }), usage }, end(), { choices: [], usage: later }],
      [chunk({ content: 'a' }, { usage }), { ...end(), usage: later }],
      [{ ...chunk({ content: 'a' }), usage }, chunk({}, { finish_reason: 'stop', usage: later })],
      [
        { ...chunk({ content: 'a' }), usage: later },
        { ...end(), usage },
      ],
    ]) {
      expect(folded(events).usage).toMatchObject({ input: 10, output: 4, cacheRead: 3 });
    }
  }
});

describe('malformed answers', () => {
  const reader = () => openaiChat.reader(promptFor(openaiChat, true));

  test('are faults that describe what came', () => {
    const cases = [
      '{"choices":',
      'null',
      '7',
      '"x"',
      '{}',
      '{"choices":7}',
      '{"choices":[7]}',
      '{"choices":[{}]}',
    ];
    cases.push('{"choices":[{"index":-1,"delta":{}}]}', '{"choices":[{"delta":{"tool_calls":[1]}}]}');
    for (const data of cases) {
      expect(faultOf(() => reader().push({ data })).code).toBe('provider_protocol_error');
    }
    expect(faultOf(() => reader().push({ data: '<html>' })).message).toContain('<html>');
    for (const body of [null, 'x', [], {}, { choices: [] }, { choices: {} }, { choices: [{ message: 1 }] }]) {
      expect(faultOf(() => openaiChat.answer(body, promptFor(openaiChat, false))).code).toBe(
        'provider_protocol_error',
      );
    }
  });

  test('empty events and unknown fields are accepted', () => {
    expect(reader().push({ data: '' })).toEqual([]);
    const odd = JSON.parse('{"__proto__":{"x":1},"new":{"a":1}}');
    const answer = folded([{ ...chunk({ content: 'a' }), ...odd }, end()]);
    expect(answer.extra).toEqual({ created: 5, new: { a: 1 } });
  });

  test('a failure in the stream is classified, but after the start of the answer it is not about the request', () => {
    const failure = { error: { message: 'Slow down', code: 429 } };
    const failed = (events: (Json | string)[]) => faultOf(() => read(events));
    expect(failed([failure])).toMatchObject({ code: 'rate_limited', raw: failure });
    expect(failed([chunk({ content: 'a' }), failure])).toMatchObject({ code: 'rate_limited', raw: failure });
    for (const [code, expected] of [
      [400, 'provider_error'],
      ['context_length_exceeded', 'provider_error'],
      ['insufficient_quota', 'provider_error'],
      ['content_filter', 'content_filtered'],
      [503, 'provider_overloaded'],
    ] as const) {
      const later = { error: { message: 'No', code } };
      expect(failed([chunk({ content: 'a' }), later])).toMatchObject({ code: expected, raw: later });
    }
    expect(failed([chunk({ content: 'a' }), failure]).message).toContain('Slow down');
    expect(failed([{ error: { message: 'x', code: 'context_length_exceeded' } }]).code).toBe(
      'context_length_exceeded',
    );
    expect(failed([{ error: 'broken' }]).message).toContain('broken');
    expect(failed([{ object: 'error', message: 'vLLM', code: 400 }]).code).toBe('provider_rejected_request');
    expect(faultOf(() => reader().push({ event: 'error', data: '{"message":"gone"}' })).message).toContain(
      'gone',
    );
    expect(
      faultOf(() => openaiChat.answer({ error: { message: 'x', code: 503 } }, promptFor(openaiChat, false)))
        .code,
    ).toBe('provider_overloaded');
  });
});

test.each(['constructor', 'toString', 'surprise'])('the unknown finish reason %s is passed on', (raw) => {
  expect(finishOf(raw, false)).toEqual({ unified: 'unknown', raw });
});

test('a refusal in a list of parts is a refusal', () => {
  const content = [{ type: 'refusal', refusal: 'No.' }];
  expect(whole({ role: 'assistant', content }).items[0]!.item).toMatchObject({ content });
});

describe('images of a chat message', () => {
  const part = (url: string) => ({ type: 'image_url', image_url: { url } });
  const png = part('data:image/png;base64,AAAA');
  const image = { type: 'image_generation_call', status: 'completed', output_format: 'png', result: 'AAAA' };

  test('are image calls; a URL stays a URL', () => {
    const images = [png, part('https://example.com/a.png'), { type: 'image_url' }, null];
    const { items } = whole({ role: 'assistant', content: 'Here.', images });
    expect(items.map(({ item }) => item as unknown)).toMatchObject([
      { content: [{ text: 'Here.' }] },
      image,
      { type: 'image_generation_call', result: null, image_url: 'https://example.com/a.png' },
    ]);
    expect(items[0]!.native).toBeUndefined();
  });

  test('come once, even if the last chunk repeats them', () => {
    const events = [chunk({ content: 'a' }), chunk({ images: [png] }), chunk({ images: [png] }), end(), DONE];
    expect(itemsOf(events)).toMatchObject([{ content: [{ text: 'a' }] }, image]);
  });

  test('may be parts of the content', () => {
    expect(whole({ role: 'assistant', content: [png] }).items.map(({ item }) => item as unknown)).toEqual([
      image,
    ]);
  });
});
