import type { Delta, Finish } from '../../core/delta.ts';
import type { Prompt } from '../../core/prompt.ts';
import type { Usage } from '../../core/usage.ts';
import { isObject, type Json, objectIn } from './shape.ts';

/** Fields of a response that deltas carry in their own way. */
const MODELLED = [
  'id',
  'object',
  'model',
  'status',
  'output',
  'usage',
  'error',
  'incomplete_details',
  // The SDKs' own join of the output's text; some servers send it.
  'output_text',
];

/**
 * Fields in which the provider repeats the request. The gateway answers with what its own caller
 * asked; the provider saw another request: the whole history as `input`, `store: false`, tools and
 * instructions as they were sent. Repeating them per turn would also store them once per turn.
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

const PLACED: ReadonlySet<string> = new Set([...MODELLED, ...ECHOES]);

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

export interface Ending {
  /** The model that the stream began with. */
  startedAs?: string;
  /** One of the items was a call that the caller has to answer. */
  called: boolean;
  incomplete: boolean;
}

/** What follows the items of a response that did not fail. */
export function endingOf(response: Json, ending: Ending): Delta[] {
  const deltas: Delta[] = [];
  if (response.usage !== undefined && response.usage !== null) {
    deltas.push({ type: 'usage', usage: usageOf(objectIn(response.usage, 'usage')) });
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

function usageOf(raw: Json): Usage {
  const input = isObject(raw.input_tokens_details) ? raw.input_tokens_details : {};
  const output = isObject(raw.output_tokens_details) ? raw.output_tokens_details : {};
  return {
    input: count(raw.input_tokens),
    output: count(raw.output_tokens),
    cacheRead: count(input.cached_tokens),
    cacheWrite: count(input.cache_write_tokens),
    reasoning: count(output.reasoning_tokens),
    raw,
  };
}

const count = (value: unknown): number => (typeof value === 'number' ? value : 0);

function leftovers(response: Json, startedAs: string | undefined): Json {
  const fields: Json = {};
  for (const [name, value] of Object.entries(response)) {
    if (value !== null && !PLACED.has(name)) fields[name] = value;
  }
  // A router's stream may begin with the router's name and end with that of the model it chose.
  if (startedAs !== undefined && typeof response.model === 'string' && response.model !== startedAs) {
    fields.model = response.model;
  }
  return fields;
}
