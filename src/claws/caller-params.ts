import type { Prompt, ProtocolName } from '../core/prompt.ts';

type Names = Readonly<Record<Exclude<ProtocolName, 'local'>, string | undefined>>;

/**
 * Request fields that mean the same in several APIs, with their name in each. The fields inside such a field
 * are part of it.
 */
const FIELDS: readonly Names[] = [
  row('messages', 'input', 'messages', 'contents'),
  row('messages', 'instructions', 'system', 'systemInstruction'),
  row('model', 'model', 'model', 'model'),
  row('tools', 'tools', 'tools', 'tools'),
  row('tool_choice', 'tool_choice', 'tool_choice', 'toolConfig'),
  row('max_completion_tokens', 'max_output_tokens', 'max_tokens', 'generationConfig.maxOutputTokens'),
  row('max_tokens', 'max_output_tokens', 'max_tokens', 'generationConfig.maxOutputTokens'),
  row('temperature', 'temperature', 'temperature', 'generationConfig.temperature'),
  row('top_p', 'top_p', 'top_p', 'generationConfig.topP'),
  row('stop', undefined, 'stop_sequences', 'generationConfig.stopSequences'),
  row('seed', undefined, undefined, 'generationConfig.seed'),
  row('n', undefined, undefined, 'generationConfig.candidateCount'),
  row('top_logprobs', 'top_logprobs', undefined, 'generationConfig.logprobs'),
  row('frequency_penalty', 'frequency_penalty', undefined, 'generationConfig.frequencyPenalty'),
  row('presence_penalty', 'presence_penalty', undefined, 'generationConfig.presencePenalty'),
  row('response_format', 'text.format', 'output_config.format', 'generationConfig.responseJsonSchema'),
  row('response_format', 'text.format', 'output_format', 'generationConfig.responseSchema'),
  row('reasoning_effort', 'reasoning', 'thinking', 'generationConfig.thinkingConfig'),
  row('reasoning_effort', 'reasoning', 'output_config.effort', undefined),
  row('verbosity', 'text.verbosity', undefined, undefined),
  row('parallel_tool_calls', 'parallel_tool_calls', undefined, undefined),
  row('service_tier', 'service_tier', 'service_tier', undefined),
];

function row(chat: string, responses?: string, anthropic?: string, gemini?: string): Names {
  return { 'openai-chat': chat, 'openai-responses': responses, anthropic, gemini };
}

/**
 * A field of a provider's request, as its caller named it; `undefined` where the caller's API has no such
 * field. In the same API, it is the path that the provider gave. The index of a message counts the whole
 * history, so it is left out where the caller did not send that history.
 */
export function callersParam(param: string, protocol: ProtocolName, prompt: Prompt): string | undefined {
  const { dialect, items } = prompt;
  if (protocol === 'local' || dialect === 'local') return undefined;
  if (protocol !== dialect) return nameIn(dialect, protocol, param);
  const conversation = FIELDS[0]![protocol]!;
  const hasHistory = items.some(({ answeredBy }) => answeredBy !== undefined);
  return hasHistory && isWithin(param, conversation) ? conversation : param;
}

function nameIn(dialect: keyof Names, protocol: keyof Names, param: string): string | undefined {
  // Google's messages may write names of fields in snake_case or in camelCase.
  const path =
    protocol === 'gemini' ? param.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()) : param;
  return FIELDS.find((names) => isWithin(path, names[protocol]))?.[dialect];
}

const isWithin = (path: string, field: string | undefined): boolean =>
  field !== undefined && path.startsWith(field) && /^([.[]|$)/.test(path.slice(field.length));
