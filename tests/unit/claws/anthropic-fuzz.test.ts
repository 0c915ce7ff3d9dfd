import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { anthropic } from '../../../src/claws/anthropic/protocol.ts';
import type { Provider } from '../../../src/claws/claw.ts';
import { Fault } from '../../../src/core/errors.ts';
import type { Item } from '../../../src/core/items.ts';
import type { Prompt, PromptItem } from '../../../src/core/prompt.ts';

const provider: Provider = { id: 'anthropic', baseUrl: '', quirks: {} };

const words = fc.oneof(
  fc.string(),
  fc.constantFrom('', ' ', 'Hello', '{"a":1}', 'data:image/png;base64,AA=='),
);
const id = fc.constantFrom('c1', 'c2', 'call|3');
const url = fc.option(words);
const part = fc.oneof(
  fc.record({ type: fc.constant('input_text'), text: words }),
  fc.record({ type: fc.constant('output_text'), text: words, annotations: fc.array(fc.jsonValue()) }),
  fc.record({ type: fc.constant('refusal'), refusal: words }),
  fc.record({ type: fc.constant('input_image'), image_url: url, file_id: url }),
  fc.record({ type: fc.constant('input_file'), file_data: url, file_url: url, file_id: url, filename: url }),
  fc.record({ type: fc.constant('input_audio'), input_audio: fc.record({ data: words, format: words }) }),
  fc.record({ type: fc.constant('video'), cache_control: fc.jsonValue() }),
);
const item = fc.oneof(
  fc.record({
    type: fc.constant('message'),
    role: fc.constantFrom('user', 'assistant', 'system', 'developer'),
    content: fc.array(part, { maxLength: 3 }),
  }),
  fc.record({ type: fc.constant('function_call'), call_id: id, name: words, arguments: words }),
  fc.record({
    type: fc.constant('function_call_output'),
    call_id: id,
    output: fc.oneof(words, fc.array(part, { maxLength: 2 })),
  }),
  fc.record({
    type: fc.constant('reasoning'),
    summary: fc.constant([]),
    content: fc.option(fc.array(fc.record({ type: fc.constant('reasoning_text'), text: words })), {
      nil: undefined,
    }),
    encrypted_content: url,
  }),
  fc.record({ type: fc.constantFrom('server_tool_use', 'compaction'), id, status: words }),
  fc.record({ type: fc.constant('web_search_tool_result'), tool_use_id: id }),
) as fc.Arbitrary<Item>;
const entry: fc.Arbitrary<PromptItem> = fc.record({
  item,
  origin: fc.constantFrom(undefined, 'anthropic', 'openai'),
  native: fc.oneof(fc.jsonValue(), fc.record({ signature: words }), fc.record({ id })),
});
const settings = fc.record(
  {
    max_output_tokens: fc.nat(),
    temperature: fc.double({ noNaN: true }),
    top_p: fc.double({ noNaN: true }),
    stop: fc.array(words),
    tools: fc.array(
      fc.oneof(
        fc.record({
          type: fc.constant('function'),
          name: words,
          parameters: fc.option(fc.dictionary(words, fc.jsonValue())),
          strict: fc.boolean(),
        }),
        fc.record({ type: words, name: words }),
      ),
    ),
    tool_choice: fc.oneof(
      fc.constantFrom('auto', 'none', 'required'),
      fc.record({
        type: fc.constantFrom('function', 'allowed_tools', 'x'),
        name: words,
        tools: fc.jsonValue(),
      }),
    ),
    parallel_tool_calls: fc.boolean(),
    format: fc.oneof(
      fc.constant({ type: 'json_object' }),
      fc.record({
        type: fc.constant('json_schema'),
        name: words,
        schema: fc.dictionary(words, fc.jsonValue()),
      }),
    ),
    reasoning: fc.record(
      { effort: fc.constantFrom('none', 'low', 'xhigh', 'odd'), summary: words },
      { requiredKeys: [] },
    ),
    safety_identifier: words,
    service_tier: words,
  },
  { requiredKeys: [] },
) as fc.Arbitrary<Prompt['settings']>;
const prompt: fc.Arbitrary<Prompt> = fc.record({
  model: fc.constantFrom(
    'claude-3-haiku',
    'claude-sonnet-4-5',
    'claude-opus-4-6',
    'claude-haiku-5-5',
    'claude-opus-6',
    'x',
  ),
  instructions: fc.option(words, { nil: undefined }),
  items: fc.array(entry, { maxLength: 8 }),
  settings,
  outputLimit: fc.option(fc.nat(), { nil: undefined }),
  stream: fc.boolean(),
  dialect: fc.constantFrom('anthropic', 'openai-chat'),
  extra: fc.dictionary(
    fc.oneof(words, fc.constantFrom('thinking', 'output_config', 'betas', 'metadata')),
    fc.jsonValue(),
  ),
});

interface Sent {
  messages: { role: string; content: { type: string; text?: string }[] }[];
}

test('any prompt gives a request that the provider could accept, or a fault', () => {
  fc.assert(
    fc.property(prompt, (given) => {
      let body: unknown;
      try {
        ({ body } = anthropic.request(given, provider));
      } catch (error) {
        expect(error).toBeInstanceOf(Fault);
        return;
      }
      expect(JSON.stringify(anthropic.request(given, provider).body)).toBe(JSON.stringify(body));
      const { messages } = JSON.parse(JSON.stringify(body)) as Sent;
      expect(messages[0]?.role).toBe('user');
      for (const [index, { role, content }] of messages.entries()) {
        expect(content.length).toBeGreaterThan(0);
        expect(role).not.toBe(messages[index - 1]?.role ?? '');
        for (const { type, text } of content) if (type === 'text') expect(text?.trim()).not.toBe('');
        if (role === 'assistant') expect(content.at(-1)?.type).not.toBe('thinking');
      }
    }),
    { numRuns: 500 },
  );
});

const event = fc.oneof(
  fc.jsonValue(),
  fc.record({
    type: fc.constantFrom(
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
      'error',
    ),
    index: fc.constantFrom<unknown>(0, 1, 'x'),
    message: fc.oneof(fc.jsonValue(), fc.constant({ id: 'm', model: 'c' })),
    content_block: fc.record({
      type: fc.constantFrom('text', 'thinking', 'redacted_thinking', 'tool_use', 'x'),
      id,
      name: words,
      data: words,
      text: fc.jsonValue(),
      citations: fc.jsonValue(),
    }),
    delta: fc.record({
      type: fc.constantFrom(
        'text_delta',
        'thinking_delta',
        'signature_delta',
        'input_json_delta',
        'citations_delta',
        'y',
      ),
      text: words,
      thinking: words,
      partial_json: words,
      citation: fc.jsonValue(),
    }),
    usage: fc.jsonValue(),
  }),
);

test('any stream gives deltas or a fault', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 20 }), (events) => {
      const reader = anthropic.reader({
        model: 'c',
        items: [],
        settings: {},
        stream: true,
        dialect: 'anthropic',
        extra: {},
      });
      try {
        reader.push({ data: '{"type":"message_start","message":{"id":"m","model":"c"}}' });
        for (const given of events) reader.push({ data: JSON.stringify(given) });
        reader.end();
      } catch (error) {
        expect(error).toBeInstanceOf(Fault);
      }
    }),
    { numRuns: 1000 },
  );
});
