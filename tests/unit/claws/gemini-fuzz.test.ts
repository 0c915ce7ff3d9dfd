import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { gemini } from '../../../src/claws/gemini/protocol.ts';
import { Fault } from '../../../src/core/errors.ts';
import type { Item } from '../../../src/core/items.ts';
import type { Prompt, PromptItem } from '../../../src/core/prompt.ts';
import type { Settings } from '../../../src/core/settings.ts';

const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const id = fc.constantFrom('a', 'b', 'c', '__proto__', '');
const url = fc.oneof(
  fc.webUrl(),
  fc.constantFrom('data:image/png;base64,AA', 'data:,%', 'data:', 'data:text/plain,%41', 'nonsense', ''),
);

const part = fc.oneof(
  fc.record({
    type: fc.constantFrom('input_text', 'output_text'),
    text: fc.string(),
    annotations: fc.constant([]),
  }),
  fc.record({ type: fc.constant('refusal'), refusal: fc.string() }),
  fc.record({ type: fc.constant('input_image'), image_url: optional(url), file_id: optional(id) }),
  fc.record({
    type: fc.constant('input_file'),
    filename: optional(fc.string()),
    file_data: optional(url),
    file_url: optional(url),
    file_id: optional(id),
  }),
  fc.record({
    type: fc.constant('input_audio'),
    input_audio: fc.record({ data: fc.base64String(), format: fc.constantFrom('wav', 'mp3') }),
  }),
  fc.record({ type: fc.constantFrom('constructor', 'video'), x: fc.jsonValue() }),
);

const item = fc.oneof(
  fc.record({
    type: fc.constant('message'),
    role: fc.constantFrom('user', 'assistant', 'system', 'developer'),
    content: fc.array(part),
  }),
  fc.record({
    type: fc.constant('function_call'),
    call_id: id,
    name: fc.string(),
    arguments: fc.oneof(fc.string(), fc.json()),
  }),
  fc.record({
    type: fc.constant('function_call_output'),
    call_id: id,
    output: fc.oneof(fc.string(), fc.json(), fc.array(part)),
  }),
  fc.record({
    type: fc.constant('reasoning'),
    summary: fc.constant([]),
    content: optional(fc.array(fc.record({ type: fc.constant('reasoning_text'), text: fc.string() }))),
  }),
  fc.record({ type: fc.constantFrom('gemini:inlineData', 'toString', 'other'), inlineData: fc.jsonValue() }),
) as fc.Arbitrary<Item>;

const native = fc.oneof(
  fc.jsonValue(),
  fc.record({ thoughtSignature: fc.string(), givenId: fc.boolean() }),
  fc.record({
    parts: fc.array(fc.oneof(fc.jsonValue(), fc.record({ length: fc.integer(), x: fc.string() }))),
  }),
);

const entry: fc.Arbitrary<PromptItem> = fc.record({
  item,
  origin: fc.constantFrom(undefined, 'gemini', 'openai'),
  native: optional(native),
});

const settings = fc.record({
  temperature: optional(fc.double()),
  n: optional(fc.integer()),
  stop: optional(fc.array(fc.string())),
  tools: optional(
    fc.array(fc.record({ type: fc.constantFrom('function', 'web_search'), name: fc.string() })),
  ),
  tool_choice: optional(
    fc.oneof(
      fc.constantFrom('auto', 'none', 'required'),
      fc.record({ type: fc.constantFrom('function', 'allowed_tools', 'x'), tools: fc.jsonValue() }),
    ),
  ),
  reasoning: optional(fc.record({ effort: optional(fc.string()), summary: optional(fc.string()) })),
}) as fc.Arbitrary<Settings>;

const prompt: fc.Arbitrary<Prompt> = fc.record({
  model: fc.oneof(fc.string(), fc.constantFrom('gemini-3-pro', 'gemini-2.5-flash', 'gemma-3-1b')),
  instructions: optional(fc.string()),
  items: fc.array(entry, { maxLength: 12 }),
  settings,
  stream: fc.boolean(),
  dialect: fc.constantFrom('gemini', 'openai-chat'),
  extra: fc.dictionary(fc.string(), fc.jsonValue()),
});

const provider = { id: 'gemini', baseUrl: 'https://g.test', quirks: {} };

function onlyFaults(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
  }
}

describe('gemini: any input', () => {
  test('a prompt becomes JSON, equal each time, or a fault', () => {
    fc.assert(
      fc.property(prompt, (given) => {
        onlyFaults(() => {
          const { body } = gemini.request(given, provider);
          const text = JSON.stringify(body);
          expect(JSON.stringify(gemini.request(given, provider).body)).toBe(text);
          expect(Object.keys(JSON.parse(text)).sort()).toEqual(Object.keys(body).sort());
        });
      }),
      { numRuns: 500 },
    );
  });

  const wirePart = fc.oneof(
    fc.jsonValue(),
    fc.record({
      text: fc.string(),
      thought: optional(fc.boolean()),
      thoughtSignature: optional(fc.string()),
    }),
    fc.record({
      functionCall: fc.record({
        name: optional(fc.string()),
        args: optional(fc.dictionary(fc.string(), fc.jsonValue())),
        willContinue: optional(fc.boolean()),
        partialArgs: optional(
          fc.array(
            fc.record({
              jsonPath: fc.constantFrom('$.a', '$.b[0]', '$.b[1].c', '$'),
              stringValue: fc.string(),
            }),
          ),
        ),
      }),
    }),
  );
  const body = fc.oneof(
    fc.jsonValue(),
    fc.record({
      candidates: fc.array(
        fc.record({
          index: optional(fc.integer({ min: 0, max: 3 })),
          content: optional(fc.record({ parts: fc.array(wirePart) })),
          finishReason: optional(fc.constantFrom('STOP', 'MAX_TOKENS', 'X')),
          groundingMetadata: fc.jsonValue(),
          logprobsResult: optional(fc.jsonValue()),
        }),
      ),
      usageMetadata: fc.jsonValue(),
      promptFeedback: fc.jsonValue(),
    }),
  );

  test('an answer becomes deltas or a fault', () => {
    fc.assert(
      fc.property(fc.array(body, { maxLength: 4 }), (chunks) => {
        onlyFaults(() => gemini.answer(chunks[0], { model: 'm', settings: {} } as Prompt));
        onlyFaults(() => {
          const reader = gemini.reader({ model: 'm', settings: {} } as Prompt);
          for (const chunk of chunks) JSON.stringify(reader.push({ data: JSON.stringify(chunk) }));
          JSON.stringify(reader.end());
        });
      }),
      { numRuns: 1000 },
    );
  });

  test('an error becomes a fault', () => {
    fc.assert(
      fc.property(fc.integer({ min: 300, max: 599 }), fc.jsonValue(), (status, details) => {
        const error = { code: status, status: details, message: details, details };
        expect(gemini.fault(status, { error }, new Headers())).toBeInstanceOf(Fault);
        expect(gemini.fault(status, details, new Headers())).toBeInstanceOf(Fault);
      }),
    );
  });
});
