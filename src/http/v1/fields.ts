import { z } from 'zod';
import { Fault } from '../../core/errors.ts';
import type { Attempt, Outcome } from '../../core/outcome.ts';
import type { ProtocolName } from '../../core/prompt.ts';
import type { ProviderWishes } from '../../core/routing.ts';
import type { Settings } from '../../core/settings.ts';
import type { Ask, Asked } from '../../core/turn.ts';
import { dollars, type Usage } from '../../core/usage.ts';
import { expectation, pathText, received } from './expectation.ts';
import { providerField } from './provider-field.ts';

/**
 * The fields that all dialects have: parts of request schemas, and fields of answers. The schemas refuse wrong
 * types. Unknown fields pass, for the provider.
 */

export const metadata = z
  .record(z.string().max(64), z.string().max(512))
  .refine((pairs) => Object.keys(pairs).length <= 16, 'expected at most 16 pairs');

export function number(min: number, max: number) {
  const error = `expected a number from ${min} to ${max}`;
  return z.number({ error }).min(min, { error }).max(max, { error }).nullish();
}

export function count(min: number, max: number) {
  const error = `expected a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error }).nullish();
}

/**
 * Validates, or throws an `invalid_request` with the field, the expected value and the received value. `within`
 * is the field that holds the value; absent for a whole body.
 */
export function validate<Schema extends z.core.$ZodType>(
  schema: Schema,
  value: unknown,
  within: readonly PropertyKey[] = [],
): z.output<Schema> {
  const result = z.safeParse(schema, value);
  if (result.success) return result.data;
  throw refused(result.error, value, within);
}

function refused({ issues }: z.core.$ZodError, value: unknown, within: readonly PropertyKey[]): Fault {
  const issue = issues[0]!;
  const param = pathText([...within, ...issue.path]);
  return new Fault('invalid_request', `\`${param}\`: ${expectation(issue)}${received(issue, value)}.`, {
    param,
  });
}

/**
 * A check of a body that has few of its many fields: absent fields cost nothing, where a schema of the whole makes
 * two objects for each. The result has the known fields that the body has. For schemas without checks of the whole.
 */
export function bodyCheck<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
): (body: Record<string, unknown>) => z.output<z.ZodObject<Shape>> {
  const fields = new Map<string, z.core.$ZodType>(Object.entries(schema.shape));
  const required = [...fields].flatMap(([name, field]) =>
    z.safeParse(field, undefined).success ? [] : [name],
  );
  return (body) => {
    const known: Record<string, unknown> = {};
    for (const name of required) if (body[name] === undefined) validate(fields.get(name)!, undefined, [name]);
    for (const name in body) {
      const field = fields.get(name);
      if (!field) continue;
      const result = z.safeParse(field, body[name]);
      if (!result.success) throw refused(result.error, body[name], [name]);
      known[name] = result.data;
    }
    return known as z.output<z.ZodObject<Shape>>;
  };
}

export function invalid(param: string, expected: string): Fault {
  return new Fault('invalid_request', `\`${param}\`: expected ${expected}.`, { param });
}

/**
 * Refuses fields that have another name in this API. Without the error, the provider would never get their
 * values.
 */
export function refuseForeign(
  body: Record<string, unknown>,
  names: ReadonlyMap<string, string>,
  api: string,
): void {
  for (const [field, own] of names) {
    if (body[field] === undefined || body[field] === null) continue;
    throw new Fault('invalid_request', `${api} has no \`${field}\`; send \`${own}\`.`, { param: field });
  }
}

/** The fields of `body` that `known` does not name. */
export function unknownFields(
  body: Record<string, unknown>,
  known: ReadonlySet<string>,
): Record<string, unknown> {
  const unknown: Record<string, unknown> = {};
  for (const key in body) if (!known.has(key)) unknown[key] = body[key];
  return unknown;
}

/** `null` means absent in these APIs. */
export const present = <T>(value: T | null | undefined): T | undefined => value ?? undefined;

const MODEL = 'expected the name of a model';
/** How many models a list may name. */
const MODELS = 16;
const MODEL_OR_LIST = `${MODEL}, or a list of 1 to ${MODELS} of them`;
/** In characters. */
export const LONGEST_MODEL = 512;
const modelName = z.string({ error: MODEL }).min(1, { error: MODEL }).max(LONGEST_MODEL);
const modelList = z.array(modelName).max(MODELS, { error: `expected a list of at most ${MODELS} models` });

/**
 * The model to ask first, those to try where it cannot answer (the others of a list, then `models`, then
 * `fallbacks`), and what the caller wants of the choice among their providers.
 */
export function modelsOf({
  model,
  models,
  fallbacks,
  provider,
}: ModelFields): Pick<Ask, 'model' | 'fallbacks' | 'routing'> {
  const [first, ...others] = typeof model === 'string' ? [model] : model;
  if (models) others.push(...models);
  if (fallbacks) others.push(...fallbacks);
  const named = { model: first!, fallbacks: others };
  return provider ? { ...named, routing: { provider } } : named;
}

interface ModelFields {
  model: string | string[];
  models?: string[] | null;
  fallbacks?: string[] | null;
  provider?: ProviderWishes | null;
}

/** Fields that both of OpenAI's dialects have, with the same meaning. */
export const sharedShape = {
  model: z
    .union([modelName, modelList.min(1, { error: MODEL_OR_LIST })], { error: MODEL_OR_LIST })
    .describe(
      '`provider/model`, a model, or an alias. In a list, the next models are tried if the first cannot answer.',
    ),
  models: modelList.nullish().describe('Models to try if `model` cannot answer, as OpenRouter has it.'),
  fallbacks: modelList.nullish().describe('Models to try if those before cannot answer.'),
  provider: providerField,
  store: z.boolean().nullish().describe('Whether the turn can be fetched by its id.'),
  stream: z.boolean().nullish().describe('Whether the answer is sent as a stream of events.'),
  metadata: metadata
    .nullish()
    .describe('At most 16 pairs, which are stored: keys of up to 64 characters, values of up to 512.'),
  temperature: number(0, 2).describe('How random the answer is.'),
  top_p: number(0, 1).describe('Only the most probable tokens, up to this sum of probabilities.'),
  frequency_penalty: number(-2, 2).describe('Positive values make frequent tokens less probable.'),
  presence_penalty: number(-2, 2).describe('Positive values make tokens less probable that occurred before.'),
  top_logprobs: count(0, 20).describe('How many alternatives of each token have log probabilities.'),
  tools: z
    .array(z.looseObject({ type: z.string() }))
    .nullish()
    .describe(
      'The tools that the model may call. Types that a provider lacks are translated, or the next model is asked.',
    ),
  parallel_tool_calls: z.boolean().nullish().describe('Whether one answer may have several calls.'),
  service_tier: z.string().nullish().describe('The tier at the provider.'),
  prompt_cache_key: z.string().nullish().describe("A key for the provider's prompt cache."),
  safety_identifier: z.string().nullish().describe("An id of the caller's user, for the provider."),
};

const SHARED_SETTINGS = [
  'temperature',
  'top_p',
  'frequency_penalty',
  'presence_penalty',
  'parallel_tool_calls',
  'service_tier',
  'prompt_cache_key',
  'safety_identifier',
] as const satisfies (keyof Settings)[];

type SharedBody = { [Field in (typeof SHARED_SETTINGS)[number]]?: Settings[Field] | null };

/** The settings that both dialects have, and the dialect's `own`; absent ones are left out. */
export function settingsFrom(body: SharedBody, own: Settings): Settings {
  const settings: Record<string, unknown> = {};
  for (const field of SHARED_SETTINGS)
    if (body[field] !== undefined && body[field] !== null) settings[field] = body[field];
  for (const field in own)
    if (own[field as keyof Settings] !== undefined) settings[field] = own[field as keyof Settings];
  return settings;
}

/**
 * The name of the model that answered, as a request can use it: `provider/model`. Without an answer, the name
 * in the request.
 */
export const answeredModel = ({
  answeredBy,
  model,
}: Pick<Asked, 'model'> & Pick<Partial<Outcome>, 'answeredBy'>): string =>
  answeredBy ? `${answeredBy.provider}/${answeredBy.model}` : model;

type Answered = Pick<Partial<Outcome>, 'answeredBy' | 'extra' | 'usage'>;

/** Fields of the provider's answer that a dialect passes on, if the provider has the same vocabulary. */
export const passedOn = ({ answeredBy, extra }: Answered, protocol: ProtocolName): Outcome['extra'] =>
  answeredBy?.protocol === protocol ? extra : undefined;

/** The service tier of the answer. Providers with OpenAI's APIs use OpenAI's names of tiers. */
export function answeredTier({ answeredBy, extra, usage }: Answered): string | undefined {
  const tier = answeredBy?.protocol.startsWith('openai-') ? extra?.service_tier : undefined;
  return typeof tier === 'string' ? tier : usage?.tier;
}

/**
 * How long written content stays in the provider's cache, in the fields of Anthropic; nothing if the provider
 * does not say.
 */
export function cacheCreation({ cacheWrite, cacheWriteHour }: Usage): { cache_creation?: unknown } {
  if (cacheWriteHour === undefined) return {};
  const fiveMinutes = Math.max(0, cacheWrite - cacheWriteHour);
  return {
    cache_creation: {
      ephemeral_5m_input_tokens: fiveMinutes,
      ephemeral_1h_input_tokens: cacheWriteHour,
    },
  };
}

/**
 * The calls that made an answer: the tokens of each, and its cost by our prices and by the provider's report.
 */
export function attemptsView(attempts: readonly Attempt[]): Record<string, unknown>[] {
  return attempts.map(({ provider, model, usage, estimated, cost, costEstimated, error }) => ({
    model: `${provider}/${model}`,
    input_tokens: usage.input,
    output_tokens: usage.output,
    ...(estimated && { estimated }),
    ...(usage.tier !== undefined && usage.tier !== 'default' && { service_tier: usage.tier }),
    ...(cost !== undefined && { cost_usd: dollars(cost) }),
    ...(costEstimated && { cost_estimated: costEstimated }),
    ...(usage.reportedCost !== undefined && { reported_cost_usd: dollars(usage.reportedCost) }),
    ...(error && { error }),
  }));
}
