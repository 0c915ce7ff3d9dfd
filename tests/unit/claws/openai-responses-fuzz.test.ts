import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { openaiResponses } from '../../../src/claws/openai-responses/protocol.ts';
import type { Delta } from '../../../src/core/delta.ts';
import { Fault } from '../../../src/core/errors.ts';
import { foldAll } from '../../../src/core/fold.ts';
import type { Prompt } from '../../../src/core/prompt.ts';
import { expectWellFormed, promptFor } from '../../conformance/wire-protocol.ts';

const json = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<unknown>;
const fields = fc.dictionary(fc.string(), json) as fc.Arbitrary<Record<string, unknown>>;
const sometimes = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const part = fc.oneof(
  fc.record({
    type: fc.constantFrom('input_text', 'output_text'),
    text: fc.string(),
    annotations: fc.array(json),
  }),
  fc.record({ type: fc.constant('refusal'), refusal: fc.string() }),
  fc.record({ type: fc.constant('input_image'), image_url: fc.string() }),
  fc.record({ type: fc.constant('input_file'), file_data: fc.string() }),
  fc.record({ type: fc.constant('hologram'), more: json }),
);
const callId = fc.oneof(fc.constantFrom('a', 'b'), fc.string({ maxLength: 100 }));
const item = fc.oneof(
  fc.record({
    type: fc.constant('message'),
    role: fc.constantFrom('user', 'assistant', 'system', 'developer'),
    content: fc.array(part, { maxLength: 3 }),
  }),
  fc.record({
    type: fc.constant('function_call'),
    call_id: callId,
    name: fc.string(),
    arguments: fc.string(),
  }),
  fc.record({
    type: fc.constant('function_call_output'),
    call_id: callId,
    output: fc.oneof(fc.string(), fc.array(part, { maxLength: 2 })),
  }),
  fc.record({
    type: fc.constant('reasoning'),
    summary: fc.array(fc.record({ type: fc.constant('summary_text'), text: fc.string() })),
    encrypted_content: fc.option(fc.string()),
  }),
  fc.record({
    type: fc.constantFrom('web_search_call', 'custom_tool_call'),
    id: fc.string(),
    call_id: callId,
    more: json,
  }),
);
const prompt = fc.record({
  model: fc.string(),
  instructions: sometimes(fc.string()),
  items: fc.array(
    fc.record({ item, origin: sometimes(fc.constantFrom('openai', 'xai')), native: sometimes(json) }),
    { maxLength: 6 },
  ),
  settings: fc.record({
    temperature: sometimes(fc.double({ noNaN: true, noDefaultInfinity: true })),
    stop: sometimes(fc.array(fc.string())),
    n: sometimes(fc.nat(3)),
    tools: sometimes(
      fc.array(fc.oneof(fields, fc.record({ type: fc.constant('function'), name: fc.string() }))),
    ),
    tool_choice: sometimes(fc.oneof(fc.constantFrom('auto', 'none', 'required'), fields)),
    reasoning: sometimes(fc.record({ effort: sometimes(fc.string()) })),
    verbosity: sometimes(fc.string()),
  }),
  stream: fc.boolean(),
  dialect: fc.constantFrom('openai-responses', 'openai-chat'),
  extra: fields,
}) as unknown as fc.Arbitrary<Prompt>;

function orFault<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}

const provider = { id: 'openai', baseUrl: 'https://api.openai.com/v1', apiKey: 'key', quirks: {} };

describe('any prompt', () => {
  test('the request is a Fault or JSON, equal each time, and never stored', () => {
    fc.assert(
      fc.property(prompt, (each) => {
        const request = orFault(() => openaiResponses.request(each, provider));
        if (!request) return;
        const body = JSON.stringify(request.body);
        expect(JSON.parse(body).store).toBe(false);
        expect(JSON.parse(body).stream).toBe(each.stream);
        expect(JSON.stringify(openaiResponses.request(structuredClone(each), provider).body)).toBe(body);
      }),
      { numRuns: 500 },
    );
  });
});

const EVENT_TYPES = [
  'response.created',
  'response.output_item.added',
  'response.output_item.done',
  'response.output_text.delta',
  'response.refusal.delta',
  'response.output_text.annotation.added',
  'response.reasoning_text.delta',
  'response.reasoning_summary_text.delta',
  'response.function_call_arguments.delta',
  'response.custom_tool_call_input.delta',
  'response.web_search_call.searching',
  'response.completed',
  'response.incomplete',
  'constructor',
];
const outputItem = fc.oneof({ weight: 3, arbitrary: item }, { weight: 1, arbitrary: json });
const response = fc.record(
  { id: json, model: json, status: json, output: fc.array(outputItem, { maxLength: 3 }), usage: json },
  { requiredKeys: ['output'] },
);
const event = fc.record(
  {
    type: fc.constantFrom(...EVENT_TYPES),
    output_index: fc.oneof({ weight: 9, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: json }),
    content_index: fc.oneof({ weight: 9, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: json }),
    summary_index: fc.nat(2),
    delta: fc.oneof({ weight: 9, arbitrary: fc.string() }, { weight: 1, arbitrary: json }),
    annotation: json,
    item: outputItem,
    response,
  },
  { requiredKeys: ['type'] },
);

describe('any answer of a provider', () => {
  const read = (events: unknown[]): Delta[] => {
    const reader = openaiResponses.reader(promptFor(openaiResponses, true));
    return [...events.flatMap((each) => reader.push({ data: JSON.stringify(each) })), ...reader.end()];
  };

  test('a stream is a Fault or well-formed deltas', () => {
    const start = { type: 'response.created', response: { id: 'resp_1', model: 'm' } };
    fc.assert(
      fc.property(fc.array(event, { maxLength: 12 }), (events) => {
        const deltas = orFault(() => read([start, ...events]));
        if (deltas) {
          expectWellFormed(deltas);
          foldAll(deltas);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('a whole answer is a Fault or well-formed deltas', () => {
    fc.assert(
      fc.property(fc.oneof(json, response), (body) => {
        const deltas = orFault(() => openaiResponses.answer(body, promptFor(openaiResponses, false)));
        if (deltas) {
          expectWellFormed(deltas);
          foldAll(deltas);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('a refusal is a Fault', () => {
    fc.assert(
      fc.property(fc.integer({ min: 400, max: 599 }), json, (status, body) => {
        expect(openaiResponses.fault(status, body, new Headers())).toBeInstanceOf(Fault);
      }),
    );
  });
});
