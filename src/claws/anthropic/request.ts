import { isObject } from '../../core/json.ts';
import type { Prompt } from '../../core/prompt.ts';
import type { Provider, WireRequest } from '../claw.ts';
import { tidyMessages, withCacheMarks } from './conversation.ts';
import { conversationOf } from './messages.ts';
import { isThinking, type ThinkingFields, thinkingFields, traitsOf } from './model.ts';
import { decoderSchema, isForced, toolFields } from './tools.ts';
import { type Block, isThought, type Wire, type WireMessage } from './wire.ts';

/** The API requires a limit. Every model accepts this one. */
const DEFAULT_MAX_TOKENS = 4096;

/** True for Claude 4.5 and older models while they do not think. */
export function prefills(prompt: Prompt): boolean {
  const { thinking } = wantedThinking(prompt, isForced(toolFields(prompt)));
  return traitsOf(prompt.model).prefill && !isThinking(thinking);
}

/** A caller in this API's own words says it itself. */
function wantedThinking(prompt: Prompt, forcedTool: boolean): ThinkingFields {
  if (prompt.dialect !== 'anthropic')
    return thinkingFields(prompt, { maxTokens: maxTokens(prompt), forcedTool });
  const { thinking } = prompt.extra;
  return isObject(thinking) ? { thinking } : {};
}

export function requestOf(prompt: Prompt, provider: Provider): WireRequest {
  const { betas, ...extra } = prompt.dialect === 'anthropic' ? prompt.extra : {};
  const asked = Array.isArray(betas) ? betas.filter((beta) => typeof beta === 'string') : [];
  const { body, beta } = bodyOf(prompt, provider, extra);
  const all = [...new Set(beta ? [...asked, beta] : asked)];
  return {
    path: '/v1/messages',
    headers: {
      ...(provider.apiKey !== undefined && { 'x-api-key': provider.apiKey }),
      'anthropic-version': '2023-06-01',
      ...(all.length > 0 && { 'anthropic-beta': all.join(',') }),
    },
    body,
  };
}

interface Body {
  body: Wire;
  /** A beta feature that the body needs. */
  beta?: string;
}

function bodyOf(prompt: Prompt, provider: Provider, extra: Wire): Body {
  const { settings } = prompt;
  const max_tokens = maxTokens(prompt);
  const tools = toolFields(prompt);
  const wanted = wantedThinking(prompt, isForced(tools));
  const conversation = conversationOf(prompt, provider.id);
  const { thinking, messages, beta } = adjusted(prompt, conversation.messages, wanted.thinking);
  const system = [...conversation.system, ...formatInstruction(prompt)];
  const stable = { tools: tools.tools, system, messages };
  const cached =
    extra.cache_control === undefined
      ? withCacheMarks(stable, { excerpt: conversation.excerpt, life: prompt.cacheLife })
      : stable;
  const body: Wire = {
    model: prompt.model,
    max_tokens,
    ...(cached.tools && { tools: cached.tools }),
    ...(tools.tool_choice && { tool_choice: tools.tool_choice }),
    ...(cached.system.length > 0 && { system: cached.system }),
    messages: cached.messages,
    ...(thinking !== undefined && { thinking }),
    ...outputConfig(prompt, wanted.effort, extra),
    ...sampling(prompt, isThinking(thinking)),
    ...stopSequences(settings.stop),
    ...metadata(settings.safety_identifier, extra),
    ...serviceTier(settings.service_tier),
    stream: prompt.stream,
  };
  const { thinking: _, output_config: __, output_format: ___, ...unknown } = extra;
  return { body: { ...unknown, ...body }, beta };
}

function maxTokens({ settings, outputLimit }: Prompt): number {
  const wanted = settings.max_output_tokens ?? outputLimit ?? DEFAULT_MAX_TOKENS;
  return outputLimit === undefined ? wanted : Math.min(wanted, outputLimit);
}

interface Adjusted {
  messages: WireMessage[];
  thinking: unknown;
  beta?: string;
}

/**
 * Newer models refuse a thinking block after a change to anything before it. The beginning of a session does
 * change (a summary, a turn of another model), so the request tells the provider to ignore such blocks
 * instead: platform.claude.com, "Preserved thinking".
 */
function adjusted(prompt: Prompt, messages: WireMessage[], thinking: unknown): Adjusted {
  const traits = traitsOf(prompt.model);
  const on = isThinking(thinking);
  const bound = traits.boundThinking && (on || thinking === undefined);
  const keep = bound || !traits.boundThinking;
  const tidy = tidyMessages(messages, { thinking: keep, prefill: traits.prefill && !on });
  // Thinking cannot begin in the middle of a loop of tool calls: the provider requires the thinking block
  // with
  // which the loop began. Models with adaptive thinking do not require it.
  if (on && traits.thinking === 'budget' && lacksThinking(tidy)) {
    return { messages: tidy, thinking: undefined };
  }
  if (!bound || !hasThinking(tidy) || (isObject(thinking) && thinking.block_binding !== undefined)) {
    return { messages: tidy, thinking };
  }
  const base = isObject(thinking) ? thinking : { type: 'adaptive' };
  return {
    messages: tidy,
    thinking: { ...base, block_binding: { prefix_mismatch_behavior: 'drop_block' } },
    beta: 'thinking-binding-controls-2026-08-01',
  };
}

function hasThinking(messages: readonly WireMessage[]): boolean {
  return messages.some(({ content }) => content.some(isThought));
}

/**
 * The provider treats a loop of tool calls as one answer, which begins after the last message with other
 * content.
 */
function lacksThinking(messages: readonly WireMessage[]): boolean {
  if (messages.at(-1)?.content[0]?.type !== 'tool_result') return false;
  const asks = ({ role, content }: WireMessage) =>
    role === 'user' && content.some(({ type }) => type !== 'tool_result');
  const asked = messages.slice(0, -1).findLastIndex(asks);
  const begun = messages[asked + 1]?.content[0];
  return begun !== undefined && !isThought(begun);
}

function formatInstruction({ settings }: Prompt): Block[] {
  if (settings.format?.type !== 'json_object') return [];
  const { schema } = settings.format as Wire;
  const valid = isObject(schema)
    ? `\nIt must be valid against this JSON Schema:\n${JSON.stringify(schema)}`
    : '';
  const text = `Answer with one JSON object and nothing else, without a code fence.${valid}`;
  return [{ type: 'text', text }];
}

function outputConfig({ model, settings }: Prompt, effort: string | undefined, extra: Wire): Wire {
  const { format } = settings;
  const own: Wire = isObject(extra.output_config) ? extra.output_config : {};
  const { format: ownFormat = extra.output_format, ...others } = own;
  const asked = format?.type === 'json_schema' ? format : undefined;
  const config: Wire = {
    ...(effort !== undefined && { effort }),
    ...others,
    ...(asked &&
      traitsOf(model).jsonSchema && {
        format: ownFormat ?? { type: 'json_schema', schema: decoderSchema(asked.schema) },
      }),
  };
  return Object.keys(config).length > 0 ? { output_config: config } : {};
}

/** With thinking, and for newer models, neither field is accepted. Other models accept both, or only one. */
function sampling({ model, settings }: Prompt, thinking: boolean): Wire {
  const { temperature, top_p } = settings;
  const traits = traitsOf(model);
  if (traits.sampling === 'none' || thinking) return {};
  const both = traits.sampling === 'free' || temperature === undefined;
  return {
    ...(temperature !== undefined && { temperature: Math.min(Math.max(temperature, 0), 1) }),
    ...(top_p !== undefined && both && { top_p }),
  };
}

/** The provider refuses a sequence of white space alone. */
function stopSequences(stop: readonly string[] = []): Wire {
  const stop_sequences = stop.filter((sequence) => sequence.trim() !== '');
  return stop_sequences.length > 0 ? { stop_sequences } : {};
}

function metadata(user: string | undefined, extra: Wire): Wire {
  if (user === undefined) return {};
  return { metadata: { user_id: user, ...(isObject(extra.metadata) && extra.metadata) } };
}

const TIERS = new Map([
  ['auto', 'auto'],
  ['priority', 'auto'],
  ['default', 'standard_only'],
  ['standard_only', 'standard_only'],
]);

function serviceTier(tier: string | undefined): Wire {
  const service_tier = TIERS.get(tier ?? '');
  return service_tier ? { service_tier } : {};
}
