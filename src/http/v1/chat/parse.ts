import { z } from 'zod';
import {
  type FunctionCallOutput,
  type Item,
  isFullHistory,
  type OtherPart,
  type Part,
} from '../../../core/items.ts';
import type { Settings, TextFormat } from '../../../core/settings.ts';
import type { Retention, StateRef } from '../../../core/turn.ts';
import type { ParseContext, ParsedAsk } from '../../dialect.ts';
import {
  count,
  FILE_PART,
  invalid,
  isRecord,
  modelsOf,
  present,
  requireContent,
  settingsFrom,
  sharedShape,
  unknownFields,
  validate,
} from '../fields.ts';
import { conversationRef, lineWish, sessionFromHeaders, sessionRef } from '../request.ts';
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

/** The fields of a chat completion request that the gateway reads (OpenAI API description, `CreateChatCompletionRequest`). */
const shape = {
  ...sharedShape,
  messages: z.array(z.unknown()),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: count(1, 1e9),
  max_completion_tokens: count(1, 1e9),
  stop: z
    .union([z.string(), z.array(z.string()).max(16)], 'expected a string or an array of at most 16 strings')
    .nullish(),
  seed: z.int().nullish(),
  logprobs: z.boolean().nullish(),
  n: count(1, 128),
  tool_choice: toolChoice.nullish(),
  response_format: responseFormat.nullish(),
  reasoning_effort: z.string().nullish(),
  verbosity: z.string().nullish(),
  conversation: z.unknown().optional(),
  session_id: z.unknown().optional(),
};

const schema = z.looseObject(shape);
type Body = z.output<typeof schema>;
const KNOWN = new Set(Object.keys(shape));

/**
 * A chat completion request as an ask. It is kept in a session, and where it says `store`. Without `store`, it is
 * fetched by its id and not listed; where it says `store: false`, it is not fetched by its id.
 */
export function parseChat(raw: Record<string, unknown>, { headers, overflow }: ParseContext): ParsedAsk {
  const body = validate(schema, raw);
  const { items, natives } = parseMessages(body.messages);
  const state = stateOf(body, headers, isFullHistory(items));
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
    retention: retentionOf(body, state),
    delivery: body.stream ? 'stream' : 'whole',
    overflow,
  };
}

function retentionOf({ store }: Body, state: StateRef): Retention {
  if (store) return 'listed';
  if (state.kind === 'none') return 'none';
  return store === false ? 'session' : 'stored';
}

/**
 * `prompt_cache_key` comes last and only for requests that bring their full history: applications share
 * one key among their users, and nothing may be appended to a session on such a guess.
 */
function stateOf(body: Body, headers: Headers, fullHistory: boolean): StateRef {
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
  if (!named) return { kind: 'none' };
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
    const at = items.length;
    const native = parseMessage(message, `messages[${index}]`, { items, natives });
    if (native && items.length > at) natives[at] = { ...native, ...(natives[at] as Native) };
  });
  return { items, natives: Object.keys(natives).length > 0 ? natives : undefined };
}

type Native = Record<string, unknown> | undefined;

/** Adds the message's items; returns the fields that they do not hold. */
function parseMessage(message: unknown, param: string, parsed: Required<ParsedMessages>): Native {
  if (!isRecord(message)) throw invalid(param, 'a message object');
  const { items } = parsed;
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
      throw invalid(`${param}.role`, 'one of system, developer, user, assistant, tool');
  }
}

function parseAssistant(
  message: Record<string, unknown>,
  param: string,
  { items, natives }: Required<ParsedMessages>,
): Native {
  const { role: _, content, refusal, tool_calls, ...native } = message;
  const parts =
    content === null || content === undefined || content === ''
      ? []
      : parseContent(content, `${param}.content`, 'output_text');
  if (typeof refusal === 'string' && refusal !== '') parts.push({ type: 'refusal', refusal });
  const hasCalls = tool_calls !== undefined && tool_calls !== null;
  // An answer may have been empty for this client. It still says that the messages are a whole history.
  if (parts.length > 0 || !hasCalls) items.push({ type: 'message', role: 'assistant', content: parts });
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
    if (some(further)) natives[items.length] = { tool_call: further };
    items.push(item);
  });
  return some(native);
}

function parseToolCall(call: unknown, param: string): Item {
  if (!isRecord(call) || typeof call.id !== 'string') throw invalid(param, 'a tool call with an id');
  if (call.type === 'custom' && isRecord(call.custom)) {
    const { name, input } = call.custom;
    return { type: 'custom_tool_call', call_id: call.id, name, input } as unknown as Item;
  }
  const { function: called } = call;
  if (!isRecord(called) || typeof called.name !== 'string' || typeof called.arguments !== 'string') {
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

/** A part's own further fields stay on it. */
function parsePart(part: unknown, param: string, text: 'input_text' | 'output_text'): Part {
  if (!isRecord(part) || typeof part.type !== 'string') throw invalid(param, 'a content part with a type');
  switch (part.type) {
    case 'text':
      if (typeof part.text !== 'string') throw invalid(`${param}.text`, 'a string');
      return { ...part, ...textPart(part.text, text) };
    case 'refusal':
      if (typeof part.refusal !== 'string') throw invalid(`${param}.refusal`, 'a string');
      return { type: 'refusal', refusal: part.refusal };
    case 'image_url':
      return parseImage(part, param);
    case 'file':
      return parseFile(part, param);
    case 'input_audio':
      if (
        !isRecord(part.input_audio) ||
        typeof part.input_audio.data !== 'string' ||
        typeof part.input_audio.format !== 'string'
      ) {
        throw invalid(`${param}.input_audio`, 'an object with data and format');
      }
      return part as unknown as Part;
    default:
      return part as unknown as OtherPart;
  }
}

function parseImage({ image_url, type: _, ...rest }: Record<string, unknown>, param: string): Part {
  const image = typeof image_url === 'string' ? { url: image_url } : image_url;
  if (!isRecord(image) || typeof image.url !== 'string')
    throw invalid(`${param}.image_url`, 'an object with a url');
  const { url, detail } = image;
  return {
    ...rest,
    type: 'input_image',
    image_url: url,
    ...(typeof detail === 'string' && { detail }),
  } as Part;
}

function parseFile({ file, type: _, ...rest }: Record<string, unknown>, param: string): Part {
  if (!isRecord(file)) throw invalid(`${param}.file`, 'an object with file_data or file_id');
  requireContent(file, FILE_PART, `${param}.file`);
  return { ...rest, ...file, type: 'input_file' } as Part;
}

const some = (fields: Record<string, unknown>): Native =>
  Object.keys(fields).length > 0 ? fields : undefined;
