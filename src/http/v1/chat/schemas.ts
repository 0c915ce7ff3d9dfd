import { z } from 'zod';
import { published } from '../../published.ts';
import { Attempts, cacheCreation, ErrorObject, listOf, pairs, seconds } from '../replies.ts';
import { schemaOfShape, schemaOfShapes } from '../shapes.ts';
import { IMAGE_URL, MESSAGE_ROLES, PART_SHAPES } from './parse.ts';

/** The messages of requests, and the forms of replies. */

const PARTS = '#/components/schemas/ChatPart';
const CONTENT = {
  anyOf: [{ type: 'string' }, { type: 'array', items: { $ref: PARTS } }, { type: 'null' }],
};

const image = {
  type: 'object',
  properties: { image_url: { anyOf: [{ type: 'string' }, schemaOfShape(IMAGE_URL)] } },
  required: ['image_url'],
};

export const ChatPart = published(
  'ChatPart',
  z.unknown().meta(schemaOfShapes(PART_SHAPES, PARTS, { image_url: image })),
);

/** `parseMessage` checks it. */
export const ChatMessage = published(
  'ChatMessage',
  z.unknown().meta({
    type: 'object',
    properties: {
      role: { enum: MESSAGE_ROLES },
      content: CONTENT,
      tool_call_id: { type: 'string', description: 'Of a message of the role `tool`: the call it answers.' },
      tool_calls: {
        type: ['array', 'null'],
        items: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
      },
      refusal: { type: ['string', 'null'] },
      images: { type: ['array', 'null'], items: image },
      type: { type: 'string', description: '`item_reference`: a stored item or a value, named by `id`.' },
      id: { type: 'string' },
    },
    anyOf: [
      { required: ['role'] },
      { properties: { type: { const: 'item_reference' } }, required: ['type', 'id'] },
    ],
  }),
);

const toolCall = z.looseObject({ id: z.string(), type: z.string() });

const reasoningDetails = z
  .array(z.looseObject({ type: z.string(), id: z.string().nullable(), format: z.string(), index: z.int() }))
  .optional()
  .describe('Reasoning, in the form of OpenRouter. Send it back as it came.');

const images = z
  .array(
    z.strictObject({
      index: z.int(),
      type: z.literal('image_url'),
      image_url: z.strictObject({ url: z.string() }),
    }),
  )
  .optional()
  .describe('Generated images.');

const answer = z.looseObject({
  role: z.literal('assistant'),
  content: z.string().nullable(),
  refusal: z.string().nullable(),
  reasoning_content: z.string().optional(),
  reasoning_details: reasoningDetails,
  annotations: z.array(z.unknown()).optional(),
  images,
  tool_calls: z.array(toolCall).optional(),
});

const usage = z.strictObject({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
  prompt_tokens_details: z.strictObject({
    cached_tokens: z.int(),
    cache_write_tokens: z.int(),
    audio_tokens: z.int(),
  }),
  completion_tokens_details: z.strictObject({
    reasoning_tokens: z.int(),
    audio_tokens: z.int(),
    accepted_prediction_tokens: z.int(),
    rejected_prediction_tokens: z.int(),
  }),
  cache_creation: cacheCreation,
  cost: z.number().optional().describe('US dollars. Absent if the price is unknown.'),
  cost_estimated: z.literal(true).optional().describe('The cost is an estimate.'),
});

const tokenLogprobs = z.strictObject({ content: z.array(z.unknown()), refusal: z.null() }).nullable();

/** `completion` writes it. */
export const ChatCompletion = published(
  'ChatCompletion',
  z
    .looseObject({
      id: z.string(),
      object: z.literal('chat.completion'),
      created: seconds,
      model: z.string().describe('The model that answered, as `provider/model`.'),
      choices: z.array(
        z.looseObject({
          index: z.int(),
          message: answer,
          logprobs: tokenLogprobs,
          finish_reason: z.string(),
        }),
      ),
      usage: usage.optional(),
      service_tier: z.string().optional(),
      metadata: pairs.optional(),
      clawhold: Attempts.optional(),
    })
    .describe('A turn. Further fields are those of the provider that answered.'),
);
export const ChatCompletionList = published('ChatCompletionList', listOf(ChatCompletion));

export const AcceptedChatCompletion = published(
  'AcceptedChatCompletion',
  z
    .strictObject({
      id: z.string(),
      object: z.literal('chat.completion.accepted'),
      status: z.enum(['queued', 'in_progress']),
      created: seconds,
      model: z.string(),
    })
    .describe('A turn that is not answered yet: fetch it by its id.'),
);

const restart = z.strictObject({
  restart: z
    .strictObject({
      reason: z.string().optional(),
      discard: z.strictObject({
        content: z.boolean(),
        tool_calls: z.array(z.int()),
        images: z.array(z.int()).optional(),
      }),
    })
    .describe('The parts of the answer that are no longer valid, because another call answers.'),
});

const chunk = z.looseObject({
  id: z.string(),
  object: z.literal('chat.completion.chunk'),
  created: seconds,
  model: z.string(),
  choices: z.array(
    z.looseObject({
      index: z.int(),
      delta: z.looseObject({
        role: z.literal('assistant').optional(),
        content: z.string().nullable().optional(),
        refusal: z.string().nullable().optional(),
        reasoning_content: z.string().optional(),
        reasoning_details: reasoningDetails,
        annotations: z.array(z.unknown()).optional(),
        images,
        tool_calls: z.array(z.looseObject({ index: z.int() })).optional(),
      }),
      logprobs: tokenLogprobs,
      finish_reason: z.string().nullable(),
    }),
  ),
  usage: usage.nullable().optional(),
  service_tier: z.string().optional(),
  clawhold: z.union([restart, Attempts]).optional(),
});

/** The answer ended with an error: no `[DONE]` follows. */
const errorChunk = z.looseObject({ error: ErrorObject });

export const ChatCompletionChunk = published('ChatCompletionChunk', z.union([chunk, errorChunk]));

export const StoredMessageList = published(
  'StoredMessageList',
  listOf(z.looseObject({ id: z.string(), role: z.string() })),
);
