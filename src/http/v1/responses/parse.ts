import { z } from 'zod';
import type { ContextPolicy } from '../../../core/context-policy.ts';
import { Fault } from '../../../core/errors.ts';
import { parseAnyTurnId } from '../../../core/ids.ts';
import type { Item } from '../../../core/items.ts';
import type { Settings, TextFormat, ToolChoice } from '../../../core/settings.ts';
import { type AskedState, type Delivery, namesSession } from '../../../core/turn.ts';
import type { ParseContext, ParsedAsk } from '../../dialect.ts';
import { published } from '../../published.ts';
import { parseItems } from '../canonical-items.ts';
import { toTool } from '../canonical-tools.ts';
import {
  bodyCheck,
  count,
  modelsOf,
  present,
  refuseForeign,
  settingsFrom,
  sharedShape,
  unknownFields,
} from '../fields.ts';
import {
  conversationField,
  conversationRef,
  lineWish,
  sessionFromHeaders,
  unnamedState,
} from '../request.ts';

/** The fields of a response request that the gateway reads (Open Responses, `CreateResponseBody`). */
const shape = {
  ...sharedShape,
  input: z
    .unknown()
    .optional()
    .meta({
      description: 'A text, or items. In a session that a header names, also the full history.',
      anyOf: [
        { type: 'string' },
        { type: 'array', items: { $ref: '#/components/schemas/InputItem' } },
        { type: 'null' },
      ],
    }),
  instructions: z.string().nullish().describe('Instructions for this turn alone, before all items.'),
  previous_response_id: z.string().nullish().describe('The response that this one continues.'),
  conversation: conversationField,
  background: z
    .boolean()
    .nullish()
    .describe('The turn runs without its client; its answer is fetched later.'),
  truncation: z
    .enum(['auto', 'disabled'])
    .nullish()
    .describe('If the history does not fit: leave out the oldest turns, or refuse the request.'),
  max_output_tokens: count(1, 1e9).describe('The most tokens of the answer, with reasoning.'),
  max_tool_calls: count(1, 1e9).describe('The most calls of tools that the provider runs.'),
  tool_choice: z
    .union(
      [z.string(), z.looseObject({ type: z.string(), mode: z.string().nullish() })],
      'expected a string, or an object with a type',
    )
    .nullish()
    .describe('Whether the model must call a tool, and which one.'),
  text: z
    .looseObject({ format: z.looseObject({ type: z.string() }).nullish(), verbosity: z.string().nullish() })
    .nullish()
    .describe('`format`: the form of the answer, such as a JSON Schema; `verbosity`: how long it is.'),
  reasoning: z
    .looseObject({ effort: z.string().nullish(), summary: z.string().nullish() })
    .nullish()
    .describe('`effort`: how much the model reasons; `summary`: whether its thoughts are summarised.'),
  stream_options: z
    .unknown()
    .optional()
    .describe('Has no effect: streams always have the usage at their end.'),
};

export const responseRequest = published('ResponseRequest', z.looseObject(shape));
const checked = bodyCheck(responseRequest);
type Body = ReturnType<typeof checked>;
const TEXT_FIELDS = new Set(['format', 'verbosity']);
const REASONING_FIELDS = new Set(['effort', 'summary']);

/** Fields that a response repeats, and that only a provider of this dialect acts on. */
const ECHOED = ['max_tool_calls', 'include', 'user'] as const;
/** Fields that become something of our own; all others travel as they are. */
const KNOWN = new Set(Object.keys(shape).filter((field) => field !== 'max_tool_calls'));

/** Fields of chat completions, with the replacement that OpenAI's Responses API names when it refuses them. */
const CHAT_MESSAGES: ReadonlyMap<string, string> = new Map([['messages', 'input']]);
const CHAT_SETTINGS: ReadonlyMap<string, string> = new Map([
  ['max_tokens', 'max_output_tokens'],
  ['max_completion_tokens', 'max_output_tokens'],
  ['response_format', 'text.format'],
  ['reasoning_effort', 'reasoning.effort'],
  ['verbosity', 'text.verbosity'],
]);

export function parseResponseRequest(raw: Record<string, unknown>, context: ParseContext): ParsedAsk {
  if (raw.input === undefined) refuseForeign(raw, CHAT_MESSAGES, 'The Responses API');
  refuseForeign(raw, CHAT_SETTINGS, 'The Responses API');
  const body = checked(raw);
  const input = parseInput(body.input);
  const state = stateOf(body, context);
  const store = body.store ?? true;
  if (body.background && !store) {
    throw new Fault('invalid_request', '`background` needs `store`: its answer has to be fetched later.', {
      param: 'background',
    });
  }
  return {
    ...modelsOf(body),
    input,
    instructions: present(body.instructions),
    settings: settingsOf(body),
    extra: extraOf(raw, body),
    echo: echoOf(raw, body),
    metadata: body.metadata ?? {},
    state,
    retention: store ? 'stored' : namesSession(state) ? 'session' : 'none',
    delivery: deliveryOf(body),
    context: contextOf(body),
    defaultContext: 'full',
  };
}

/** OpenAI's default is `disabled`. Where it is not sent, an operator may have another default. */
function contextOf({ truncation }: Body): ContextPolicy | undefined {
  if (truncation === undefined || truncation === null) return undefined;
  return truncation === 'auto' ? 'auto' : 'full';
}

function deliveryOf({ stream, background }: Body): Delivery {
  if (background) return stream ? 'background-stream' : 'background';
  return stream ? 'stream' : 'whole';
}

/** Unknown fields, also those inside `text` and `reasoning`. */
function extraOf(raw: Record<string, unknown>, body: Body): Record<string, unknown> {
  const extra = unknownFields(raw, KNOWN);
  const text = unknownFields(body.text ?? {}, TEXT_FIELDS);
  const reasoning = unknownFields(body.reasoning ?? {}, REASONING_FIELDS);
  if (Object.keys(text).length > 0) extra.text = text;
  if (Object.keys(reasoning).length > 0) extra.reasoning = reasoning;
  return extra;
}

function echoOf(raw: Record<string, unknown>, body: Body): Record<string, unknown> | undefined {
  const echo: Record<string, unknown> = {};
  for (const field of ECHOED) if (raw[field] !== undefined && raw[field] !== null) echo[field] = raw[field];
  if (body.truncation === 'auto') echo.truncation = 'auto';
  if (body.background) echo.background = true;
  if (body.previous_response_id) echo.previous_response_id = body.previous_response_id;
  return Object.keys(echo).length > 0 ? echo : undefined;
}

function stateOf(body: Body, { headers, caller }: ParseContext): AskedState {
  const previous = body.previous_response_id;
  if (previous) {
    if (body.conversation !== undefined && body.conversation !== null) {
      throw new Fault('conflicting_state', 'Both `conversation` and `previous_response_id` were sent.', {
        param: 'previous_response_id',
      });
    }
    const id = parseAnyTurnId(previous);
    if (id) return { kind: 'response', id, within: sessionFromHeaders(headers) };
    throw new Fault('previous_response_not_found', `Previous response with id '${previous}' not found.`, {
      param: 'previous_response_id',
    });
  }
  const conversation = conversationRef(body.conversation);
  // `conversation` must exist, as in OpenAI's API; a header may name a session that is created.
  const header = sessionFromHeaders(headers);
  if (header) {
    const line = conversation ? undefined : lineWish(headers);
    return { kind: 'session', ref: header, create: true, history: true, line };
  }
  if (conversation) return { kind: 'session', ref: conversation, create: false, history: false };
  return unnamedState(headers, caller);
}

function settingsOf(body: Body): Settings {
  return settingsFrom(body, {
    max_output_tokens: present(body.max_output_tokens),
    top_logprobs: body.top_logprobs ? body.top_logprobs : undefined,
    tools: body.tools?.map(toTool),
    tool_choice: present(body.tool_choice) as ToolChoice | undefined,
    format: present(body.text?.format) as TextFormat | undefined,
    verbosity: present(body.text?.verbosity),
    reasoning: reasoningOf(body.reasoning),
  });
}

function reasoningOf(reasoning: Body['reasoning']): Settings['reasoning'] {
  if (!reasoning?.effort && !reasoning?.summary) return undefined;
  return { effort: present(reasoning.effort), summary: present(reasoning.summary) };
}

/** `input`: a text, or items (Open Responses, `ItemParam`). Kinds that we do not know are kept as they are. */
function parseInput(input: unknown): Item[] {
  if (typeof input === 'string')
    return [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: input }] }];
  if (input === undefined || input === null) return [];
  return parseItems(input, 'input');
}
