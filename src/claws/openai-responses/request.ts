import { Fault } from '../../core/errors.ts';
import type { Prompt } from '../../core/prompt.ts';
import type { FunctionTool, Settings, Tool } from '../../core/settings.ts';
import type { Provider, WireRequest } from '../claw.ts';
import { inputOf } from './input.ts';
import { reasons } from './reasoning-models.ts';
import { isObject, type Json } from './shape.ts';

/** The gateway owns the conversation: the provider neither stores it nor runs apart from the request. */
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

/** Leaving these out would change the answer's meaning. `seed` asks for a best effort only, so it is left out. */
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
  const tools = toolsOf(prompt);
  const known: Json = {
    model: prompt.model,
    instructions: prompt.instructions,
    input: inputOf(prompt, provider.id),
    tools,
    tool_choice: toolChoiceOf(prompt, tools),
    parallel_tool_calls: settings.parallel_tool_calls,
    text: merged(extra.text, { format: settings.format, verbosity: settings.verbosity }),
    reasoning: merged(extra.reasoning, { ...settings.reasoning }),
    max_output_tokens: settings.max_output_tokens,
    temperature: settings.temperature,
    top_p: settings.top_p,
    // In Open Responses; OpenAI answers an unknown parameter clearly, and the default is never sent.
    frequency_penalty: settings.frequency_penalty || undefined,
    presence_penalty: settings.presence_penalty || undefined,
    top_logprobs: settings.top_logprobs,
    include: includeOf(prompt, extra.include),
    service_tier: settings.service_tier,
    prompt_cache_key: settings.prompt_cache_key,
    safety_identifier: settings.safety_identifier,
    store: false,
    stream: prompt.stream,
  };
  return withExtra(known, extra, prompt.stream);
}

/** Known fields win; fields without a value are left out. */
function withExtra(known: Json, extra: Json, stream: boolean): Json {
  const body: Json = {};
  for (const name in known) if (known[name] !== undefined) body[name] = known[name];
  for (const name of Object.keys(extra)) {
    if (NEVER_SENT.has(name) || Object.hasOwn(body, name)) continue;
    // OpenAI refuses it without a stream; the gateway may have turned the stream off.
    if (name === 'stream_options' && !stream) continue;
    body[name] = extra[name];
  }
  return body;
}

/** An object field of which the settings know a part, and the caller's extra fields perhaps another. */
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

/** In its own dialect tools are what the provider's API says they are; from another, only functions have a meaning. */
function toolsOf({ settings, dialect }: Prompt): unknown[] | undefined {
  if (dialect === 'openai-responses') return settings.tools;
  const tools = settings.tools?.filter(isFunction).map(functionTool);
  return tools?.length ? tools : undefined;
}

const isFunction = (tool: Tool): tool is FunctionTool => tool.type === 'function';

/** Functions are strict by default in this API and in no other, so the default of the others is said. */
function functionTool({ type, name, description, parameters, strict }: FunctionTool): Json {
  const tool: Json = { type, name };
  if (description != null) tool.description = description;
  tool.parameters = parameters ?? { type: 'object', properties: {} };
  tool.strict = strict ?? false;
  return tool;
}

function toolChoiceOf({ settings, dialect }: Prompt, tools: unknown[] | undefined): unknown {
  const choice = settings.tool_choice;
  if (choice === undefined || dialect === 'openai-responses') return choice;
  if (settings.tools?.length && !tools) return undefined;
  return typeof choice === 'string' || choice.type === 'function' ? choice : undefined;
}
