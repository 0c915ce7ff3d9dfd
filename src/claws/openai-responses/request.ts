import { Fault } from '../../core/errors.ts';
import { isObject } from '../../core/json.ts';
import type { Prompt } from '../../core/prompt.ts';
import type { Settings } from '../../core/settings.ts';
import type { Provider, WireRequest } from '../claw.ts';
import { safetyIdentifier } from '../safety-identifier.ts';
import { inputOf } from './messages.ts';
import { toolsOf } from './tools.ts';
import type { Json } from './wire.ts';

/** The gateway keeps the conversation: the provider must not store it or work in the background. */
const NEVER_SENT: ReadonlySet<string> = new Set([
  'background',
  'conversation',
  'previous_response_id',
  'store',
  'stream',
]);

export function requestOf(prompt: Prompt, provider: Provider): WireRequest {
  refuseUnsupported(prompt.settings);
  const headers: Record<string, string> = {};
  if (provider.apiKey !== undefined) headers.authorization = `Bearer ${provider.apiKey}`;
  return { path: '/responses', headers, body: bodyOf(prompt, provider) };
}

/** Without these settings the answer would have another meaning. `seed` is best effort, so it is left out. */
function refuseUnsupported({ stop, n }: Settings): void {
  if (stop?.length) throw unsupported('stop');
  if (n !== undefined && n !== 1) throw unsupported('n');
}

function unsupported(param: string): Fault {
  return new Fault('unsupported_parameter', `The Responses API has no \`${param}\`.`, { param });
}

function bodyOf(prompt: Prompt, provider: Provider): Json {
  const { settings } = prompt;
  const extra = prompt.dialect === 'openai-responses' ? prompt.extra : {};
  const known: Json = {
    model: prompt.model,
    instructions: prompt.instructions,
    input: inputOf(prompt, provider.id),
    tools: toolsOf(prompt),
    tool_choice: settings.tool_choice,
    parallel_tool_calls: settings.parallel_tool_calls,
    text: merged(extra.text, { format: formatOf(prompt), verbosity: settings.verbosity }),
    reasoning: merged(extra.reasoning, { ...settings.reasoning }),
    max_output_tokens: settings.max_output_tokens,
    temperature: settings.temperature,
    top_p: settings.top_p,
    // Part of Open Responses. OpenAI refuses them with a clear error. The default (0) is never sent.
    frequency_penalty: settings.frequency_penalty || undefined,
    presence_penalty: settings.presence_penalty || undefined,
    top_logprobs: settings.top_logprobs,
    include: includeOf(prompt, extra.include),
    service_tier: settings.service_tier,
    prompt_cache_key: settings.prompt_cache_key,
    safety_identifier: safetyIdentifier(prompt),
    store: false,
    stream: prompt.stream,
  };
  return withExtra(known, extra, prompt.stream);
}

/** Known fields take precedence. Fields without a value are left out. */
function withExtra(known: Json, extra: Json, stream: boolean): Json {
  const body: Json = {};
  for (const name in known) if (known[name] !== undefined) body[name] = known[name];
  for (const name of Object.keys(extra)) {
    if (NEVER_SENT.has(name) || Object.hasOwn(body, name)) continue;
    // OpenAI refuses it without a stream, and the gateway may have turned the stream off.
    if (name === 'stream_options' && !stream) continue;
    body[name] = extra[name];
  }
  return body;
}

/** OpenAI refuses the further fields that chat servers have in `json_object`. */
function formatOf({ settings: { format }, dialect }: Prompt): Settings['format'] {
  const isForeign = format?.type === 'json_object' && dialect !== 'openai-responses';
  return isForeign ? { type: 'json_object' } : format;
}

/**
 * An object field that joins known settings with the caller's extra fields. Known settings take precedence.
 */
function merged(extra: unknown, known: Json): Json | undefined {
  const fields: Json = {};
  for (const name in known) if (known[name] !== undefined) fields[name] = known[name];
  if (isObject(extra)) {
    for (const name of Object.keys(extra)) if (!Object.hasOwn(fields, name)) fields[name] = extra[name];
  }
  return Object.keys(fields).length > 0 ? fields : undefined;
}

function includeOf(prompt: Prompt, asked: unknown): unknown[] | undefined {
  const include = new Set<unknown>(Array.isArray(asked) ? asked : []);
  if (reasons(prompt)) include.add('reasoning.encrypted_content');
  if (prompt.settings.top_logprobs !== undefined) include.add('message.output_text.logprobs');
  return include.size > 0 ? [...include] : undefined;
}

/**
 * Whether to ask for encrypted reasoning. A model that does not reason refuses the whole request ("Encrypted
 * content is not supported with this model", 400), and no API tells which models reason. So it is requested
 * only from models known to reason, or if the caller sets `reasoning`. The chat variants of GPT-5 refuse it.
 */
function reasons({ model, settings }: Prompt): boolean {
  if (settings.reasoning !== undefined) return true;
  const name = model.slice(model.lastIndexOf('/') + 1);
  return /^(o\d|gpt-[5-9]|gpt-\d\d|codex|computer-use|grok)/.test(name) && !/-chat|non-reasoning/.test(name);
}
