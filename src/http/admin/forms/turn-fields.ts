import { z } from 'zod';

/**
 * The fields of a turn that are read after it was imported. Further fields pass as they are, because they are content:
 * nothing interprets them.
 */

const count = z.number().min(0);
const texts = z.record(z.string(), z.string());

/** Milliseconds since the epoch: ids and texts of times have no room for more than four digits of a year. */
export const LAST_TIME = Date.parse('9999-12-31T23:59:59.999Z');

export const time = z.int().min(0).max(LAST_TIME);

export const finish = z.array(
  z.looseObject({
    unified: z.enum(['stop', 'length', 'tool_calls', 'content_filter', 'unknown']),
    raw: z.string().nullable(),
  }),
);

export const settings = z.looseObject({
  max_output_tokens: z.number().optional(),
  temperature: z.number().optional(),
  top_p: z.number().optional(),
  frequency_penalty: z.number().optional(),
  presence_penalty: z.number().optional(),
  top_logprobs: z.number().optional(),
  seed: z.number().optional(),
  n: z.number().optional(),
  stop: z.array(z.string()).optional(),
  tools: z.array(z.looseObject({ type: z.string() })).optional(),
  tool_choice: z.union([z.string(), z.looseObject({ type: z.string() })]).optional(),
  parallel_tool_calls: z.boolean().optional(),
  format: z.looseObject({ type: z.string() }).optional(),
  reasoning: z
    .looseObject({ effort: z.string().nullish(), summary: z.string().nullish() })
    .nullable()
    .optional(),
  verbosity: z.string().optional(),
  service_tier: z.string().optional(),
  prompt_cache_key: z.string().optional(),
  safety_identifier: z.string().optional(),
});

const usage = z.looseObject({
  input: count,
  output: count,
  cacheRead: count,
  cacheWrite: count,
  reasoning: count,
  cacheWriteHour: count.optional(),
  audioInput: count.optional(),
  audioOutput: count.optional(),
  tier: z.string().optional(),
  modes: z.array(z.string()).optional(),
  reportedCost: z.number().optional(),
});

const called = { provider: z.string(), model: z.string() };
const failedCall = z.looseObject({ model: z.string(), code: z.string(), ms: z.number() });

const error = z.looseObject({
  code: z.string(),
  message: z.string(),
  param: z.string().nullish(),
  reported: z.looseObject({}).optional(),
  attempts: z.array(failedCall).optional(),
});

const receipt = z.looseObject({
  retries: count.optional(),
  history: z.string().optional(),
  context: z.looseObject({}).optional(),
  firstDeltaMs: z.number().optional(),
  route: z.looseObject({}).optional(),
});

/** `more` of a turn. Blobs belong to the store that the turn was exported from; an export has their content. */
export const more = z.looseObject({
  usage: usage.optional(),
  cost: z.number().optional(),
  costEstimated: z.boolean().optional(),
  answeredBy: z
    .looseObject({
      ...called,
      protocol: z.string(),
      calledModel: z.string().optional(),
      instance: z.string().optional(),
      id: z.string().optional(),
    })
    .optional(),
  attempts: z
    .array(z.looseObject({ ...called, usage, cost: z.number().optional(), error: z.string().optional() }))
    .optional(),
  error: error.optional(),
  receipt: receipt.optional(),
  instructions: z.string().optional(),
  opening: z.looseObject({ at: z.string(), count, print: z.string() }).optional(),
  inputNatives: z.record(z.string(), z.unknown()).optional(),
  outputNatives: z.record(z.string(), z.unknown()).optional(),
  callIds: texts.optional(),
  alternates: z.array(z.array(z.looseObject({ type: z.string() }))).optional(),
  extra: z.looseObject({}).optional(),
  echo: z.looseObject({}).optional(),
  origin: z
    .looseObject({
      kind: z.enum(['import', 'fork', 'edit']),
      from: z.string().optional(),
      form: z.string().optional(),
    })
    .optional(),
  toolsBlob: z.undefined().optional(),
  instructionsBlob: z.undefined().optional(),
});
