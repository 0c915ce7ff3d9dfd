import type { Delta, Finish } from '../../core/delta.ts';
import { Fault } from '../../core/errors.ts';
import type { Item } from '../../core/items.ts';
import { isObject } from '../../core/json.ts';
import type { Usage } from '../../core/usage.ts';
import { answeredTier, reportedCost, tokenCount } from '../usage.ts';
import type { ObjectEnd } from './object-end.ts';
import type { Json, ReasoningNative } from './wire.ts';

/** A tool call of the answer. */
export interface OpenCall {
  /** The provider's number of the call, if it gives one. */
  position?: number;
  /** The provider's id. The call of an answer without ids has a generated one only in its item. */
  id?: string;
  kind: 'function' | 'custom';
  name?: string;
  /** The item's index. Undefined until the name is known, because an item begins with its name. */
  index?: number;
  /** The arguments, or the input of a custom tool. They may begin before the name. */
  text: string;
  /** Where the arguments end. */
  object: ObjectEnd;
  native?: Json;
  /** Its item has ended. */
  isClosed?: boolean;
}

/** The message of a choice that is being written. */
export interface OpenMessage {
  index: number;
  /** The content part that grows now; -1 before the first. */
  part: number;
  kind?: 'text' | 'refusal';
}

/** The reasoning item of a choice that is being written. */
export interface OpenReasoning {
  index: number;
  native: ReasoningNative;
  /** How many content and summary parts the typed blocks have opened. */
  texts: number;
  summaries: number;
}

/** What was read of one choice: its open items, and fields beside them. */
export interface ChoiceState {
  readonly choice: number;
  /** The open reasoning item. It is closed when text or a call begins. */
  reasoning?: OpenReasoning;
  message?: OpenMessage;
  /** Fields of the message that have no canonical place. */
  native?: Json;
  readonly calls: OpenCall[];
  /** The URLs of the images so far. */
  images?: Set<string>;
  /** Undefined until the provider gave a reason. */
  finish?: string;
  /** Fields of the choice that have no canonical place. */
  extra?: Json;
}

/**
 * What was read of one answer, streamed or whole. The functions that read the answer change this state and
 * add deltas to `out`.
 */
export interface AnswerState {
  /** The requested model. It is used when the provider does not name the model that answers. */
  readonly asked: string;
  started: boolean;
  /**
   * The provider's id of the answer, or a substitute. It is part of the call ids that the provider left out.
   */
  answerId: string;
  nextIndex: number;
  readonly choices: ChoiceState[];
  usage?: Json;
  readonly extra: Json;
  out: Delta[];
}

export function newAnswer(asked: string): AnswerState {
  return { asked, started: false, answerId: '', nextIndex: 0, choices: [], extra: {}, out: [] };
}

/** Returns the deltas in `out` and empties it. */
export function drain(state: AnswerState): Delta[] {
  const { out } = state;
  state.out = [];
  return out;
}

export function choiceAt(state: AnswerState, choice: number): ChoiceState {
  // A plain loop: nearly every answer has one choice, so the first one matches.
  for (const known of state.choices) if (known.choice === choice) return known;
  const fresh: ChoiceState = { choice, calls: [] };
  state.choices.push(fresh);
  return fresh;
}

/** Opens an output item and returns its index. */
export function openItem(state: AnswerState, choice: ChoiceState, item: Item): number {
  const index = state.nextIndex++;
  if (choice.choice === 0) state.out.push({ type: 'item-start', index, item });
  else state.out.push({ type: 'item-start', index, item, choice: choice.choice });
  return index;
}

export function closeItem(state: AnswerState, index: number, native: unknown): void {
  if (native === undefined) state.out.push({ type: 'item-end', index });
  else state.out.push({ type: 'item-end', index, native });
}

/**
 * Keeps a field that is whole each time it comes (of the answer or of a choice). The last value counts.
 * Objects are merged, because Groq spreads `x_groq` over the first and the last chunk.
 */
export function keepLatest(target: Json, key: string, value: unknown): void {
  if (value === null || value === undefined || key === '__proto__') return;
  const held = target[key];
  target[key] = isObject(value) && isObject(held) ? { ...held, ...value } : value;
}

/** Fields that a server may repeat in every chunk. Their values are never joined. */
const REPEATED = new Set(['id', 'index', 'type', 'role', 'name', 'format']);

/**
 * Keeps a field that comes in pieces (of a message or a tool call), as OpenAI's own SDKs do
 * (`accumulate_delta`): strings and lists are joined, objects merged, numbers replaced.
 */
export function grow(target: Json, key: string, value: unknown): void {
  if (value === null || value === undefined || key === '__proto__') return;
  const held = target[key];
  if (typeof held === 'string' && typeof value === 'string' && !REPEATED.has(key)) target[key] = held + value;
  else if (Array.isArray(held) && Array.isArray(value)) for (const entry of value) held.push(entry);
  else if (isObject(value)) {
    const grown: Json = isObject(held) ? held : {};
    for (const inner in value) grow(grown, inner, value[inner]);
    target[key] = grown;
  } else target[key] = value;
}

const REASONS: ReadonlyMap<string, Finish['unified']> = new Map<string, Finish['unified']>([
  ['stop', 'stop'],
  ['eos', 'stop'],
  ['eos_token', 'stop'],
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop'],
  ['complete', 'stop'],
  ['length', 'length'],
  ['max_tokens', 'length'],
  ['model_length', 'length'],
  ['tool_calls', 'tool_calls'],
  ['function_call', 'tool_calls'],
  ['tool_use', 'tool_calls'],
  ['content_filter', 'content_filter'],
  ['safety', 'content_filter'],
  ['sensitive', 'content_filter'],
]);

/**
 * Reasons by which a provider reports that it failed during the answer (OpenRouter and Mistral, Zhipu,
 * DeepSeek).
 */
const FAILURES = new Set(['error', 'network_error', 'insufficient_system_resource']);

/** `called`: the choice holds tool calls. OpenAI itself gives the reason `stop` for a forced call. */
export function finishOf(raw: string | undefined, called: boolean): Finish {
  const unified = raw === undefined ? 'unknown' : (REASONS.get(raw.toLowerCase()) ?? 'unknown');
  return { unified: unified === 'stop' && called ? 'tool_calls' : unified, raw: raw ?? null };
}

/** Throws for a finish reason that reports a failure. */
export function checkFinish(raw: string): void {
  if (!FAILURES.has(raw)) return;
  throw new Fault('provider_error', `The provider ended the answer with the reason "${raw}".`, {
    raw: { finish_reason: raw },
  });
}

/**
 * Token counts, from the different fields in which servers report them. `tier` is the answer's `service_tier`.
 */
export function usageOf(raw: Json, tier: unknown): Usage {
  const prompt = isObject(raw.prompt_tokens_details) ? raw.prompt_tokens_details : {};
  const completion = isObject(raw.completion_tokens_details) ? raw.completion_tokens_details : {};
  const input = tokenCount(raw.prompt_tokens);
  const reasoning = tokenCount(completion.reasoning_tokens ?? raw.reasoning_tokens);
  return {
    input,
    output: outputOf(raw, input, reasoning),
    // OpenAI and most others; Moonshot; DeepSeek.
    cacheRead: tokenCount(prompt.cached_tokens ?? raw.cached_tokens ?? raw.prompt_cache_hit_tokens),
    // OpenAI and OpenRouter; Alibaba.
    cacheWrite: tokenCount(prompt.cache_write_tokens ?? prompt.cache_creation_input_tokens),
    reasoning,
    audioInput: tokenCount(prompt.audio_tokens) || undefined,
    audioOutput: tokenCount(completion.audio_tokens) || undefined,
    tier: answeredTier(tier),
    reportedCost: reportedCost(raw),
    raw,
  };
}

/** xAI does not count reasoning in `completion_tokens`, but in `total_tokens`. */
function outputOf(raw: Json, input: number, reasoning: number): number {
  const output = tokenCount(raw.completion_tokens);
  const apart = reasoning > 0 && raw.total_tokens === input + output + reasoning;
  return apart ? output + reasoning : output;
}
