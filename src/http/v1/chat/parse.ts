import { z } from 'zod';
import type { OtherType } from '../../../core/items.ts';
import type { Settings, TextFormat, Tool, ToolChoice } from '../../../core/settings.ts';
import type { Caller, StateRef } from '../../../core/turn.ts';
import { isFullHistory } from '../../../session/history.ts';
import type { Ask } from '../../../turn/ask.ts';
import {
  count,
  invalid,
  modelsOf,
  present,
  settingsFrom,
  sharedShape,
  unknownFields,
  validate,
} from '../fields.ts';
import { policyOf } from '../policy.ts';
import { conversationRef, sessionFromHeaders, sessionRef } from '../request-state.ts';
import { parseMessages } from './messages.ts';

const functionTool = z.object({
  type: z.literal('function'),
  function: z.object({
    name: z.string().min(1).max(64),
    description: z.string().nullish(),
    parameters: z.record(z.string(), z.unknown()).nullish(),
    strict: z.boolean().nullish(),
  }),
});

const responseFormat = z.union(
  [
    z.object({ type: z.enum(['text', 'json_object']) }),
    z.object({
      type: z.literal('json_schema'),
      json_schema: z.object({
        name: z.string(),
        description: z.string().nullish(),
        schema: z.record(z.string(), z.unknown()).nullish(),
        strict: z.boolean().nullish(),
      }),
    }),
  ],
  'expected `text`, `json_object`, or `json_schema` with a `json_schema` that has a name',
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

export interface ChatAsk extends Ask {
  /** The stream should end with a chunk of usage. */
  includeUsage: boolean;
}

export function parseChat(
  raw: Record<string, unknown>,
  headers: Headers,
  caller: Caller,
  overflow: Ask['overflow'],
): ChatAsk {
  const body = validate(schema, raw);
  const { items, natives } = parseMessages(body.messages);
  const state = stateOf(body, headers, isFullHistory(items));
  const keep = state.kind !== 'none' || body.store === true;
  return {
    dialect: 'chat',
    ...modelsOf(body),
    items,
    natives,
    settings: settingsOf(body),
    extra: unknownFields(raw, KNOWN),
    metadata: body.metadata ?? {},
    state,
    keep,
    shown: keep,
    listed: body.store === true,
    stream: body.stream ?? false,
    background: false,
    overflow,
    policy: policyOf(headers, caller, 'chat'),
    includeUsage: body.stream_options?.include_usage ?? false,
  };
}

/**
 * `prompt_cache_key` comes last and only for requests that bring their full history: applications share
 * one key among their users, and nothing may be appended to a session on such a guess.
 */
function stateOf(body: Body, headers: Headers, fullHistory: boolean): StateRef {
  const named =
    sessionFromHeaders(headers) ??
    conversationRef(body.conversation) ??
    (body.session_id === undefined || body.session_id === null
      ? undefined
      : sessionRef(body.session_id, 'session_id')) ??
    (fullHistory && body.prompt_cache_key
      ? sessionRef(body.prompt_cache_key, 'prompt_cache_key')
      : undefined);
  return named ? { kind: 'session', ref: named, create: true, history: true } : { kind: 'none' };
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

type ChatTool = NonNullable<Body['tools']>[number];

/** A tool of a kind that we do not know is the provider's to judge; a function must be one. */
function toTool(tool: ChatTool, index: number): Tool {
  if (tool.type !== 'function') return tool as Tool & { type: OtherType };
  const parsed = functionTool.safeParse(tool);
  if (!parsed.success)
    throw invalid(`tools[${index}].function`, 'an object with a name of 1 to 64 characters');
  return { type: 'function', ...parsed.data.function };
}

function toToolChoice(choice: NonNullable<Body['tool_choice']>): ToolChoice {
  if (typeof choice === 'string') return choice;
  const { type } = choice;
  const called = (choice as { function?: { name: string } }).function;
  return type === 'function' && called ? { type: 'function', name: called.name } : (choice as ToolChoice);
}

function toFormat(format: NonNullable<Body['response_format']>): TextFormat {
  if (format.type !== 'json_schema') return { type: format.type };
  const { schema: inner, ...rest } = format.json_schema;
  return { type: 'json_schema', ...rest, schema: inner ?? {} };
}
