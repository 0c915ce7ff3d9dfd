import { z } from 'zod';
import type { Settings, TextFormat } from '../../../core/settings.ts';
import type { AskedState, LineWish, SessionRef } from '../../../core/turn.ts';
import type { ParseContext, ParsedAsk } from '../../dialect.ts';
import { published } from '../../published.ts';
import { bodyCheck, count, modelsOf, present, sharedShape, unknownFields, validate } from '../fields.ts';
import { lineWish, retentionOf, sessionFromHeaders, sessionRef, unnamedState } from '../request.ts';
import { ANTHROPIC_BETA } from '../request-headers.ts';
import { parseMessages, systemItems } from './items.ts';
import { type NamedUser, namedUser } from './session.ts';
import { toToolChoice, toTools } from './tools.ts';

const share = z
  .number({ error: 'expected a number from 0 to 1' })
  .min(0, { error: 'expected a number from 0 to 1' })
  .max(1, { error: 'expected a number from 0 to 1' })
  .nullish();

const thinking = z
  .looseObject({
    type: z.string(),
    budget_tokens: count(1, 1e9),
    display: z.string().nullish(),
  })
  .nullish();

const outputFormat = z
  .looseObject({
    type: z.literal('json_schema', { error: 'expected json_schema' }),
    schema: z.record(z.string(), z.unknown(), { error: 'expected a JSON Schema' }),
  })
  .nullish();

/** The fields of a request for a message that the gateway reads (platform.claude.com, "Create a Message"). */
const shape = {
  model: sharedShape.model,
  models: sharedShape.models,
  provider: sharedShape.provider,
  messages: z
    .array(z.unknown(), { error: 'expected a non-empty array of messages' })
    .min(1, { error: 'expected a non-empty array of messages' })
    .meta({
      description: 'New messages, or the full history. In a session, known messages are recognised.',
      items: { $ref: '#/components/schemas/AnthropicMessage' },
    }),
  system: z
    .union([z.string(), z.array(z.looseObject({ type: z.literal('text'), text: z.string() }))], {
      error: 'expected a string or an array of text blocks',
    })
    .nullish()
    .describe('Instructions: a text, or blocks of text.'),
  max_tokens: count(1, 1e9).describe(
    "The most tokens of the answer, with thinking. Absent: the model's limit.",
  ),
  stream: sharedShape.stream,
  store: sharedShape.store,
  temperature: share.describe('How random the answer is.'),
  top_p: share.describe('Only the most probable tokens, up to this sum of probabilities.'),
  stop_sequences: z
    .array(z.string(), { error: 'expected an array of at most 64 strings' })
    .max(64, { error: 'expected an array of at most 64 strings' })
    .nullish()
    .describe('Texts at which the answer stops.'),
  tools: z
    .array(z.looseObject({ name: z.string().nullish(), type: z.string().nullish() }))
    .nullish()
    .describe(
      'The tools that the model may call. Types that a provider lacks are translated, or the next model is asked.',
    ),
  tool_choice: z
    .looseObject({
      type: z.string(),
      name: z.string().nullish(),
      disable_parallel_tool_use: z.boolean().nullish(),
    })
    .nullish()
    .describe('Whether the model must call a tool, and which one.'),
  thinking: thinking.describe('Whether the model thinks: `enabled` with a budget, `adaptive` or `disabled`.'),
  output_config: z
    .looseObject({ effort: z.string().nullish(), format: outputFormat })
    .nullish()
    .describe('`effort`: how much the model thinks; `format`: the form of the answer, a JSON Schema.'),
  output_format: outputFormat.describe('The older name of `output_config.format`.'),
  metadata: z
    .looseObject({ user_id: z.string().nullish() })
    .nullish()
    .describe('`user_id`: the user, for the provider. That of Claude Code names a session.'),
  service_tier: z.string().nullish().describe('`auto`, or `standard_only`.'),
  cache_control: z
    .looseObject({ type: z.string() })
    .nullish()
    .describe('The provider sets the cache marks itself.'),
};

export const messageRequest = published('MessageRequest', z.looseObject(shape));
const checked = bodyCheck(messageRequest);
type Body = ReturnType<typeof checked>;

const KNOWN = new Set(Object.keys(shape));
/** Fields that `Settings` have a part of, or that change no answer. The provider gets them as they came. */
const VERBATIM = [
  'thinking',
  'output_config',
  'output_format',
  'metadata',
  'service_tier',
  'cache_control',
] as const;
/** Without these, the model would lack tools or files of the request. */
const NEEDED = ['mcp_servers', 'container'] as const;

/**
 * A request for a message as an ask. It is kept in a session, and where it says `store`. Where it says
 * `store: false`, it is not fetched by its id.
 */
export function parseMessageRequest(raw: Record<string, unknown>, context: ParseContext): ParsedAsk {
  const { headers } = context;
  const body = checked(raw);
  const system = systemItems(body.system);
  const { items, natives } = parseMessages(body.messages, system);
  const userId = body.metadata?.user_id;
  const named = userId ? namedUser(userId) : undefined;
  const state = stateOf(body, named, context);
  const extra = extraOf(raw, headers);
  const needed = NEEDED.filter((field) => isGiven(extra[field]));
  const fallbacks = ownFallbacks(extra);
  return {
    ...modelsOf({ ...body, fallbacks }),
    input: items,
    inputNatives: natives,
    settings: settingsOf(body, named?.user),
    extra,
    verbatim: verbatimOf(body),
    ...(needed.length > 0 && { needed }),
    metadata: {},
    state,
    retention: retentionOf(body.store, state),
    delivery: body.stream ? 'stream' : 'whole',
    defaultContext: 'auto',
  };
}

const isGiven = (value: unknown): boolean =>
  value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);

/** `fallbacks` is a field of Anthropic's API, too. A list of names is ours. */
function ownFallbacks(extra: Record<string, unknown>): string[] | undefined {
  const { fallbacks } = extra;
  if (!Array.isArray(fallbacks) || !fallbacks.every((name) => typeof name === 'string')) return undefined;
  const names = validate(z.object({ fallbacks: sharedShape.fallbacks }), { fallbacks }).fallbacks;
  delete extra.fallbacks;
  return names ?? undefined;
}

/** Beta features are named in a header; SDKs take them as the field `betas`. */
function extraOf(raw: Record<string, unknown>, headers: Headers): Record<string, unknown> {
  const extra = unknownFields(raw, KNOWN);
  for (const field in extra) if (extra[field] === null) delete extra[field];
  const header = headers.get(ANTHROPIC_BETA.name);
  if (!header) return extra;
  const named = header.split(',').map((name) => name.trim());
  const betas = Array.isArray(extra.betas) ? [...extra.betas, ...named] : named;
  extra.betas = [...new Set(betas)].filter((name) => name !== '');
  return extra;
}

function verbatimOf(body: Body): Record<string, unknown> | undefined {
  let fields: Record<string, unknown> | undefined;
  for (const field of VERBATIM) {
    const value = body[field];
    if (value === undefined || value === null) continue;
    fields ??= {};
    fields[field] = value;
  }
  return fields;
}

/** A session that Claude Code names in the body is that of an agent, as the one in its header is. */
function stateOf(body: Body, user: NamedUser | undefined, { headers, caller }: ParseContext): AskedState {
  const wish = lineWish(headers);
  const named = sessionFromHeaders(headers);
  if (named) return inSession(named, body, wish);
  if (user?.session === undefined) return unnamedState(headers, caller);
  return inSession(sessionRef(user.session, 'metadata.user_id'), body, { ...wish, isAgent: true });
}

/** Claude Code asks for one token to learn whether its quota is used up: that is no part of a conversation. */
function inSession(ref: SessionRef, { max_tokens }: Body, line: LineWish): AskedState {
  const isProbe = line.isAgent && max_tokens === 1;
  return isProbe ? { kind: 'none' } : { kind: 'session', ref, create: true, history: true, line };
}

function settingsOf(body: Body, safety_identifier: string | undefined): Settings {
  const { tool_choice, output_config } = body;
  const own: Settings = {
    max_output_tokens: present(body.max_tokens),
    temperature: present(body.temperature),
    top_p: present(body.top_p),
    stop: present(body.stop_sequences),
    tools: body.tools ? toTools(body.tools) : undefined,
    tool_choice: tool_choice ? toToolChoice(tool_choice) : undefined,
    parallel_tool_calls: tool_choice?.disable_parallel_tool_use ? false : undefined,
    format: formatOf(output_config?.format ?? body.output_format),
    reasoning: reasoningOf(body),
    service_tier: tierOf(body.service_tier),
    safety_identifier,
  };
  const settings: Record<string, unknown> = {};
  for (const field in own) {
    const value = own[field as keyof Settings];
    if (value !== undefined) settings[field] = value;
  }
  return settings;
}

function formatOf(format: z.output<typeof outputFormat>): TextFormat | undefined {
  return format ? { type: 'json_schema', name: 'answer', schema: format.schema, strict: true } : undefined;
}

const tierOf = (tier: string | null | undefined): string | undefined =>
  tier === 'standard_only' ? 'default' : present(tier);

/** The effort that is nearest to a budget of tokens. */
const EFFORTS: readonly (readonly [below: number, effort: string])[] = [
  [4_096, 'low'],
  [16_384, 'medium'],
  [Number.POSITIVE_INFINITY, 'high'],
];

/**
 * Thinking in canonical terms, for models of other providers. Anthropic shows thoughts where thinking is `enabled`;
 * with `adaptive`, the request says it.
 */
function reasoningOf({ thinking: given, output_config }: Body): Settings['reasoning'] {
  const asked = present(output_config?.effort);
  if (!given) return asked === undefined ? undefined : { effort: asked };
  if (given.type === 'disabled') return { effort: 'none' };
  const { budget_tokens: budget, display, type } = given;
  const byBudget = budget ? EFFORTS.find(([below]) => budget < below)?.[1] : undefined;
  const effort = asked ?? byBudget;
  const isShown = display === 'summarized' || (type === 'enabled' && display !== 'omitted');
  if (effort === undefined && !isShown) return undefined;
  return { ...(effort !== undefined && { effort }), ...(isShown && { summary: 'auto' }) };
}
