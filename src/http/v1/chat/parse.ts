import { z } from 'zod';
import { generatedImageAt } from '../../../core/generated-images.ts';
import {
  type FunctionCallOutput,
  type Item,
  isFullHistory,
  type OtherPart,
  type Part,
} from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';
import { withoutSeals } from '../../../core/seal.ts';
import type { Settings, TextFormat } from '../../../core/settings.ts';
import type { AskedState } from '../../../core/turn.ts';
import type { ParseContext, ParsedAsk } from '../../dialect.ts';
import { published } from '../../published.ts';
import {
  bodyCheck,
  count,
  invalid,
  modelsOf,
  present,
  refuseForeign,
  settingsFrom,
  sharedShape,
  unknownFields,
} from '../fields.ts';
import { checkedUrl, withCheckedMedia } from '../media.ts';
import {
  conversationField,
  conversationRef,
  lineWish,
  retentionOf,
  sessionFromHeaders,
  sessionRef,
  unnamedState,
} from '../request.ts';
import { AUDIO, CANONICAL_PARTS, FILE, requireShape, type Shape } from '../shapes.ts';
import { takeReasoning } from './reasoning.ts';
import { toTool, toToolChoice } from './tools.ts';

const responseFormat = z.union(
  [
    z.looseObject({
      type: z.literal('json_schema'),
      json_schema: z.object({
        name: z.string(),
        description: z.string().nullish(),
        schema: z.record(z.string(), z.unknown()).nullish(),
        strict: z.boolean().nullish(),
      }),
    }),
    // Some providers have further types, and further fields in these two.
    z.looseObject({ type: z.string().refine((type) => type !== 'json_schema') }),
  ],
  'expected an object with a type, and for `json_schema` a `json_schema` that has a name',
);

const toolChoice = z.union(
  [
    z.enum(['auto', 'none', 'required']),
    z.object({ type: z.literal('function'), function: z.object({ name: z.string() }) }),
    z.looseObject({ type: z.string() }),
  ],
  'expected auto, none, required, or an object that names a function',
);

/**
 * The fields of a chat completion request that the gateway reads (OpenAI API description,
 * `CreateChatCompletionRequest`).
 */
const shape = {
  ...sharedShape,
  messages: z.array(z.unknown()).meta({
    description: 'New messages, or the full history. In a session, known messages are recognised.',
    items: { $ref: '#/components/schemas/ChatMessage' },
  }),
  stream_options: z
    .looseObject({ include_usage: z.boolean().nullish() })
    .nullish()
    .describe('`include_usage`: the last chunk has the usage.'),
  max_tokens: count(1, 1e9).describe('The older name of `max_completion_tokens`.'),
  max_completion_tokens: count(1, 1e9).describe('The most tokens of the answer, with reasoning.'),
  stop: z
    .union([z.string(), z.array(z.string()).max(16)], 'expected a string or an array of at most 16 strings')
    .nullish()
    .describe('Texts at which the answer stops.'),
  seed: z
    .int()
    .nullish()
    .describe('Requests with the same seed get similar answers, if the provider supports it.'),
  logprobs: z.boolean().nullish().describe('Whether tokens have log probabilities.'),
  n: count(1, 128).describe('How many answers. Only the first one is part of a session.'),
  tool_choice: toolChoice.nullish().describe('Whether the model must call a tool, and which one.'),
  response_format: responseFormat.nullish().describe('The form of the answer, such as a JSON Schema.'),
  reasoning_effort: z.string().nullish().describe('How much the model reasons.'),
  verbosity: z.string().nullish().describe('How long answers are.'),
  conversation: conversationField,
  session_id: z.unknown().optional().meta({
    description: 'Names the session, if no header and no `conversation` names one.',
    type: 'string',
  }),
};

export const chatRequest = published('ChatCompletionRequest', z.looseObject(shape));
const checked = bodyCheck(chatRequest);
type Body = ReturnType<typeof checked>;
const KNOWN = new Set(Object.keys(shape));

/** Fields of the Responses API. Some providers have fields of the same names beside `messages`. */
const RESPONSE_FIELDS: ReadonlyMap<string, string> = new Map([['input', 'messages']]);
const RESPONSE_SETTINGS: ReadonlyMap<string, string> = new Map([
  ['max_output_tokens', 'max_completion_tokens'],
  ['previous_response_id', 'conversation'],
]);

/**
 * A chat completion request as an ask. It is kept in a session, and where it says `store`. Without `store`, it is
 * fetched by its id and not listed; where it says `store: false`, it is not fetched by its id.
 */
export function parseChat(raw: Record<string, unknown>, context: ParseContext): ParsedAsk {
  if (raw.messages === undefined) refuseForeign(raw, RESPONSE_FIELDS, 'The chat completions API');
  refuseForeign(raw, RESPONSE_SETTINGS, 'The chat completions API');
  const body = checked(raw);
  const { items, natives } = parseMessages(body.messages);
  const state = stateOf(body, context, isFullHistory(items));
  return {
    ...modelsOf(body),
    input: items,
    inputNatives: natives,
    settings: settingsOf(body),
    extra: unknownFields(raw, KNOWN),
    // A stream that is replayed ends as the first one did.
    echo: body.stream_options?.include_usage ? { include_usage: true } : undefined,
    metadata: body.metadata ?? {},
    state,
    retention: retentionOf(body.store, state, 'listed'),
    delivery: body.stream ? 'stream' : 'whole',
    defaultContext: 'auto',
  };
}

/**
 * `prompt_cache_key` comes last and only for requests that bring their full history: applications share
 * one key among their users, and nothing may be appended to a session on such a guess.
 */
function stateOf(body: Body, { headers, caller }: ParseContext, fullHistory: boolean): AskedState {
  const conversation = conversationRef(body.conversation);
  const named =
    sessionFromHeaders(headers) ??
    conversation ??
    (body.session_id === undefined || body.session_id === null
      ? undefined
      : sessionRef(body.session_id, 'session_id')) ??
    (fullHistory && body.prompt_cache_key
      ? sessionRef(body.prompt_cache_key, 'prompt_cache_key')
      : undefined);
  if (!named) return unnamedState(headers, caller);
  const line = conversation ? undefined : lineWish(headers);
  return { kind: 'session', ref: named, create: true, history: true, line };
}

function settingsOf(body: Body): Settings {
  return settingsFrom(body, {
    max_output_tokens: present(body.max_completion_tokens ?? body.max_tokens),
    stop: typeof body.stop === 'string' ? [body.stop] : present(body.stop),
    seed: present(body.seed),
    top_logprobs: body.logprobs ? (body.top_logprobs ?? 0) : undefined,
    n: present(body.n),
    tools: body.tools?.map(toTool),
    tool_choice: body.tool_choice ? toToolChoice(body.tool_choice) : undefined,
    format: body.response_format ? toFormat(body.response_format) : undefined,
    verbosity: present(body.verbosity),
    reasoning: body.reasoning_effort ? { effort: body.reasoning_effort } : undefined,
  });
}

function toFormat(format: NonNullable<Body['response_format']>): TextFormat {
  if (!('json_schema' in format && format.type === 'json_schema')) return format as TextFormat;
  const { schema: inner, ...rest } = format.json_schema as { name: string; schema?: Record<string, unknown> };
  return { type: 'json_schema', ...rest, schema: inner ?? {} };
}

/** Chat messages as items, and by index the message fields that an item does not hold. */
interface ParsedMessages {
  items: Item[];
  natives?: Record<number, unknown>;
}

/** Translates `messages` (OpenAI API description, `ChatCompletionRequestMessage`). */
function parseMessages(messages: unknown): ParsedMessages {
  if (!Array.isArray(messages) || messages.length === 0)
    throw invalid('messages', 'a non-empty array of messages');
  const items: Item[] = [];
  const natives: Record<number, unknown> = {};
  messages.forEach((message: unknown, index) => {
    let at = items.length;
    const native = parseMessage(message, `messages[${index}]`, { items, natives });
    const kept = native && some(withoutSeals(native));
    // Reasoning has none of the message's fields.
    while (items[at]?.type === 'reasoning') at++;
    if (kept && items.length > at) natives[at] = { ...kept, ...(natives[at] as Native) };
  });
  return { items, natives: Object.keys(natives).length > 0 ? natives : undefined };
}

export const MESSAGE_ROLES: readonly string[] = ['system', 'developer', 'user', 'assistant', 'tool'];

/** Stands for a stored item or a value, as in the Responses API; OpenAI's chat completions have none. */
const REFERENCE: Shape = { texts: ['id'] };

type Native = Record<string, unknown> | undefined;

/** Adds the message's items; returns the fields that they do not hold. */
export function parseMessage(message: unknown, param: string, parsed: Required<ParsedMessages>): Native {
  if (!isObject(message)) throw invalid(param, 'a message object');
  const { items } = parsed;
  if (message.role === undefined && message.type === 'item_reference') {
    requireShape(message, REFERENCE, param);
    items.push(message as unknown as Item);
    return undefined;
  }
  switch (message.role) {
    case 'user':
    case 'system':
    case 'developer': {
      const { role, content, ...native } = message;
      items.push({
        type: 'message',
        role,
        content: parseContent(content, `${param}.content`, 'input_text'),
      } as Item);
      return some(native);
    }
    case 'assistant':
      return parseAssistant(message, param, parsed);
    case 'tool': {
      const { role: _, tool_call_id, content, ...native } = message;
      if (typeof tool_call_id !== 'string') throw invalid(`${param}.tool_call_id`, 'the id of a tool call');
      const output =
        typeof content === 'string' ? content : parseContent(content, `${param}.content`, 'input_text');
      items.push({
        type: 'function_call_output',
        call_id: tool_call_id,
        output,
      } satisfies FunctionCallOutput);
      return some(native);
    }
    default:
      throw invalid(`${param}.role`, `one of ${MESSAGE_ROLES.join(', ')}`);
  }
}

function parseAssistant(
  message: Record<string, unknown>,
  param: string,
  { items, natives }: Required<ParsedMessages>,
): Native {
  const { role: _, content, refusal, images: _images, tool_calls, ...fields } = message;
  const returned = Array.isArray(fields.reasoning_details)
    ? takeReasoning(fields, callIdsOf(tool_calls))
    : undefined;
  const native = returned?.rest ?? fields;
  items.push(...(returned?.thoughts.get('') ?? []));
  const parts =
    content === null || content === undefined || content === ''
      ? []
      : parseContent(content, `${param}.content`, 'output_text');
  if (typeof refusal === 'string' && refusal !== '') parts.push({ type: 'refusal', refusal });
  const images = parseImages(message.images, `${param}.images`);
  const hasCalls = tool_calls !== undefined && tool_calls !== null;
  // A message of the model without content and calls may be an answer that was empty for this client. It stays,
  // because it shows that the messages are a whole history.
  if (parts.length > 0 || !(hasCalls || images.length > 0))
    items.push({ type: 'message', role: 'assistant', content: parts });
  items.push(...images);
  if (!hasCalls) return some(native);
  if (!Array.isArray(tool_calls)) throw invalid(`${param}.tool_calls`, 'an array of tool calls');
  tool_calls.forEach((call: unknown, index) => {
    const item = parseToolCall(call, `${param}.tool_calls[${index}]`);
    const {
      id: _,
      type: __,
      function: ___,
      custom: ____,
      index: _____,
      ...further
    } = call as Record<string, unknown>;
    items.push(...(returned?.thoughts.get((item as { call_id: string }).call_id) ?? []));
    const kept = some(withoutSeals(further));
    if (kept) natives[items.length] = { tool_call: kept };
    items.push(item);
  });
  return some(native);
}

/** Images that a model generated, as an answer has them. */
function parseImages(images: unknown, param: string): Item[] {
  if (images === undefined || images === null) return [];
  if (!Array.isArray(images)) throw invalid(param, 'an array of images');
  return images.map((image: unknown, index) => {
    const { image_url } = (isObject(image) ? image : {}) as { image_url?: unknown };
    const url = isObject(image_url) ? image_url.url : image_url;
    const path = `${param}[${index}].image_url`;
    if (typeof url === 'string') return generatedImageAt(checkedUrl(url, path));
    throw invalid(path, 'an object with a url');
  });
}

const callIdsOf = (calls: unknown): ReadonlySet<unknown> =>
  new Set(Array.isArray(calls) ? calls.map((call) => isObject(call) && call.id) : []);

function parseToolCall(call: unknown, param: string): Item {
  if (!isObject(call) || typeof call.id !== 'string') throw invalid(param, 'a tool call with an id');
  if (call.type === 'custom' && isObject(call.custom)) {
    const { name, input } = call.custom;
    requireShape(call.custom, { texts: ['name', 'input'] }, `${param}.custom`);
    return { type: 'custom_tool_call', call_id: call.id, name, input } as unknown as Item;
  }
  const { function: called } = call;
  if (!isObject(called) || typeof called.name !== 'string' || typeof called.arguments !== 'string') {
    throw invalid(`${param}.function`, 'an object with a name and arguments, both strings');
  }
  return { type: 'function_call', call_id: call.id, name: called.name, arguments: called.arguments };
}

function parseContent(content: unknown, param: string, text: 'input_text' | 'output_text'): Part[] {
  if (typeof content === 'string') return [textPart(content, text)];
  if (!Array.isArray(content)) throw invalid(param, 'a string or an array of content parts');
  return content.map((part: unknown, index) => parsePart(part, `${param}[${index}]`, text));
}

function textPart(value: string, type: 'input_text' | 'output_text'): Part {
  return type === 'input_text' ? { type, text: value } : { type, text: value, annotations: [] };
}

/** The parts whose fields are checked. `image_url` may be a URL instead of an object. */
export const PART_SHAPES: ReadonlyMap<string, Shape> = new Map([
  ['text', { texts: ['text'] }],
  ['refusal', { texts: ['refusal'] }],
  ['file', { inside: { file: FILE } }],
  ['input_audio', AUDIO],
]);
export const IMAGE_URL: Shape = { texts: ['url'], optional: ['detail'] };

/** A part's own further fields stay on it. Some clients send parts of the Responses API. */
function parsePart(part: unknown, param: string, text: 'input_text' | 'output_text'): Part {
  if (!isObject(part) || typeof part.type !== 'string') throw invalid(param, 'a content part with a type');
  const shape = PART_SHAPES.get(part.type) ?? CANONICAL_PARTS.get(part.type);
  if (shape) requireShape(part, shape, param);
  switch (part.type) {
    case 'text':
    case 'input_text':
    case 'output_text':
      return { ...part, ...textPart(part.text as string, text) };
    case 'refusal':
      return { type: 'refusal', refusal: part.refusal as string };
    case 'image_url':
      return parseImage(part, param);
    case 'file':
      return parseFile(part, param);
    default:
      return withCheckedMedia(part as unknown as OtherPart, param);
  }
}

function parseImage({ image_url, type: _, ...rest }: Record<string, unknown>, param: string): Part {
  const image = typeof image_url === 'string' ? { url: image_url } : image_url;
  requireShape({ image_url: image }, { inside: { image_url: IMAGE_URL } }, param);
  const { url, detail } = image as { url: string; detail?: unknown };
  if (url === '') throw invalid(`${param}.image_url`, 'a URL that is not empty');
  const path = image === image_url ? `${param}.image_url.url` : `${param}.image_url`;
  return {
    ...rest,
    type: 'input_image',
    image_url: checkedUrl(url, path),
    ...(typeof detail === 'string' && { detail }),
  } as Part;
}

function parseFile({ file, type: _, ...rest }: Record<string, unknown>, param: string): Part {
  return withCheckedMedia({ ...rest, ...(file as object), type: 'input_file' }, `${param}.file`);
}

const some = (fields: Record<string, unknown>): Native =>
  Object.keys(fields).length > 0 ? fields : undefined;
