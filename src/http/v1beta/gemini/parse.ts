import { z } from 'zod';
import type { Item, Message } from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';
import type { Settings, ToolChoice } from '../../../core/settings.ts';
import type { AskedState } from '../../../core/turn.ts';
import type { ParseContext, ParsedAsk, RequestTarget } from '../../dialect.ts';
import { published } from '../../published.ts';
import {
  invalid,
  LONGEST_MODEL,
  modelsOf,
  refuseForeign,
  sharedShape,
  unknownFields,
  validate,
} from '../../v1/fields.ts';
import { providerField } from '../../v1/provider-field.ts';
import { lineWish, retentionOf, sessionFromHeaders, unnamedState } from '../../v1/request.ts';
import { parseContents } from './contents.ts';
import { configIn, generationConfig, type ReadConfig, readConfig } from './generation-config.ts';
import { inCamelCase } from './spelling.ts';
import { toToolConfig, toTools } from './tools.ts';

type Fields = Record<string, unknown>;

/** The fields of a request that the gateway reads (https://ai.google.dev/api/generate-content). */
const shape = {
  contents: z.unknown().meta({
    description: 'New contents, or the full history. In a session, known contents are recognised.',
    type: 'array',
    items: { $ref: '#/components/schemas/GeminiContent' },
  }),
  systemInstruction: z
    .unknown()
    .optional()
    .meta({
      description: 'Instructions before all contents: a content of texts.',
      anyOf: [{ $ref: '#/components/schemas/GeminiContent' }, { type: 'string' }, { type: 'null' }],
    }),
  tools: z
    .unknown()
    .optional()
    .meta({
      description:
        'The tools that the model may call. Those of Google are translated where a provider has its like.',
      type: ['array', 'null'],
      items: { type: 'object' },
    }),
  toolConfig: z
    .unknown()
    .optional()
    .meta({
      description: 'Whether the model must call a function, and which one.',
      type: ['object', 'null'],
    }),
  generationConfig: generationConfig.nullish().describe('How the answer is generated.'),
  serviceTier: z.string().nullish().describe('The tier at the provider.'),
  models: sharedShape.models,
  fallbacks: sharedShape.fallbacks,
  provider: providerField,
  safetyIdentifier: z.string().nullish().describe("An id of the caller's user, for limits and the provider."),
  store: z
    .boolean()
    .nullish()
    .describe('Whether the turn can be fetched by its id. Google logs the request by it.'),
};

export const contentRequest = published('GeminiRequest', z.looseObject(shape));
/** `model` repeats the path: some SDKs send it. */
const KNOWN = new Set([...Object.keys(shape), 'model']);

/** Fields of OpenAI's APIs. */
const FOREIGN: ReadonlyMap<string, string> = new Map([
  ['messages', 'contents'],
  ['input', 'contents'],
]);

/** How the stream of a request is written; stored with the turn, so that a replay is the same. */
export interface GeminiEcho {
  /** The stream is a JSON array, because the request did not ask for server-sent events. */
  array?: true;
  /** Events have their numbers. */
  ids?: true;
}

/** A request as an ask. It is kept as a chat completion is, and listed nowhere. */
export function parseGemini(raw: Fields, { headers, target, caller }: ParseContext): ParsedAsk {
  const { items, natives, body } = conversationOf(raw);
  const ref = sessionFromHeaders(headers);
  const state: AskedState = ref
    ? { kind: 'session', ref, create: true, history: true, line: lineWish(headers) }
    : unnamedState(headers, caller);
  const config = readConfig(body.generationConfig);
  const choice = toToolConfig(body.toolConfig);
  const extra: Fields = unknownFields(body, KNOWN);
  if (Object.keys(config.rest).length > 0) extra.generationConfig = config.rest;
  if (choice.rest) extra.toolConfig = choice.rest;
  const tools = toTools(body.tools);
  const settings: Settings = {
    ...config.settings,
    tools,
    tool_choice: tools || isDemanding(choice.choice) ? choice.choice : undefined,
    safety_identifier: body.safetyIdentifier ?? undefined,
    service_tier: body.serviceTier ? tierOf(body.serviceTier) : undefined,
  };
  for (const field in settings)
    if (settings[field as keyof Settings] === undefined) delete settings[field as keyof Settings];
  const needed = [
    ...(config.needed ? [config.needed] : []),
    ...(extra.cachedContent ? ['cachedContent'] : []),
  ];
  return {
    ...modelsOf({ ...body, model: modelOf(target) }),
    input: items,
    inputNatives: natives,
    settings,
    extra,
    verbatim: verbatimOf(body, config),
    ...(needed.length > 0 && { needed }),
    echo: echoOf(target, headers),
    metadata: {},
    state,
    retention: retentionOf(body.store, state),
    delivery: isStream(target) ? 'stream' : 'whole',
    defaultContext: 'auto',
  };
}

/** Without functions, `AUTO` and `NONE` say nothing. */
const isDemanding = (choice: ToolChoice | undefined): boolean => choice !== 'auto' && choice !== 'none';

/** What a provider of this API gets as the caller wrote it. */
function verbatimOf(
  { store }: { store?: boolean | null },
  { rest, verbatim }: ReadConfig,
): Fields | undefined {
  const isRead = Object.keys(verbatim).length > 0;
  if (!isRead && typeof store !== 'boolean') return undefined;
  return {
    ...(isRead && { generationConfig: { ...rest, ...verbatim } }),
    ...(typeof store === 'boolean' && { store }),
  };
}

/** The items of a request: its instructions, and the items of its contents. */
export function conversationOf(raw: Fields) {
  const given = inCamelCase(raw);
  if (given.contents === undefined) refuseForeign(given, FOREIGN, "Google's API");
  const body = validate(
    contentRequest,
    given.generationConfig ? { ...given, generationConfig: configIn(given.generationConfig) } : given,
  );
  const opening = instructionOf(body.systemInstruction);
  const { items, natives, places } = parseContents(body.contents, 'contents');
  if (!opening) return { items, natives, places, body, opening: 0 };
  const shifted =
    natives && Object.fromEntries(Object.entries(natives).map(([at, of]) => [Number(at) + 1, of]));
  return { items: [opening, ...items] as Item[], natives: shifted, places, body, opening: 1 };
}

/** `systemInstruction`: a content, or as SDKs send it, its text alone. "Currently, text only." */
function instructionOf(given: unknown): Message | undefined {
  if (given === undefined || given === null) return undefined;
  const { parts } = typeof given === 'string' ? { parts: [{ text: given }] } : isObject(given) ? given : {};
  const list: unknown[] = isObject(parts) ? [parts] : Array.isArray(parts) ? parts : [];
  if (list.length === 0) throw invalid('systemInstruction', 'a content with parts');
  const content = list.map((part, index) => {
    if (isObject(part) && typeof part.text === 'string')
      return { type: 'input_text' as const, text: part.text };
    throw invalid(`systemInstruction.parts[${index}]`, 'a part with a text');
  });
  return { type: 'message', role: 'system', content };
}

/** Google's name of the usual tier. */
const tierOf = (tier: string): string => (tier.toLowerCase() === 'standard' ? 'default' : tier.toLowerCase());

const isStream = ({ endpoint }: RequestTarget): boolean => endpoint.endsWith(':streamGenerateContent');

/** The name of a model in a path: `gemini-3-flash`, or `provider/model`. */
export function modelOf({ params }: RequestTarget): string {
  const name = params['*'];
  if (name && name.length <= LONGEST_MODEL) return name;
  throw invalid('model', `the name of a model in the path, of at most ${LONGEST_MODEL} characters`);
}

const EVENT_STREAM = 'text/event-stream';

/**
 * Google's SDKs read only events that are one line of data. A client that says that it accepts server-sent events
 * reads numbers, too.
 */
function echoOf(target: RequestTarget, headers: Headers): Fields | undefined {
  if (!isStream(target)) return undefined;
  if (target.query.get('alt') !== 'sse') return { array: true } satisfies GeminiEcho;
  return headers.get('accept')?.includes(EVENT_STREAM) ? ({ ids: true } satisfies GeminiEcho) : undefined;
}
