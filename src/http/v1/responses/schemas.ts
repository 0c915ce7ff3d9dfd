import { z } from 'zod';
import { published } from '../../published.ts';
import { ITEM_SHAPES } from '../canonical-items.ts';
import {
  Attempts,
  cacheCreation,
  ErrorObject,
  FailedCall,
  listOf,
  ProviderError,
  pairs,
  seconds,
} from '../replies.ts';
import { CANONICAL_PARTS, schemaOfShapes } from '../shapes.ts';

/** The items of requests, and the forms of replies. */

const PARTS = '#/components/schemas/InputPart';

// Other schemas refer to it by its name.
published('InputPart', z.unknown().meta(schemaOfShapes(CANONICAL_PARTS, PARTS)));
export const InputItem = published('InputItem', z.unknown().meta(schemaOfShapes(ITEM_SHAPES, PARTS)));

export const OutputItem = published(
  'OutputItem',
  z
    .looseObject({ type: z.string(), id: z.string(), status: z.string().optional() })
    .describe('A message, a call, reasoning or any other item, with all fields that its provider gave it.'),
);
export const ItemList = published('ItemList', listOf(OutputItem));

const usage = z.strictObject({
  input_tokens: z.int(),
  input_tokens_details: z.strictObject({ cached_tokens: z.int(), cache_write_tokens: z.int() }),
  output_tokens: z.int(),
  output_tokens_details: z.strictObject({ reasoning_tokens: z.int() }),
  total_tokens: z.int(),
  cache_creation: cacheCreation,
});

/** `response` writes it. */
export const Response = published(
  'Response',
  z
    .looseObject({
      id: z.string(),
      object: z.literal('response'),
      created_at: seconds,
      completed_at: seconds.nullable(),
      status: z.enum(['queued', 'in_progress', 'completed', 'incomplete', 'failed', 'cancelled']),
      incomplete_details: z.strictObject({ reason: z.string() }).nullable(),
      error: z
        .strictObject({
          code: z.string(),
          message: z.string(),
          param: z.string().optional(),
          provider_error: ProviderError.optional(),
          attempts: z.array(FailedCall).optional(),
        })
        .nullable(),
      model: z.string().describe('The model that answered, as `provider/model`.'),
      previous_response_id: z.string().nullable(),
      conversation: z.strictObject({ id: z.string() }).nullable(),
      instructions: z.string().nullable(),
      output: z.array(OutputItem),
      tools: z.array(z.looseObject({ type: z.string() })),
      tool_choice: z.union([z.string(), z.looseObject({ type: z.string() })]),
      truncation: z.enum(['auto', 'disabled']),
      parallel_tool_calls: z.boolean(),
      text: z.looseObject({ format: z.looseObject({ type: z.string() }) }),
      top_p: z.number(),
      presence_penalty: z.number(),
      frequency_penalty: z.number(),
      top_logprobs: z.int(),
      temperature: z.number(),
      reasoning: z.strictObject({ effort: z.string().nullable(), summary: z.string().nullable() }),
      usage: usage.nullable(),
      max_output_tokens: z.int().nullable(),
      max_tool_calls: z.int().nullable(),
      store: z.boolean(),
      background: z.boolean(),
      service_tier: z.string(),
      metadata: pairs,
      safety_identifier: z.string().nullable(),
      prompt_cache_key: z.string().nullable(),
      user: z.string().nullable(),
      clawhold: Attempts.optional(),
    })
    .describe('A turn. Further fields are those of the provider that answered.'),
);

export const InputTokens = published(
  'InputTokens',
  z.strictObject({
    object: z.literal('response.input_tokens'),
    input_tokens: z.int().describe('An estimate.'),
  }),
);

const item = { output_index: z.int(), item: OutputItem };
const inItem = { item_id: z.string(), output_index: z.int() };
const inContent = { ...inItem, content_index: z.int() };
const inSummary = { ...inItem, summary_index: z.int() };
const part = z.looseObject({ type: z.string() });
const delta = z.string();
const logprobs = z.array(z.unknown());

/** The fields of each event that the gateway writes itself, in addition to `type` and `sequence_number`. */
export const EVENT_FIELDS: Readonly<Record<string, z.ZodRawShape>> = {
  'response.created': { response: Response },
  'response.queued': { response: Response },
  'response.in_progress': { response: Response },
  'response.completed': { response: Response },
  'response.incomplete': { response: Response },
  'response.failed': { response: Response },
  'response.output_item.added': item,
  'response.output_item.done': item,
  'response.content_part.added': { ...inContent, part },
  'response.content_part.done': { ...inContent, part },
  'response.output_text.delta': { ...inContent, delta, logprobs },
  'response.output_text.done': { ...inContent, text: z.string(), logprobs },
  'response.output_text.annotation.added': {
    ...inContent,
    annotation_index: z.int(),
    annotation: z.unknown(),
  },
  'response.refusal.delta': { ...inContent, delta },
  'response.refusal.done': { ...inContent, refusal: z.string() },
  'response.reasoning_text.delta': { ...inContent, delta },
  'response.reasoning_text.done': { ...inContent, text: z.string() },
  'response.reasoning_summary_part.added': { ...inSummary, part },
  'response.reasoning_summary_part.done': { ...inSummary, part },
  'response.reasoning_summary_text.delta': { ...inSummary, delta },
  'response.reasoning_summary_text.done': { ...inSummary, text: z.string() },
  'response.function_call_arguments.delta': { ...inItem, delta },
  'response.function_call_arguments.done': { ...inItem, name: z.string(), arguments: z.string() },
  'response.custom_tool_call_input.delta': { ...inItem, delta },
  'response.custom_tool_call_input.done': { ...inItem, input: z.unknown() },
  'clawhold:response.restarted': {
    reason: z.string().optional().describe('The code of the error that broke the answer.'),
    discarded: z
      .array(z.strictObject(inItem))
      .describe('The items of the answer that are no longer valid, because another call answers.'),
  },
  error: { error: ErrorObject, ...ErrorObject.shape },
};

const eventSchemas = Object.entries(EVENT_FIELDS).map(([type, fields]) =>
  z.strictObject({ type: z.literal(type), ...fields, sequence_number: z.int() }),
);
/** Progress of a tool that the provider runs. */
const otherEvent = z
  .looseObject({
    type: z.string().meta({ not: { enum: Object.keys(EVENT_FIELDS) } }),
    ...inItem,
    sequence_number: z.int(),
  })
  .describe('The progress of a tool that the provider runs, as the provider sends it.');

export const ResponseEvent = published('ResponseEvent', z.union([...eventSchemas, otherEvent]));
