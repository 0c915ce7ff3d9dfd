import type { Settings, TextFormat } from '../../core/settings.ts';
import type { Prompt, Provider, WireRequest } from '../claw.ts';
import { type Facts, factsOf } from './facts.ts';
import { messagesOf } from './messages.ts';
import { marked, prefillFields } from './prefill.ts';
import { toolFields } from './tools.ts';
import { isObject, type Json } from './wire.ts';

/** Builds the request. The same prompt gives the same bytes: providers cache by prefix. */
export function chatRequest(prompt: Prompt, provider: Provider): WireRequest {
  const { settings } = prompt;
  const facts = factsOf(provider);
  const extra = prompt.dialect === 'openai-chat' ? prompt.extra : {};
  const { stream: _stream, stream_options: streamOptions, ...unknown } = extra;
  const known: Json = {
    model: prompt.model,
    messages: marked(messagesOf(prompt, provider, instructionsOf(prompt, provider)), prompt, provider),
    ...toolFields(prompt, facts),
    response_format: formatField(settings.format, provider),
    ...limitsOf(settings, provider, facts),
    ...reasoningOf(settings),
    ...hintsOf(settings, facts),
    ...streamFields(prompt, provider, streamOptions),
    ...prefillFields(prompt, provider),
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

function formatField(format: TextFormat | undefined, provider: Provider): Json | undefined {
  if (!format || format.type === 'text') return undefined;
  if (format.type === 'json_object' || isSchemaInInstructions(format, provider)) {
    return { type: 'json_object' };
  }
  const { name, description, schema, strict } = format;
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

/** Chat completions have no summaries of reasoning to ask for. */
function reasoningOf({ reasoning, verbosity, service_tier }: Settings): Json {
  return { reasoning_effort: reasoning?.effort, verbosity, service_tier };
}

/**
 * What changes no answer goes only to those who take it. Others are not given the caller's user in the
 * older field `user`: strict servers refuse that too, and it would tell more parties who asks.
 */
function hintsOf({ prompt_cache_key, safety_identifier }: Settings, facts: Facts): Json {
  return facts.openai ? { prompt_cache_key, safety_identifier } : {};
}

function streamFields({ stream }: Prompt, provider: Provider, asked: unknown): Json {
  if (!stream) return {};
  if (provider.quirks.noStreamOptions) return { stream: true };
  return { stream: true, stream_options: { ...(isObject(asked) && asked), include_usage: true } };
}
