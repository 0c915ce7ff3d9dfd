import { z } from 'zod';
import { Fault } from '../../core/errors.ts';
import type { ProtocolName } from '../../core/prompt.ts';
import type { Settings } from '../../core/settings.ts';
import type { Asked, Attempt, Outcome } from '../../core/turn.ts';
import { dollars, type Usage } from '../../core/usage.ts';

/**
 * The fields that all dialects have: the parts of request schemas, and fields of answers. Schemas refuse wrong types
 * and let unknown fields through, for the provider.
 */

export const metadata = z
  .record(z.string().max(64), z.string().max(512))
  .refine((pairs) => Object.keys(pairs).length <= 16, 'at most 16 pairs are allowed');

const number = (min: number, max: number) => z.number().min(min).max(max).nullish();
export const count = (min: number, max: number) => z.int().min(min).max(max).nullish();

/** Validates, or throws an `invalid_request` that names the field, and what was expected and received. */
export function validate<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const param = pathText(issue.path);
  throw new Fault('invalid_request', `${param ? `\`${param}\`: ` : ''}${issue.message}.`, { param });
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((key, i) => (typeof key === 'number' ? `[${key}]` : (i > 0 ? '.' : '') + String(key)))
    .join('');
}

export function invalid(param: string, expected: string): Fault {
  return new Fault('invalid_request', `\`${param}\`: expected ${expected}.`, { param });
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

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** `null` means absent in these APIs. */
export const present = <T>(value: T | null | undefined): T | undefined => value ?? undefined;

/** Checks that a part has its content in at least one of `sources`, and that all its fields are strings. */
export function requireContent(
  part: Record<string, unknown>,
  { sources, fields }: PartShape,
  param: string,
): void {
  for (const field of [...sources, ...fields]) {
    const found = part[field];
    if (found !== undefined && found !== null && typeof found !== 'string')
      throw invalid(`${param}.${field}`, 'a string');
  }
  if (!sources.some((source) => part[source])) throw invalid(param, `one of ${sources.join(', ')}`);
}

interface PartShape {
  /** Fields that may hold the content. */
  sources: readonly string[];
  fields: readonly string[];
}

export const IMAGE_PART: PartShape = { sources: ['image_url', 'file_id'], fields: ['detail'] };
export const FILE_PART: PartShape = { sources: ['file_data', 'file_url', 'file_id'], fields: ['filename'] };

const MODEL = 'expected the name of a model';
/** How many models a list may name. */
const MODELS = 16;
const MODEL_OR_LIST = `${MODEL}, or a list of 1 to ${MODELS} of them`;
const modelName = z.string({ error: MODEL }).min(1, { error: MODEL }).max(512);
const modelList = z.array(modelName).max(MODELS, { error: `expected a list of at most ${MODELS} models` });

/** The model to ask first, and those to try where it cannot answer: the others of a list, then `fallbacks`. */
export function modelsOf({ model, fallbacks }: ModelFields): { model: string; fallbacks: string[] } {
  const [first, ...others] = typeof model === 'string' ? [model] : model;
  return { model: first!, fallbacks: fallbacks ? [...others, ...fallbacks] : others };
}

interface ModelFields {
  model: string | string[];
  fallbacks?: string[] | null;
}

/** Fields that both of OpenAI's dialects have, with the same meaning. */
export const sharedShape = {
  model: z.union([modelName, modelList.min(1, { error: MODEL_OR_LIST })], { error: MODEL_OR_LIST }),
  fallbacks: modelList.nullish(),
  store: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  metadata: metadata.nullish(),
  temperature: number(0, 2),
  top_p: number(0, 1),
  frequency_penalty: number(-2, 2),
  presence_penalty: number(-2, 2),
  top_logprobs: count(0, 20),
  tools: z.array(z.looseObject({ type: z.string() })).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  service_tier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
  safety_identifier: z.string().nullish(),
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

/** The model that answered, as it can be asked for again: `provider/model`. Without an answer, as it was asked for. */
export const answeredModel = ({
  answeredBy,
  model,
}: Pick<Asked, 'model'> & Pick<Partial<Outcome>, 'answeredBy'>): string =>
  answeredBy ? `${answeredBy.provider}/${answeredBy.model}` : model;

type Answered = Pick<Partial<Outcome>, 'answeredBy' | 'extra' | 'usage'>;

/** Fields of the provider's answer that a dialect passes on: those of a provider with the same vocabulary. */
export const passedOn = ({ answeredBy, extra }: Answered, protocol: ProtocolName): Outcome['extra'] =>
  answeredBy?.protocol === protocol ? extra : undefined;

/** The service tier of the answer. Providers with the APIs of OpenAI have the same words for it. */
export function answeredTier({ answeredBy, extra, usage }: Answered): string | undefined {
  const tier = answeredBy?.protocol.startsWith('openai-') ? extra?.service_tier : undefined;
  return typeof tier === 'string' ? tier : usage?.tier;
}

/**
 * How long what was written to the provider's cache stays there, in Anthropic's words; nothing where the provider
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

/** The calls that made an answer: what each used and cost, by our prices and by those of the provider. */
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
