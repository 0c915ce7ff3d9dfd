import { z } from 'zod';
import { Fault } from '../../../core/errors.ts';
import { parseAnyTurnId } from '../../../core/ids.ts';
import type { OtherType } from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';
import type { Settings, TextFormat, Tool, ToolChoice } from '../../../core/settings.ts';
import { type AskedState, type Delivery, namesSession } from '../../../core/turn.ts';
import type { ParseContext, ParsedAsk } from '../../dialect.ts';
import { published } from '../../published.ts';
import { requireTool, requireUniqueNames } from '../../v1/canonical-tools.ts';
import {
  bodyCheck,
  count,
  invalid,
  metadata,
  modelsOf,
  present,
  refuseForeign,
  sharedShape,
  unknownFields,
  validate,
} from '../../v1/fields.ts';
import { lineWish, sessionFromHeaders, unnamedState } from '../../v1/request.ts';
import { markedErrors, parseInput } from './steps.ts';

const generationConfig = z
  .looseObject({
    temperature: sharedShape.temperature,
    top_p: sharedShape.top_p,
    max_output_tokens: count(1, 1e9),
    seed: z.int().nullish(),
    stop_sequences: z.array(z.string()).max(64).nullish(),
    thinking_level: z.string().nullish(),
    thinking_summaries: z.string().nullish(),
    tool_choice: z.unknown().optional(),
  })
  .nullish();

/** The fields of a request that the gateway reads (ai.google.dev/api/interactions-api, "Creating an interaction"). */
const shape = {
  model: sharedShape.model,
  models: sharedShape.models,
  fallbacks: sharedShape.fallbacks,
  provider: sharedShape.provider,
  input: z.unknown().optional().meta({
    description:
      'A text, a content, contents or steps. In a session that a header names, also the full history.',
  }),
  previous_interaction_id: z.string().nullish().describe('The interaction that this one continues.'),
  system_instruction: z.string().nullish().describe('Instructions for this turn alone, before all items.'),
  store: z.boolean().nullish().describe('Whether the interaction can be fetched by its id.'),
  stream: z.boolean().nullish().describe('Whether the answer is sent as a stream of events.'),
  background: z
    .boolean()
    .nullish()
    .describe('The turn runs without its client; its answer is fetched later.'),
  generation_config: generationConfig.describe('How the model is asked to answer.'),
  response_format: z
    .unknown()
    .optional()
    .describe('The form of the answer: a JSON Schema, or an object with `type`, `mime_type` and `schema`.'),
  response_mime_type: z.string().nullish().describe('`application/json`: the answer is JSON.'),
  tools: sharedShape.tools,
  service_tier: sharedShape.service_tier,
  safety_identifier: sharedShape.safety_identifier,
  labels: metadata.nullish().describe('At most 16 pairs, which are stored.'),
};

export const interactionRequest = published('InteractionRequest', z.looseObject(shape));
const checked = bodyCheck(interactionRequest);
type Body = ReturnType<typeof checked>;

/** What generation_config has that becomes a setting. */
const SETTING_FIELDS = new Set([
  'temperature',
  'top_p',
  'max_output_tokens',
  'seed',
  'stop_sequences',
  'thinking_level',
  'thinking_summaries',
  'tool_choice',
]);
const KNOWN = new Set(Object.keys(shape));

/** Fields of Google's other API. */
const FOREIGN: ReadonlyMap<string, string> = new Map([
  ['contents', 'input'],
  ['messages', 'input'],
  ['generationConfig', 'generation_config'],
  ['systemInstruction', 'system_instruction'],
]);

export function parseInteraction(raw: Record<string, unknown>, context: ParseContext): ParsedAsk {
  refuseForeign(raw, FOREIGN, 'The Interactions API');
  if (present(raw.agent) !== undefined) throw noAgents();
  const body = checked(raw);
  const state = stateOf(body, context);
  const store = body.store ?? true;
  const needed = neededOf(body);
  if (body.background && !store) {
    throw new Fault('invalid_request', '`background` needs `store`: its answer has to be fetched later.', {
      param: 'background',
    });
  }
  return {
    ...modelsOf(body),
    input: parseInput(body.input),
    inputNatives: markedErrors(body.input),
    instructions: present(body.system_instruction),
    settings: settingsOf(body),
    extra: extraOf(raw, body),
    ...(needed.length > 0 && { needed }),
    echo: echoOf(body),
    metadata: body.labels ?? {},
    state,
    retention: store ? 'stored' : namesSession(state) ? 'session' : 'none',
    delivery: deliveryOf(body),
    defaultContext: 'auto',
  };
}

const noAgents = (): Fault =>
  new Fault('invalid_request', '`agent`: agents run at Google alone; name a `model`.', { param: 'agent' });

function deliveryOf({ stream, background }: Body): Delivery {
  if (background) return stream ? 'background-stream' : 'background';
  return stream ? 'stream' : 'whole';
}

function stateOf(body: Body, { headers, caller }: ParseContext): AskedState {
  const previous = body.previous_interaction_id;
  const header = sessionFromHeaders(headers);
  if (previous) {
    const id = parseAnyTurnId(previous);
    if (id) return { kind: 'response', id, within: header };
    throw new Fault('previous_response_not_found', `Previous interaction with id '${previous}' not found.`, {
      param: 'previous_interaction_id',
    });
  }
  if (!header) return unnamedState(headers, caller);
  return { kind: 'session', ref: header, create: true, history: true, line: lineWish(headers) };
}

/** Unknown fields, under the names that Google's `generateContent` has for them: its claw speaks that API. */
function extraOf(raw: Record<string, unknown>, body: Body): Record<string, unknown> {
  const extra: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(unknownFields(raw, KNOWN))) extra[camelCase(field)] = value;
  const config = unknownFields(body.generation_config ?? {}, SETTING_FIELDS);
  const named = Object.entries(config).map(([field, value]) => [camelCase(field), value]);
  const generation = { ...Object.fromEntries(named), ...formatFields(body) };
  if (Object.keys(generation).length > 0) extra.generationConfig = generation;
  return extra;
}

/** What `neededOf` names, in the words of `generateContent`. */
function formatFields(body: Body): Record<string, unknown> {
  const media = mediaOf(body);
  const modalities = formatsOf(body).length > media.length ? ['text', ...media] : media;
  return {
    ...(media.length > 0 && { responseModalities: modalities.map((kind) => String(kind).toUpperCase()) }),
    ...(neededOf(body).includes('response_mime_type') && { responseMimeType: body.response_mime_type }),
  };
}

const camelCase = (name: string): string =>
  name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

function echoOf(body: Body): Record<string, unknown> | undefined {
  const echo = {
    ...(body.previous_interaction_id && { previous_interaction_id: body.previous_interaction_id }),
    ...(body.background && { background: true }),
  };
  return Object.keys(echo).length > 0 ? echo : undefined;
}

function settingsOf(body: Body): Settings {
  const config = body.generation_config ?? {};
  const own: Settings = {
    temperature: present(config.temperature),
    top_p: present(config.top_p),
    max_output_tokens: present(config.max_output_tokens),
    seed: present(config.seed),
    stop: present(config.stop_sequences),
    tools: body.tools ? toTools(body.tools) : undefined,
    tool_choice: toToolChoice(config.tool_choice),
    format: formatOf(body),
    reasoning: reasoningOf(config),
    service_tier: tierOf(body.service_tier),
    safety_identifier: present(body.safety_identifier),
  };
  return Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
}

function reasoningOf({
  thinking_level,
  thinking_summaries,
}: NonNullable<Body['generation_config']>): Settings['reasoning'] {
  const isShown = thinking_summaries === 'auto';
  if (!thinking_level && !isShown) return undefined;
  return { ...(thinking_level && { effort: thinking_level }), ...(isShown && { summary: 'auto' }) };
}

const tierOf = (tier: string | null | undefined): string | undefined =>
  tier === 'standard' ? 'default' : present(tier);

/** The names of the tools that Google runs, in its other API. */
const HOSTED: ReadonlyMap<string, string> = new Map([
  ['google_search', 'googleSearch'],
  ['code_execution', 'codeExecution'],
  ['url_context', 'urlContext'],
  ['file_search', 'fileSearch'],
  ['computer_use', 'computerUse'],
  ['google_maps', 'googleMaps'],
]);

const TOOL_NAME = 'expected a name of 1 to 128 characters';
const functionTool = z.looseObject({
  name: z.string({ error: TOOL_NAME }).min(1, { error: TOOL_NAME }).max(128, { error: TOOL_NAME }),
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
});

function toTool({ type, ...fields }: Record<string, unknown> & { type: string }, index: number): Tool {
  if (type !== 'function') {
    requireTool({ type, ...fields }, `tools[${index}]`);
    const named = Object.entries(fields).map(([field, value]) => [camelCase(field), value]);
    return { ...Object.fromEntries(named), type: (HOSTED.get(type) ?? type) as OtherType };
  }
  const { name, description, parameters, ...further } = validate(functionTool, fields, ['tools', index]);
  return {
    type,
    name,
    ...(description && { description }),
    ...(parameters && { parameters }),
    // As chat keeps the fields of a function that have no canonical form.
    ...(Object.keys(further).length > 0 && { function: further }),
  };
}

function toTools(list: readonly (Record<string, unknown> & { type: string })[]): Tool[] {
  const tools = list.map(toTool);
  requireUniqueNames(
    tools.map(({ type, name }) => (type === 'function' ? name : undefined)),
    (index) => `tools[${index}].name`,
  );
  return tools;
}

const WORDS: ReadonlyMap<unknown, ToolChoice> = new Map<unknown, ToolChoice>([
  ['auto', 'auto'],
  ['validated', 'auto'],
  ['any', 'required'],
  ['none', 'none'],
]);

/** A word, or the tools that the model may call: one that it must call is the choice of a function. */
function toToolChoice(choice: unknown): ToolChoice | undefined {
  if (choice === undefined || choice === null) return undefined;
  const word = WORDS.get(choice);
  if (word) return word;
  const allowed = isObject(choice) ? choice.allowed_tools : undefined;
  if (!isObject(allowed) || !Array.isArray(allowed.tools))
    throw invalid('generation_config.tool_choice', 'auto, any, none, validated, or `allowed_tools`');
  const { mode = 'auto', tools } = allowed as { mode?: unknown; tools: unknown[] };
  const path = 'generation_config.tool_choice.allowed_tools';
  if (!WORDS.has(mode)) throw invalid(`${path}.mode`, 'auto, any, none or validated');
  if (!tools.every((name) => typeof name === 'string')) throw invalid(`${path}.tools`, 'an array of names');
  if (mode === 'none') return 'none';
  const [first, ...others] = tools;
  if (first === undefined) return WORDS.get(mode);
  if (mode === 'any' && others.length === 0) return { type: 'function', name: first };
  return {
    type: 'allowed_tools' as OtherType,
    mode: mode === 'any' ? 'required' : 'auto',
    tools: tools.map((name) => ({ type: 'function', name })),
  };
}

/** The kinds of answers that only Google's models give, or none. Their names are those of `generateContent`. */
const MEDIA: ReadonlySet<unknown> = new Set(['image', 'audio', 'video']);

const formatsOf = ({ response_format: formats }: Body): unknown[] =>
  Array.isArray(formats) ? formats : [formats];

const mediaOf = (body: Body): unknown[] =>
  formatsOf(body).flatMap((one) => (isObject(one) && MEDIA.has(one.type) ? [one.type] : []));

/** Without these fields, the answer would be of another kind than the caller asks for. */
function neededOf(body: Body): string[] {
  const { response_mime_type: type } = body;
  const isRead = !type || type === 'application/json' || type === 'text/plain';
  return [
    ...(mediaOf(body).length > 0 ? ['response_format'] : []),
    ...(isRead ? [] : ['response_mime_type']),
  ];
}

/** `{type: 'text', mime_type, schema}`, a list with one of these, or a JSON Schema itself. */
function formatOf(body: Body): TextFormat | undefined {
  const { response_mime_type } = body;
  const formats = formatsOf(body);
  if (formats.some((one) => one !== undefined && one !== null && !isObject(one)))
    throw invalid('response_format', 'a JSON Schema, an object with a type, or a list of these');
  const format =
    formats.find((one) => isObject(one) && (one.type === undefined || one.type === 'text')) ??
    formats.find((one) => !(isObject(one) && MEDIA.has(one.type)));
  if (!isObject(format)) {
    return response_mime_type === 'application/json' ? { type: 'json_object' } : undefined;
  }
  const isWrapped = format.type === 'text' || 'schema' in format || 'mime_type' in format;
  const schema = isWrapped ? format.schema : format;
  if (schema !== undefined && schema !== null && !isObject(schema))
    throw invalid('response_format.schema', 'a JSON Schema');
  if (isObject(schema)) return { type: 'json_schema', name: 'answer', schema };
  return format.mime_type === 'application/json' ? { type: 'json_object' } : undefined;
}
