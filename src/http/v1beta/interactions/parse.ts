import { z } from 'zod';
import { Fault } from '../../../core/errors.ts';
import { parseAnyTurnId } from '../../../core/ids.ts';
import type { OtherType } from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';
import type { Settings, TextFormat, Tool, ToolChoice } from '../../../core/settings.ts';
import { type AskedState, type Delivery, namesSession } from '../../../core/turn.ts';
import type { ParseContext, ParsedAsk } from '../../dialect.ts';
import { published } from '../../published.ts';
import {
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
type Body = z.output<typeof interactionRequest>;

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
  const body = validate(interactionRequest, raw);
  const state = stateOf(body, context);
  const store = body.store ?? true;
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
  if (named.length > 0) extra.generationConfig = Object.fromEntries(named);
  return extra;
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
    tools: body.tools?.map(toTool),
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

function toTool({ type, ...fields }: Record<string, unknown> & { type: string }, index: number): Tool {
  if (type !== 'function') {
    const named = Object.entries(fields).map(([field, value]) => [camelCase(field), value]);
    return { ...Object.fromEntries(named), type: (HOSTED.get(type) ?? type) as OtherType };
  }
  const { name, description, parameters } = fields;
  if (typeof name !== 'string' || name === '')
    throw invalid(`tools[${index}].name`, 'the name of a function');
  return {
    type,
    name,
    ...(typeof description === 'string' && { description }),
    ...(isObject(parameters) && { parameters }),
  };
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
  const { mode, tools } = allowed as { mode?: unknown; tools: unknown[] };
  if (mode === 'any' && tools.length === 1 && typeof tools[0] === 'string')
    return { type: 'function', name: tools[0] };
  return {
    type: 'allowed_tools' as OtherType,
    mode: mode === 'any' ? 'required' : 'auto',
    tools: tools.map((name) => ({ type: 'function', name })),
  };
}

/** `{type: 'text', mime_type, schema}`, a list with one of these, or a JSON Schema itself. */
function formatOf({ response_format, response_mime_type }: Body): TextFormat | undefined {
  const formats: unknown[] = Array.isArray(response_format) ? response_format : [response_format];
  const format =
    formats.find((one) => isObject(one) && (one.type === undefined || one.type === 'text')) ?? formats[0];
  if (!isObject(format)) {
    return response_mime_type === 'application/json' ? { type: 'json_object' } : undefined;
  }
  const isWrapped = format.type === 'text' || 'schema' in format || 'mime_type' in format;
  const schema = isWrapped ? format.schema : format;
  if (isObject(schema)) return { type: 'json_schema', name: 'answer', schema };
  return format.mime_type === 'application/json' ? { type: 'json_object' } : undefined;
}
