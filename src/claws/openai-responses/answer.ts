import type { Delta, Finish } from '../../core/delta.ts';
import {
  type FunctionCall,
  type Item,
  isCustomCall,
  type Message,
  type OtherItem,
  type Part,
  type Reasoning,
} from '../../core/items.ts';
import { isObject } from '../../core/json.ts';
import type { Prompt } from '../../core/prompt.ts';
import { callIdOf, isClientCall } from '../../core/tool-calls.ts';
import type { Usage } from '../../core/usage.ts';
import { answeredTier, reportedCost, tokenCount } from '../usage.ts';
import { type Json, listIn, nameIn, objectIn, textIn } from './wire.ts';

/** Fields of a response that become deltas of their own. */
const TRANSLATED = [
  'id',
  'object',
  'model',
  'status',
  'output',
  'usage',
  'error',
  'incomplete_details',
  // The SDKs compute this field: the output's text, joined. Some servers send it.
  'output_text',
];

/**
 * Fields in which the provider repeats the request. The gateway answers with the request of its own caller.
 * The provider got a different one: the whole history as `input`, `store: false`, tools and instructions in
 * its own form. Keeping these fields would also store them again in every turn.
 */
const ECHOES = [
  'background',
  'context_management',
  'conversation',
  'frequency_penalty',
  'include',
  'input',
  'instructions',
  'max_output_tokens',
  'max_tool_calls',
  'metadata',
  'parallel_tool_calls',
  'presence_penalty',
  'previous_response_id',
  'prompt',
  'prompt_cache_key',
  'prompt_cache_options',
  'prompt_cache_retention',
  'reasoning',
  'safety_identifier',
  'store',
  'temperature',
  'text',
  'tool_choice',
  'tools',
  'top_logprobs',
  'top_p',
  'truncation',
  'user',
];

const NO_LEFTOVERS: ReadonlySet<string> = new Set([...TRANSLATED, ...ECHOES]);

const INCOMPLETE: ReadonlyMap<unknown, Finish['unified']> = new Map<unknown, Finish['unified']>([
  ['max_output_tokens', 'length'],
  ['content_filter', 'content_filter'],
]);

export function modelOf(response: Json, prompt: Prompt): string {
  return typeof response.model === 'string' ? response.model : prompt.model;
}

export function startOf(response: Json, prompt: Prompt): Delta {
  const start: Delta = { type: 'start', model: modelOf(response, prompt) };
  if (typeof response.id === 'string') start.id = response.id;
  return start;
}

/** What is known of an answer when it ends. */
export interface Ending {
  /** The model that the first event of the stream named. */
  startedAs?: string;
  /** One of the items is a call that the caller must answer. */
  called: boolean;
  incomplete: boolean;
}

/** The deltas after the items of a response that did not fail. */
export function endingOf(response: Json, ending: Ending): Delta[] {
  const deltas: Delta[] = [];
  if (response.usage !== undefined && response.usage !== null) {
    deltas.push({ type: 'usage', usage: usageOf(objectIn(response.usage, 'usage'), response.service_tier) });
  }
  const fields = leftovers(response, ending.startedAs);
  if (Object.keys(fields).length > 0) deltas.push({ type: 'extra', fields });
  deltas.push({ type: 'finish', reason: finishOf(response, ending) });
  return deltas;
}

function finishOf(response: Json, { called, incomplete }: Ending): Finish {
  if (!incomplete) return { unified: called ? 'tool_calls' : 'stop', raw: 'completed' };
  const details = response.incomplete_details;
  const reason = isObject(details) ? details.reason : undefined;
  return {
    unified: INCOMPLETE.get(reason) ?? 'unknown',
    raw: typeof reason === 'string' ? reason : 'incomplete',
  };
}

function usageOf(raw: Json, tier: unknown): Usage {
  const input = isObject(raw.input_tokens_details) ? raw.input_tokens_details : {};
  const output = isObject(raw.output_tokens_details) ? raw.output_tokens_details : {};
  return {
    input: tokenCount(raw.input_tokens),
    output: tokenCount(raw.output_tokens),
    cacheRead: tokenCount(input.cached_tokens),
    cacheWrite: tokenCount(input.cache_write_tokens),
    reasoning: tokenCount(output.reasoning_tokens),
    audioInput: tokenCount(input.audio_tokens) || undefined,
    audioOutput: tokenCount(output.audio_tokens) || undefined,
    tier: answeredTier(tier),
    reportedCost: reportedCost(raw),
    raw,
  };
}

function leftovers(response: Json, startedAs: string | undefined): Json {
  const fields: Json = {};
  for (const [name, value] of Object.entries(response)) {
    if (value !== null && !NO_LEFTOVERS.has(name)) fields[name] = value;
  }
  // The stream of a router may begin with the router's name and end with the name of the chosen model.
  if (startedAs !== undefined && typeof response.model === 'string' && response.model !== startedAs) {
    fields.model = response.model;
  }
  return fields;
}

/** An output item. Fields that the gateway does not know stay in it: clients may, and the provider gets them back. */
export interface OutputItem {
  item: Item;
  /** The provider's id of the item, which has another one here. */
  native: { id?: string };
}

/** Reads the fields of an item, all but its id. */
type Reading = (fields: Json) => Item;

const READINGS: ReadonlyMap<string, Reading> = new Map<string, Reading>([
  ['message', readMessage],
  ['reasoning', readReasoning],
  ['function_call', readFunctionCall],
  ['custom_tool_call', readCustomCall],
]);

export function readItem(value: unknown): OutputItem {
  const { id: _, ...fields } = objectIn(value, 'an output item');
  const reading = READINGS.get(textIn(fields.type, 'type of an output item'));
  const item = reading ? reading(fields) : (fields as unknown as OtherItem);
  const id = idOf(value);
  const native = id === undefined ? {} : { id };
  // The client needs an id to answer the call.
  const isNameless = isClientCall(item) && callIdOf(item) === undefined;
  return { item: isNameless && id !== undefined ? ({ ...item, call_id: id } as Item) : item, native };
}

/** A message of an answer is the model's. Clients cannot send it back under another role. */
function readMessage({ type, role: _, status, content, ...further }: Json): Item {
  const item = { type, role: 'assistant', ...(status !== undefined && { status }), ...further };
  return { ...item, content: readParts(content) } as Message;
}

function readParts(content: unknown): Part[] {
  return listIn(content, 'content of a message').map((part) => {
    const raw = objectIn(part, 'a content part of a message');
    textIn(raw.type, 'type of a content part');
    if (raw.type === 'refusal') textIn(raw.refusal, 'refusal of a content part');
    if (raw.type !== 'output_text') return raw as unknown as Part;
    return readText(raw);
  });
}

/** Providers send an empty `logprobs` when none were requested. In canonical form it is then absent. */
function readText(raw: Json): Part {
  const { text, annotations, logprobs, ...rest } = raw;
  const part: Json = {
    ...rest,
    text: textIn(text, 'text of a content part'),
    annotations: listIn(annotations ?? [], 'annotations of a content part'),
  };
  if (Array.isArray(logprobs) && logprobs.length > 0) part.logprobs = logprobs;
  return part as unknown as Part;
}

function readReasoning({ summary, content, ...further }: Json): Item {
  const item: Json = { ...further, summary: textParts(summary ?? [], 'summary of a reasoning item') };
  if (content !== undefined && content !== null) {
    item.content = textParts(content, 'content of a reasoning item');
  }
  return item as unknown as Reasoning;
}

function textParts(value: unknown, where: string): unknown[] {
  const parts = listIn(value, where);
  for (const part of parts) textIn(objectIn(part, where).text, `text in the ${where}`);
  return parts;
}

function readFunctionCall({ namespace, ...fields }: Json): Item {
  const item = {
    ...fields,
    call_id: textIn(fields.call_id, 'call_id of a function call'),
    name: nameIn(fields.name, 'name of a function call'),
    arguments: textIn(fields.arguments ?? '', 'arguments of a function call'),
  } as FunctionCall;
  return typeof namespace === 'string' ? { ...item, namespace } : item;
}

function readCustomCall(fields: Json): Item {
  return {
    ...fields,
    call_id: textIn(fields.call_id ?? '', 'call_id of a custom tool call'),
    name: nameIn(fields.name, 'name of a custom tool call'),
    input: textIn(fields.input ?? '', 'input of a custom tool call'),
  } as unknown as OtherItem;
}

/** Whether the caller must run a tool and send its output. */
export function isCall(item: Item): boolean {
  return item.type === 'function_call' || isCustomCall(item);
}

/** The content of an item that came whole, as the deltas that its stream would have. */
export function contentDeltas(index: number, item: Item): Delta[] {
  switch (item.type) {
    case 'message':
      return item.content.flatMap((part, at) => partDeltas(index, at, part));
    case 'reasoning':
      return [
        ...item.summary.map(({ text }, part): Delta => ({ type: 'summary-delta', index, part, text })),
        ...(item.content ?? []).map(
          ({ text }, part): Delta => ({ type: 'reasoning-delta', index, part, text }),
        ),
      ];
    case 'function_call':
      return item.arguments === '' ? [] : [{ type: 'arguments-delta', index, text: item.arguments }];
    default:
      return customInput(index, item);
  }
}

function partDeltas(index: number, at: number, part: Part): Delta[] {
  if (part.type === 'refusal') return [{ type: 'refusal-delta', index, part: at, text: part.refusal }];
  if (part.type !== 'output_text') return [];
  const text: Delta = { type: 'text-delta', index, part: at, text: part.text };
  if (part.logprobs) text.logprobs = part.logprobs;
  const annotations = part.annotations.map(
    (annotation): Delta => ({ type: 'annotation', index, part: at, annotation }),
  );
  return [text, ...annotations];
}

function customInput(index: number, item: Item): Delta[] {
  const { input } = item as OtherItem & { input: string };
  return !isCustomCall(item) || input === '' ? [] : [{ type: 'arguments-delta', index, text: input }];
}

/** The provider's id of an item, the same in its stream and in the final answer. */
export function idOf(raw: unknown): string | undefined {
  return isObject(raw) && typeof raw.id === 'string' && raw.id !== '' ? raw.id : undefined;
}
