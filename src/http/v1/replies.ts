import { z } from 'zod';
import { ERRORS } from '../../core/error-catalogue.ts';
import { published } from '../published.ts';

/** The forms of replies. They are not checked at run time; tests compare them with real replies. */

const text = (what: string) => z.string().describe(what);
export const seconds = z.int().describe('Seconds since the epoch.');
export const pairs = z.record(z.string(), z.string()).describe('Pairs that the caller chose.');

export const ProviderError = z
  .strictObject({
    ...{ code: z.string().optional(), type: z.string().optional(), param: z.string().optional() },
    status: z.int().optional().describe('The HTTP status of its reply.'),
    request_id: z.string().optional().describe('The id that it gave to the request.'),
  })
  .describe('The error as the provider reported it.');

export const FailedCall = z.strictObject({
  model: text('`provider/model`, and `@instance` where there are several.'),
  code: text('Why the call failed, as in docs/errors.md.'),
  ms: z.int().describe('Milliseconds from the call to its failure.'),
  status: z.int().optional().describe("The HTTP status of the provider's reply."),
  request_id: z.string().optional().describe('The id that the provider gave to the request.'),
});

export const ErrorObject = published(
  'Error',
  z.strictObject({
    message: text('What happened, and what to do.'),
    type: text('The kind of error, as in the API of OpenAI.'),
    param: z.string().nullable().describe('The field or header at fault, as the caller wrote it.'),
    code: z.enum(Object.keys(ERRORS)).describe('See docs/errors.md.'),
    provider_error: ProviderError.optional(),
    attempts: z.array(FailedCall).optional().describe('The calls that failed, in order.'),
  }),
);

export const ErrorReply = published('ErrorReply', z.strictObject({ error: ErrorObject }));

/** One page of a list. */
export const listOf = (entry: z.ZodType) =>
  z.strictObject({
    object: z.literal('list'),
    data: z.array(entry),
    first_id: z.string().nullable(),
    last_id: z.string().nullable().describe('The value of `after` for the next page.'),
    has_more: z.boolean(),
  });

/** `object` names the kind of the deleted object. */
export const deletedReply = (name: string, object: string) =>
  published(name, z.strictObject({ id: z.string(), object: z.literal(object), deleted: z.literal(true) }));

/** How long written content stays in the provider's cache. */
export const cacheCreation = z
  .strictObject({ ephemeral_5m_input_tokens: z.int(), ephemeral_1h_input_tokens: z.int() })
  .optional();

export const Attempts = published(
  'Attempts',
  z
    .strictObject({
      attempts: z.array(
        z.strictObject({
          model: text('`provider/model`'),
          input_tokens: z.int(),
          output_tokens: z.int(),
          estimated: z.boolean().optional().describe('The provider did not report its usage.'),
          service_tier: z.string().optional().describe('The tier that answered.'),
          cost_usd: z.number().optional(),
          cost_estimated: z.literal(true).optional().describe('The cost is an estimate.'),
          reported_cost_usd: z.number().optional().describe('The cost as the provider reports it.'),
          error: z.string().optional().describe('Why the call broke off.'),
        }),
      ),
    })
    .describe('The calls that made the answer, if there were several.'),
);

export const Model = published(
  'Model',
  z.strictObject({ id: z.string(), object: z.literal('model'), created: seconds, owned_by: z.string() }),
);
export const ModelList = published(
  'ModelList',
  z.strictObject({ object: z.literal('list'), data: z.array(Model) }),
);

export const Conversation = published(
  'Conversation',
  z.strictObject({
    id: z.string(),
    object: z.literal('conversation'),
    created_at: seconds,
    metadata: pairs,
  }),
);

export const Readiness = published(
  'Readiness',
  z.strictObject({
    status: z.enum(['ready', 'degraded', 'draining']),
    store: z.enum(['ok', 'unavailable']),
    problem: z.string().optional(),
    claws: z
      .array(z.strictObject({ name: z.string(), state: z.enum(['open', 'half-open']) }))
      .optional()
      .meta({
        description: 'Providers with models that are not called, or only probed, because they failed.',
      }),
  }),
);
export const Liveness = published('Liveness', z.strictObject({ status: z.literal('alive') }));
