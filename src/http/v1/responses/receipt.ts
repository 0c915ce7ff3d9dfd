import { z } from 'zod';
import type { AnsweredReceipt } from '../../../api/responses.ts';
import type { FailedCall as Failed } from '../../../core/errors.ts';
import { conversationId, responseId } from '../../../core/ids.ts';
import type { ContextReceipt } from '../../../core/receipt.ts';
import { dollars, type NanoDollars } from '../../../core/usage.ts';
import { published } from '../../published.ts';
import { FailedCall } from '../replies.ts';

/** How a response was answered, as its receipt shows it. */

const tokens = (what: string) => z.int().describe(what);

export const Context = published(
  'ContextReceipt',
  z
    .strictObject({
      policy: z.enum(['full', 'truncate', 'retrieve', 'auto']),
      limit: tokens('Tokens that the model accepts, for prompt and answer together.'),
      reserved: tokens('Tokens of them that are reserved for the answer.'),
      tokens: tokens('Tokens of the whole prompt.'),
      estimated_tokens: tokens(
        'Before the tokenizer, or the usage of earlier calls, corrected the estimate.',
      ),
      counted_by: z
        .enum(['o200k', 'cl100k', 'calibration', 'estimate'])
        .describe(
          "The model's tokenizer; `calibration`: an estimate with what the provider counted before; or the estimate alone.",
        ),
      kept_turns: z.int().describe('Earlier turns that are in the prompt as a whole.'),
      dropped_tokens: tokens('Tokens of earlier turns that are left out.'),
      recalled_tokens: tokens('Tokens of parts of those turns that are in the prompt nevertheless.'),
      pinned: z
        .array(z.string())
        .describe('The items with standing instructions and preferences among them.'),
      retrieved: z
        .array(z.strictObject({ id: z.string(), score: z.number() }))
        .describe('The items that were found for the request, as excerpts, best first.'),
    })
    .describe(
      'What of the conversation the model got, and its tokens as they were expected before the call.',
    ),
);

const dollarsOrNull = (what: string) => z.number().nullable().describe(what);

export const Receipt = published(
  'ResponseReceipt',
  z.strictObject({
    id: z.string(),
    object: z.literal('response.receipt'),
    status: z.string(),
    model: z.string().nullable().describe('The model that answered, as `provider/model`.'),
    conversation: z.string().describe('The session of the response.'),
    history: z.string().nullable().describe('As in the header `x-clawhold-history`.'),
    route: z
      .strictObject({ alias: z.string().nullable(), strategy: z.string(), reason: z.string() })
      .nullable()
      .describe('As in the header `x-clawhold-route`.'),
    failed_calls: z.array(FailedCall).describe('The calls that failed before the answer began, in order.'),
    context: Context.nullable(),
    timings: z.strictObject({
      first_delta_ms: z.int().nullable().describe('Milliseconds until the answer began.'),
      total_ms: z.int(),
    }),
    tokens: z
      .strictObject({
        input: tokens('As the provider counted it.'),
        expected_input: z
          .int()
          .nullable()
          .describe('The count or estimate of it that was made before the call.'),
        input_error_percent: z
          .number()
          .nullable()
          .describe(
            'By how much the expected count was too high, or too low where it is below 0. For one call only.',
          ),
        output: z.int(),
        cached: tokens('Tokens that the provider read from its prompt cache.'),
        expected_cached: tokens('The estimate of it that was made before the call.'),
      })
      .nullable(),
    cost_usd: dollarsOrNull('By list prices.'),
    cost_of_everything_usd: dollarsOrNull(
      'An estimate: the cost of the same answer with the whole conversation as its prompt, without a prompt cache.',
    ),
    cost_of_everything_cached_usd: dollarsOrNull(
      'The same, with everything before the new input read from the prompt cache of the provider.',
    ),
  }),
);

export function receiptView({ turn, everything }: AnsweredReceipt): Record<string, unknown> {
  const { id, session, state, answeredBy, receipt, usage, cost, createdAt, completedAt } = turn;
  const { history, route, failed, context, firstDeltaMs, expectedCacheRead } = receipt ?? {};
  return {
    id: responseId(id),
    object: 'response.receipt',
    status: state,
    model: answeredBy ? `${answeredBy.provider}/${answeredBy.model}` : null,
    conversation: conversationId(session),
    history: history ?? null,
    route: route ? { alias: route.alias ?? null, strategy: route.strategy, reason: route.reason } : null,
    failed_calls: (failed ?? turn.error?.attempts ?? []).map(failedView),
    context: context ? contextView(context) : null,
    timings: { first_delta_ms: firstDeltaMs ?? null, total_ms: completedAt - createdAt },
    tokens: usage
      ? {
          input: usage.input,
          expected_input: context?.tokens ?? null,
          input_error_percent: errorOf(turn),
          output: usage.output,
          cached: usage.cacheRead,
          expected_cached: expectedCacheRead ?? 0,
        }
      : null,
    cost_usd: inDollars(cost),
    cost_of_everything_usd: inDollars(everything?.uncached),
    cost_of_everything_cached_usd: inDollars(everything?.cached),
  };
}

/** To a tenth of a percent. Several calls have several prompts. */
function errorOf({ usage, attempts = [], receipt }: AnsweredReceipt['turn']): number | null {
  const expected = receipt?.context?.tokens;
  if (expected === undefined || !usage?.input || attempts.length > 1) return null;
  return Math.round((expected / usage.input - 1) * 1_000) / 10;
}

const inDollars = (amount: NanoDollars | undefined): number | null =>
  amount === undefined ? null : dollars(amount);

function failedView({ requestId, ...failed }: Failed) {
  return { ...failed, ...(requestId !== undefined && { request_id: requestId }) };
}

export function contextView(context: ContextReceipt): Record<string, unknown> {
  const { policy, limit, reserved, tokens, keptTurns, droppedTokens } = context;
  return {
    ...{ policy, limit, reserved, tokens },
    estimated_tokens: context.estimated ?? tokens,
    counted_by: context.countedBy ?? 'estimate',
    kept_turns: keptTurns,
    dropped_tokens: droppedTokens,
    recalled_tokens: context.recalledTokens ?? 0,
    pinned: context.pinned ?? [],
    retrieved: context.retrieved ?? [],
  };
}
