import { z } from 'zod';
import { isObject } from '../../../core/json.ts';
import type { Settings, TextFormat } from '../../../core/settings.ts';
import { count, number, present, unknownFields } from '../../v1/fields.ts';
import { jsonSchemaOf } from './json-schema.ts';
import { inCamelCase } from './spelling.ts';

type Fields = Record<string, unknown>;

const text = z.string().nullish();
const schema = z.record(z.string(), z.unknown()).nullish();

/** The fields of `generationConfig` that the gateway reads (https://ai.google.dev/api/generate-content#generationconfig). */
const shape = {
  maxOutputTokens: count(1, 1e9).describe('The most tokens of the answer, with thoughts.'),
  temperature: number(0, 2).describe('How random the answer is.'),
  topP: number(0, 1).describe('Only the most probable tokens, up to this sum of probabilities.'),
  stopSequences: z.array(z.string()).max(16).nullish().describe('Texts at which the answer stops.'),
  seed: z
    .int()
    .nullish()
    .describe('Requests with the same seed get similar answers, if the provider supports it.'),
  presencePenalty: number(-2, 2).describe('Positive values make tokens less probable that occurred before.'),
  frequencyPenalty: number(-2, 2).describe('Positive values make frequent tokens less probable.'),
  responseLogprobs: z.boolean().nullish().describe('Whether tokens have log probabilities.'),
  logprobs: count(0, 20).describe('How many alternatives of each token have log probabilities.'),
  candidateCount: count(1, 128).describe('How many answers. Only the first one is part of a session.'),
  responseMimeType: text.describe('`application/json`: the answer is JSON.'),
  responseSchema: schema.describe("The form of a JSON answer, in Google's own form of schemas."),
  responseJsonSchema: schema.describe('The form of a JSON answer, as JSON Schema.'),
  _responseJsonSchema: schema.describe('The same as `responseJsonSchema`.'),
  responseModalities: z
    .array(z.string())
    .nullish()
    .describe('What the answer may be made of. Only providers of this API make more than text.'),
  thinkingConfig: z
    .looseObject({
      includeThoughts: z.boolean().nullish(),
      thinkingBudget: count(-1, 1e9),
      thinkingLevel: text,
    })
    .nullish()
    .describe('How much the model reasons, and whether its thoughts are shown.'),
};

export const generationConfig = z.looseObject(shape);
type Config = z.output<typeof generationConfig>;

/** The fields that become settings. */
const KNOWN = new Set(Object.keys(shape).filter((field) => field !== 'responseModalities'));

/** `generationConfig` in camel case, to be validated. */
export function configIn(given: unknown): unknown {
  if (!isObject(given)) return given;
  const config = inCamelCase(given);
  return isObject(config.thinkingConfig)
    ? { ...config, thinkingConfig: inCamelCase(config.thinkingConfig) }
    : config;
}

/** What `generationConfig` says in canonical form. */
export interface ReadConfig {
  settings: Settings;
  /** Fields that no setting holds. */
  rest: Fields;
  /** Fields that say more than the settings do: a provider of this protocol gets them unchanged. */
  verbatim: Fields;
  /** The field without which the answer would be another one. */
  needed?: string;
}

export function readConfig(config: Config | null | undefined): ReadConfig {
  if (!config) return { settings: {}, rest: {}, verbatim: {} };
  const { maxOutputTokens, temperature, topP, stopSequences, seed, presencePenalty, frequencyPenalty } =
    config;
  const format = formatOf(config);
  return {
    settings: {
      max_output_tokens: present(maxOutputTokens),
      temperature: present(temperature),
      top_p: present(topP),
      stop: present(stopSequences),
      seed: present(seed),
      presence_penalty: present(presencePenalty),
      frequency_penalty: present(frequencyPenalty),
      top_logprobs: config.responseLogprobs ? (config.logprobs ?? 0) : undefined,
      n: present(config.candidateCount),
      format,
      reasoning: reasoningOf(config.thinkingConfig),
    },
    rest: unknownFields(config, KNOWN),
    verbatim: verbatimOf(config),
    needed: neededOf(config, format),
  };
}

const FORMAT_FIELDS = [
  'responseMimeType',
  'responseSchema',
  'responseJsonSchema',
  '_responseJsonSchema',
] as const;

function verbatimOf(config: Config): Fields {
  const verbatim: Fields = {};
  for (const field of [...FORMAT_FIELDS, 'thinkingConfig'] as const) {
    if (config[field] !== undefined && config[field] !== null) verbatim[field] = config[field];
  }
  return verbatim;
}

const JSON_TYPE = 'application/json';

function formatOf(config: Config): TextFormat | undefined {
  if (config.responseMimeType !== JSON_TYPE) return undefined;
  const given = config.responseJsonSchema ?? config._responseJsonSchema;
  const own = given ?? (config.responseSchema ? (jsonSchemaOf(config.responseSchema) as Fields) : undefined);
  return own ? { type: 'json_schema', name: 'response', schema: own } : { type: 'json_object' };
}

function neededOf({ responseModalities, responseMimeType }: Config, format: TextFormat | undefined) {
  const isOther = responseModalities?.some((modality) => modality.toUpperCase() !== 'TEXT');
  if (isOther) return 'generationConfig.responseModalities';
  const isText = !responseMimeType || responseMimeType === 'text/plain';
  return format || isText ? undefined : 'generationConfig.responseMimeType';
}

/** Google's levels are OpenAI's efforts. A budget becomes the effort whose budget at Google is nearest. */
function reasoningOf(thinking: Config['thinkingConfig']): Settings['reasoning'] {
  if (!thinking) return undefined;
  const { includeThoughts, thinkingLevel, thinkingBudget } = thinking;
  const effort = thinkingLevel ? thinkingLevel.toLowerCase() : effortOf(thinkingBudget);
  const known = effort === 'thinking_level_unspecified' ? undefined : effort;
  if (known === undefined && !includeThoughts) return undefined;
  return { ...(known !== undefined && { effort: known }), ...(includeThoughts && { summary: 'auto' }) };
}

/** https://ai.google.dev/gemini-api/docs/openai#thinking: 1,024, 8,192 and 24,576 tokens; -1 is the model's choice. */
function effortOf(budget: number | null | undefined): string | undefined {
  if (budget === undefined || budget === null || budget < 0) return undefined;
  if (budget === 0) return 'none';
  if (budget <= 4_096) return 'low';
  return budget <= 16_384 ? 'medium' : 'high';
}
