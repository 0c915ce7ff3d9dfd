import { z } from 'zod';
import { published } from '../../published.ts';
import { Attempts } from '../replies.ts';

/** The messages of requests, and the forms of replies. */

const block = z.looseObject({ type: z.string() });

/** `parseMessages` checks it. */
export const AnthropicMessage = published(
  'AnthropicMessage',
  z.unknown().meta({
    type: 'object',
    properties: {
      role: { enum: ['user', 'assistant', 'system'] },
      content: {
        anyOf: [
          { type: 'string' },
          {
            type: 'array',
            items: { type: 'object', properties: { type: { type: 'string' } }, required: ['type'] },
          },
        ],
      },
    },
    required: ['role', 'content'],
  }),
);

const usage = z.looseObject({ input_tokens: z.int(), output_tokens: z.int() });

const head = {
  id: z.string(),
  type: z.literal('message'),
  role: z.literal('assistant'),
  model: z.string().describe('The model that answers, as its provider names it.'),
  content: z.array(block),
  stop_reason: z.string().nullable(),
  stop_sequence: z.string().nullable(),
  usage,
};

/** `messageOf` writes it. */
export const AnthropicMessageReply = published(
  'Message',
  z
    .looseObject({ ...head, clawhold: Attempts.optional() })
    .describe('A turn. Further fields are those of the provider that answered.'),
);

export const AcceptedMessage = published(
  'AcceptedMessage',
  z
    .strictObject({
      id: z.string(),
      type: z.literal('message_accepted'),
      status: z.enum(['queued', 'in_progress']),
      model: z.string(),
    })
    .describe('A turn that is not answered yet: fetch it by its id.'),
);

export const AnthropicError = published(
  'AnthropicError',
  z.strictObject({
    type: z.literal('error'),
    error: z.strictObject({
      type: z.string().describe('The kind of error, as in the API of Anthropic.'),
      message: z.string().describe('What happened, and what to do.'),
      details: z
        .looseObject({ error_code: z.string().describe('See docs/errors.md.') })
        .describe('The field at fault, and what the provider reported.'),
    }),
    request_id: z.string().optional(),
  }),
);

const event = <Type extends string>(type: Type, fields: z.ZodRawShape) =>
  z.looseObject({ type: z.literal(type), ...fields });
const index = z.int();

const restart = z
  .strictObject({
    restart: z.strictObject({ reason: z.string().optional(), discard: z.array(z.int()) }),
  })
  .describe('The indexes of the blocks that are no longer valid, because another call answers.');

export const AnthropicMessageEvent = published(
  'MessageEvent',
  z.union([
    event('message_start', { message: z.looseObject(head) }),
    event('content_block_start', { index, content_block: block }),
    event('content_block_delta', { index, delta: block }),
    event('content_block_stop', { index }),
    event('message_delta', {
      delta: z.looseObject({ stop_reason: z.string().nullable() }),
      usage,
      clawhold: Attempts.optional(),
    }),
    event('message_stop', {}),
    event('ping', {}),
    event('clawhold_restart', { clawhold: restart }),
    AnthropicError,
  ]),
);
