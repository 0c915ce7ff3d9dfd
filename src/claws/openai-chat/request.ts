import { isObject } from '../../core/json.ts';
import type { Prompt } from '../../core/prompt.ts';
import type { Settings, TextFormat } from '../../core/settings.ts';
import type { Provider, Quirks, WireRequest } from '../claw.ts';
import { safetyIdentifier } from '../safety-identifier.ts';
import { messagesOf } from './messages.ts';
import { toolFields } from './tools.ts';
import type { ChatMessage, Facts, Json } from './wire.ts';

/** Facts by provider id, as in the catalogue. */
const KNOWN_FACTS: Record<string, Partial<Facts>> = {
  // Error 3280: "Tool call id was … but must be a-z, A-Z, 0-9, with a length of 9."
  mistral: { cacheMarks: false, nineCharacterIds: true, seedField: 'random_seed', reasoningForm: 'thinking' },
  // These name the field `reasoning`. Groq refuses messages with fields that it does not know.
  cerebras: { cacheMarks: false, reasoningForm: 'reasoning' },
  groq: { cacheMarks: false, reasoningForm: 'reasoning' },
  openrouter: { reasoningForm: 'reasoning' },
  together: { reasoningForm: 'reasoning' },
  // https://api-docs.deepseek.com/guides/thinking_mode, "Tool Calls". Thinking is on by default.
  deepseek: { reasoningWithCalls: true },
  // "thinking is enabled but reasoning_content is missing in assistant tool call message"
  moonshot: { reasoningWithCalls: true },
};

/**
 * A provider that accepts both the role `developer` and the field `max_completion_tokens` is treated as
 * OpenAI's own API (or Azure's, which is the same). Cohere accepts only the role, Groq only the field.
 */
function factsOf(provider: Provider): Facts {
  const { developerRole, maxTokensField } = provider.quirks;
  const openai = developerRole === true && maxTokensField === 'max_completion_tokens';
  return {
    openai,
    cacheMarks: !openai,
    nineCharacterIds: false,
    reasoningWithCalls: false,
    seedField: 'seed',
    reasoningForm: openai ? undefined : 'reasoning_content',
    ...(Object.hasOwn(KNOWN_FACTS, provider.id) ? KNOWN_FACTS[provider.id] : undefined),
  };
}

/** Builds the request. Equal prompts give equal bytes, because providers cache by prefix. */
export function chatRequest(prompt: Prompt, provider: Provider): WireRequest {
  const { settings } = prompt;
  const facts = factsOf(provider);
  const extra = prompt.dialect === 'openai-chat' ? prompt.extra : {};
  const { stream: _stream, stream_options: streamOptions, ...unknown } = extra;
  const instructions = instructionsOf(prompt, provider);
  const messages = messagesOf(prompt, { provider, facts, instructions });
  const known: Json = {
    model: prompt.model,
    messages: prompt.continues ? withPrefillMark(messages, provider) : messages,
    ...(settings.tools?.length ? toolFields(prompt, facts) : {}),
    response_format: formatField(prompt, provider),
    ...limitsOf(settings, provider, facts),
    ...reasoningOf(settings),
    ...hintsOf(prompt, facts),
    ...streamFields(prompt, provider, streamOptions),
    ...(prompt.continues && prefillFields(provider)),
  };
  if (known.tools && !provider.quirks.noParallelToolCalls) {
    known.parallel_tool_calls = settings.parallel_tool_calls;
  }
  return {
    path: '/chat/completions',
    headers: provider.apiKey ? { authorization: `Bearer ${provider.apiKey}` } : {},
    body: { ...unknown, ...withoutUndefined(known) },
  };
}

/** An absent setting must not hide an unknown field of the same name. */
function withoutUndefined(fields: Json): Json {
  const set: Json = {};
  for (const key in fields) if (fields[key] !== undefined) set[key] = fields[key];
  return set;
}

function isSchemaInInstructions(format: TextFormat | undefined, provider: Provider): boolean {
  return format?.type === 'json_schema' && provider.quirks.noJsonSchema === true;
}

function instructionsOf({ instructions, settings }: Prompt, provider: Provider): string | undefined {
  const { format } = settings;
  if (format?.type !== 'json_schema' || !isSchemaInInstructions(format, provider)) return instructions;
  const wanted = `Answer with one JSON object that is valid against this JSON Schema:\n${JSON.stringify(format.schema)}`;
  return instructions ? `${instructions}\n\n${wanted}` : wanted;
}

/** Providers have further fields and types. A caller of this dialect wrote them as the provider takes them. */
function formatField({ settings: { format }, dialect }: Prompt, provider: Provider): Json | undefined {
  if (!format || format.type === 'text') return undefined;
  if (isSchemaInInstructions(format, provider)) return { type: 'json_object' };
  if (format.type !== 'json_schema') return dialect === 'openai-chat' ? { ...format } : { type: format.type };
  const { name, description, schema, strict } = format as Extract<TextFormat, { type: 'json_schema' }>;
  const wanted = withoutUndefined({
    name,
    description: description ?? undefined,
    schema,
    strict: strict ?? undefined,
  });
  return { type: 'json_schema', json_schema: wanted };
}

function limitsOf(settings: Settings, provider: Provider, facts: Facts): Json {
  return {
    [provider.quirks.maxTokensField ?? 'max_tokens']: settings.max_output_tokens,
    temperature: settings.temperature,
    top_p: settings.top_p,
    frequency_penalty: settings.frequency_penalty,
    presence_penalty: settings.presence_penalty,
    stop: settings.stop,
    [facts.seedField]: settings.seed,
    n: settings.n,
    logprobs: settings.top_logprobs === undefined ? undefined : true,
    top_logprobs: settings.top_logprobs || undefined,
  };
}

/** Chat completions have no field that asks for a summary of the reasoning. */
function reasoningOf({ reasoning, verbosity, service_tier }: Settings): Json {
  return { reasoning_effort: reasoning?.effort, verbosity, service_tier };
}

/**
 * Hints do not change the answer, so only providers that accept them get them. The older field `user` is
 * not sent to the other providers: strict servers refuse it too, and it would tell more parties who asks.
 */
function hintsOf(prompt: Prompt, facts: Facts): Json {
  if (!facts.openai) return {};
  const { prompt_cache_key } = prompt.settings;
  return { prompt_cache_key, safety_identifier: safetyIdentifier(prompt) };
}

/** `asked` is the caller's own `stream_options`. */
function streamFields({ stream }: Prompt, provider: Provider, asked: unknown): Json {
  if (!stream) return {};
  if (provider.quirks.noStreamOptions) return { stream: true };
  return { stream: true, stream_options: { ...(isObject(asked) && asked), include_usage: true } };
}

/**
 * A model that reasons first cannot continue an assistant message: some servers refuse the request
 * (llama.cpp: "Assistant response prefill is incompatible with enable_thinking"), others read the
 * continuation as reasoning (vLLM's reasoning parsers).
 */
export function chatPrefills(prompt: Prompt, provider: Provider): boolean {
  return provider.quirks.prefill !== undefined && !reasons(prompt);
}

function reasons({ settings, items }: Prompt): boolean {
  const { effort } = settings.reasoning ?? {};
  return (effort !== undefined && effort !== 'none') || items.some(({ item }) => item.type === 'reasoning');
}

const PREFILL_MARKS: Partial<Record<NonNullable<Quirks['prefill']>, Json>> = {
  partial: { partial: true },
  prefix: { prefix: true },
};

const PREFILL_FIELDS: Partial<Record<NonNullable<Quirks['prefill']>, Json>> = {
  continue_final_message: { continue_final_message: true, add_generation_prompt: false },
};

/** Marks the last message as the one to continue, for a provider that needs the mark on the message. */
function withPrefillMark(messages: ChatMessage[], { quirks }: Provider): ChatMessage[] {
  const last = messages.at(-1);
  const mark = quirks.prefill && PREFILL_MARKS[quirks.prefill];
  return last && mark ? [...messages.slice(0, -1), { ...last, ...mark }] : messages;
}

function prefillFields({ quirks }: Provider): Json {
  return (quirks.prefill && PREFILL_FIELDS[quirks.prefill]) || {};
}
