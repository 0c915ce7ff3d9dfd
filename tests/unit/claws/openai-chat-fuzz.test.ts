import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { Provider } from '../../../src/claws/claw.ts';
import { openaiChat } from '../../../src/claws/openai-chat/protocol.ts';
import { Fault } from '../../../src/core/errors.ts';
import { foldAll } from '../../../src/core/fold.ts';
import type { Item, Part } from '../../../src/core/items.ts';
import type { Prompt, PromptItem } from '../../../src/core/prompt.ts';
import type { Settings } from '../../../src/core/settings.ts';
import { promptFor, readStream } from '../../conformance/wire-protocol.ts';

const word = fc.string({ maxLength: 12 });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const json = fc.jsonValue({ maxDepth: 3 });

const part = fc.oneof(
  fc.record({ type: fc.constant('input_text'), text: word }),
  fc.record({ type: fc.constant('output_text'), text: word, annotations: fc.array(json, { maxLength: 1 }) }),
  fc.record({ type: fc.constant('refusal'), refusal: word }),
  fc.record({ type: fc.constant('input_image'), image_url: maybe(word), detail: maybe(word) }),
  fc.record({
    type: fc.constant('input_file'),
    file_data: maybe(word),
    file_id: maybe(word),
    filename: maybe(word),
  }),
  fc.record({ type: fc.constant('input_audio'), input_audio: fc.record({ data: word, format: word }) }),
  fc.record({ type: fc.constant('novel'), payload: json }),
) as unknown as fc.Arbitrary<Part>;

const id = fc.constantFrom('c1', 'c2', 'call_long_enough');
const item = fc.oneof(
  fc.record({
    type: fc.constant('message'),
    role: fc.constantFrom('user', 'assistant', 'system', 'developer'),
    content: fc.array(part, { maxLength: 3 }),
  }),
  fc.record({
    type: fc.constant('function_call'),
    call_id: id,
    name: word,
    arguments: word,
    status: fc.constantFrom('completed', 'incomplete', undefined),
  }),
  fc.record({
    type: fc.constant('function_call_output'),
    call_id: id,
    output: fc.oneof(word, fc.array(part, { maxLength: 2 })),
  }),
  fc.record({
    type: fc.constant('reasoning'),
    summary: fc.array(fc.record({ type: fc.constant('summary_text'), text: word }), { maxLength: 2 }),
    content: maybe(
      fc.array(fc.record({ type: fc.constant('reasoning_text'), text: word }), { maxLength: 2 }),
    ),
  }),
  fc.record({ type: fc.constant('custom_tool_call'), call_id: id, name: word, input: word }),
  fc.record({ type: fc.constant('custom_tool_call_output'), call_id: id, output: word }),
  fc.record({ type: fc.constant('unheard_of'), payload: json }),
) as unknown as fc.Arbitrary<Item>;

const native = fc.oneof(
  json,
  fc.record({
    form: fc.constantFrom('reasoning_content', 'reasoning', 'thinking', 'reasoning_details'),
    details: maybe(fc.array(fc.record({ type: fc.constantFrom('reasoning.text', 'reasoning.summary') }))),
  }),
);

const entry: fc.Arbitrary<PromptItem> = fc.record({
  item,
  origin: fc.constantFrom(undefined, 'mistral', 'openai', 'acme'),
  native: maybe(native),
});

const settings = fc.record(
  {
    max_output_tokens: fc.nat(),
    top_logprobs: fc.nat({ max: 20 }),
    tools: fc.array(
      fc.oneof(
        fc.record({
          type: fc.constant('function'),
          name: word,
          parameters: fc.constantFrom(null, undefined, {}),
        }),
        fc.record({ type: fc.constant('web_search'), x: json }),
      ),
      { maxLength: 3 },
    ),
    tool_choice: fc.oneof(
      fc.constantFrom('auto', 'none', 'required'),
      fc.record({
        type: fc.constantFrom('function', 'allowed_tools', 'x'),
        name: word,
        tools: json,
        mode: json,
      }),
    ),
    format: fc.constantFrom(
      { type: 'text' },
      { type: 'json_object' },
      { type: 'json_schema', name: 'n', schema: { type: 'object' } },
    ),
  },
  { requiredKeys: [] },
) as unknown as fc.Arbitrary<Settings>;

const prompt: fc.Arbitrary<Prompt> = fc.record({
  model: word,
  instructions: maybe(word),
  items: fc.array(entry, { maxLength: 10 }),
  settings,
  stream: fc.boolean(),
  dialect: fc.constantFrom('openai-chat', 'openai-responses'),
  extra: fc.dictionary(word, json, { maxKeys: 2 }),
});

const provider: fc.Arbitrary<Provider> = fc.record({
  id: fc.constantFrom('openai', 'mistral', 'acme', 'deepseek', 'constructor'),
  baseUrl: fc.constant('http://x.test'),
  apiKey: maybe(word),
  quirks: fc.record(
    { developerRole: fc.boolean(), noStreamOptions: fc.boolean(), noJsonSchema: fc.boolean() },
    { requiredKeys: [] },
  ),
});

/** Runs code that may throw a `Fault`. Any other error fails the test. */
function orFault<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}

interface SentMessage {
  role: string;
  tool_calls?: { id: string }[];
  tool_call_id?: string;
}

describe('any prompt', () => {
  test('gives a request that is JSON and equal each time, or a fault', () => {
    fc.assert(
      fc.property(prompt, provider, (asked, at) => {
        const before = JSON.stringify(asked);
        const request = orFault(() => openaiChat.request(asked, at));
        expect(JSON.stringify(asked)).toBe(before);
        if (!request) return;
        const text = JSON.stringify(request.body);
        expect(JSON.stringify(openaiChat.request(asked, at).body)).toBe(text);
        const sent = JSON.parse(text) as { model: string; messages: SentMessage[] };
        expect(sent.model).toBe(asked.model);
        for (const message of sent.messages) {
          expect(['system', 'developer', 'user', 'assistant', 'tool']).toContain(message.role);
        }
      }),
      { numRuns: 500 },
    );
  });
});

const piece = fc.record(
  {
    index: fc.oneof(fc.nat({ max: 2 }), json),
    id: fc.oneof(word, json),
    function: fc.record(
      { name: fc.oneof(word, json), arguments: fc.oneof(word, json) },
      { requiredKeys: [] },
    ),
    extra_content: json,
  },
  { requiredKeys: [] },
);
const delta = fc.record(
  {
    content: fc.oneof(
      word,
      json,
      fc.array(fc.record({ type: fc.constantFrom('text', 'thinking'), text: json })),
    ),
    reasoning: fc.oneof(word, json),
    reasoning_details: fc.array(
      fc.record({
        type: fc.constantFrom('reasoning.text', 'reasoning.summary', 'x'),
        text: json,
        index: json,
      }),
      { maxLength: 2 },
    ),
    refusal: fc.oneof(word, json),
    audio: json,
    annotations: json,
    tool_calls: fc.oneof(fc.array(piece, { maxLength: 2 }), json),
    novel: json,
  },
  { requiredKeys: [] },
);
const event = fc.oneof(
  { weight: 1, arbitrary: json },
  {
    weight: 8,
    arbitrary: fc.record(
      {
        id: fc.oneof(word, json),
        model: fc.oneof(word, json),
        usage: json,
        novel: json,
        choices: fc.array(
          fc.record(
            {
              index: fc.nat({ max: 1 }),
              delta,
              finish_reason: fc.constantFrom('stop', 'tool_calls', null, ''),
              logprobs: fc.oneof(json, fc.record({ content: fc.array(json, { maxLength: 1 }) })),
            },
            { requiredKeys: ['delta'] },
          ),
          { maxLength: 2 },
        ),
      },
      { requiredKeys: ['choices'] },
    ),
  },
);

describe('any stream', () => {
  test('gives an answer in which every item is closed, or a fault', () => {
    let answers = 0;
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 6 }), (events) => {
        const deltas = orFault(() =>
          readStream(openaiChat, [...events.map((payload) => JSON.stringify(payload)), '[DONE]']),
        );
        if (!deltas) return;
        answers++;
        const folded = foldAll(deltas);
        expect(deltas[0]?.type).toBe('start');
        expect(folded.items.every(({ done }) => done)).toBe(true);
        expect(folded.finish.length).toBeGreaterThan(0);
      }),
      { numRuns: 1000 },
    );
    expect(answers).toBeGreaterThan(50);
  });

  test('so does a whole answer, and any refusal gives a fault', () => {
    fc.assert(
      fc.property(json, fc.integer({ min: 400, max: 599 }), (body, status) => {
        orFault(() => openaiChat.answer(body, promptFor(openaiChat, false)));
        expect(openaiChat.fault(status, body, new Headers())).toBeInstanceOf(Fault);
        expect(openaiChat.fault(status, { error: body }, new Headers()).message).toContain(String(status));
      }),
      { numRuns: 500 },
    );
  });
});
