import type { Prompt, Provider, WireRequest } from '../claw.ts';
import { tidyTurns, withCacheMarks } from './conversation.ts';
import { conversationOf } from './messages.ts';
import { isThinking, thinkingFields, traitsOf } from './model.ts';
import { decoderSchema, isForced, toolFields } from './tools.ts';
import { type Block, isObject, isThought, type Turn, type Wire } from './wire.ts';

/** The API wants a limit; this one every model can reach. */
const DEFAULT_MAX_TOKENS = 4096;

/** Claude 4.5 and older, as long as they do not think. */
export function prefills(prompt: Prompt): boolean {
  const { thinking } = thinkingFields(prompt, {
    maxTokens: maxTokens(prompt),
    forcedTool: isForced(toolFields(prompt)),
  });
  const extra = prompt.dialect === 'anthropic' ? prompt.extra : {};
  return traitsOf(prompt.model).prefill && !isThinking(thinking ?? extra.thinking);
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
  /** A beta that the body depends on. */
  beta?: string;
}

function bodyOf(prompt: Prompt, provider: Provider, extra: Wire): Body {
  const { settings } = prompt;
  const max_tokens = maxTokens(prompt);
  const tools = toolFields(prompt);
  const wanted = thinkingFields(prompt, { maxTokens: max_tokens, forcedTool: isForced(tools) });
  const conversation = conversationOf(prompt, provider.id);
  const { thinking, turns, beta } = settled(prompt, conversation.turns, wanted.thinking ?? extra.thinking);
  const system = [...conversation.system, ...formatInstruction(prompt)];
  const stable = { tools: tools.tools, system, turns };
  const cached = extra.cache_control === undefined ? withCacheMarks(stable) : stable;
  const body: Wire = {
    model: prompt.model,
    max_tokens,
    ...(cached.tools && { tools: cached.tools }),
    ...(tools.tool_choice && { tool_choice: tools.tool_choice }),
    ...(cached.system.length > 0 && { system: cached.system }),
    messages: cached.turns,
    ...(thinking !== undefined && { thinking }),
    ...outputConfig(prompt, wanted.effort, extra),
    ...sampling(prompt, isThinking(thinking)),
    ...stopSequences(settings.stop),
    ...metadata(settings.safety_identifier, extra),
    ...serviceTier(settings.service_tier),
    stream: prompt.stream,
  };
  const { thinking: _, ...unknown } = extra;
  return { body: { ...unknown, ...body }, beta };
}

function maxTokens({ settings, outputLimit }: Prompt): number {
  const wanted = settings.max_output_tokens ?? outputLimit ?? DEFAULT_MAX_TOKENS;
  return outputLimit === undefined ? wanted : Math.min(wanted, outputLimit);
}

interface Settled {
  turns: Turn[];
  thinking: unknown;
  beta?: string;
}

/**
 * Newer models refuse a thinking block when anything before it changed since it was made. A session's
 * beginning does change (a summary, another model's turn), so the provider is told to pass such blocks
 * over instead: platform.claude.com, "Preserved thinking".
 */
function settled(prompt: Prompt, turns: Turn[], thinking: unknown): Settled {
  const traits = traitsOf(prompt.model);
  const on = isThinking(thinking);
  const bound = traits.boundThinking && (on || thinking === undefined);
  const keep = bound || !traits.boundThinking;
  const tidy = tidyTurns(turns, { thinking: keep, prefill: traits.prefill && !on });
  // A loop of tool calls that began without thinking cannot be joined in it: the provider asks for the
  // thinking of the turn that it continues. Models that think adaptively do not.
  if (on && traits.thinking === 'budget' && lacksThinking(tidy)) {
    return { turns: tidy, thinking: undefined };
  }
  if (!bound || !hasThinking(tidy) || (isObject(thinking) && thinking.block_binding !== undefined)) {
    return { turns: tidy, thinking };
  }
  const base = isObject(thinking) ? thinking : { type: 'adaptive' };
  return {
    turns: tidy,
    thinking: { ...base, block_binding: { prefix_mismatch_behavior: 'drop_block' } },
    beta: 'thinking-binding-controls-2026-08-01',
  };
}

function hasThinking(turns: readonly Turn[]): boolean {
  return turns.some(({ content }) => content.some(isThought));
}

/** A loop of calls is one turn to the provider, which begins after the last words of the caller's own. */
function lacksThinking(turns: readonly Turn[]): boolean {
  if (turns.at(-1)?.content[0]?.type !== 'tool_result') return false;
  const asks = ({ role, content }: Turn) =>
    role === 'user' && content.some(({ type }) => type !== 'tool_result');
  const asked = turns.slice(0, -1).findLastIndex(asks);
  const begun = turns[asked + 1]?.content[0];
  return begun !== undefined && !isThought(begun);
}

function formatInstruction({ settings }: Prompt): Block[] {
  if (settings.format?.type !== 'json_object') return [];
  return [{ type: 'text', text: 'Answer with one JSON object and nothing else, without a code fence.' }];
}

function outputConfig({ model, settings }: Prompt, effort: string | undefined, extra: Wire): Wire {
  const { format } = settings;
  const config: Wire = {
    ...(isObject(extra.output_config) && extra.output_config),
    ...(effort !== undefined && { effort }),
    ...(format?.type === 'json_schema' &&
      traitsOf(model).jsonSchema && {
        format: { type: 'json_schema', schema: decoderSchema(format.schema) },
      }),
  };
  return Object.keys(config).length > 0 ? { output_config: config } : {};
}

/** A model that thinks, and every newer one, decides alone; older ones want at most one of the two. */
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

/** The provider refuses sequences that are only white space. */
function stopSequences(stop: readonly string[] = []): Wire {
  const stop_sequences = stop.filter((sequence) => sequence.trim() !== '');
  return stop_sequences.length > 0 ? { stop_sequences } : {};
}

function metadata(user: string | undefined, extra: Wire): Wire {
  if (user === undefined) return {};
  return { metadata: { ...(isObject(extra.metadata) && extra.metadata), user_id: user } };
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
