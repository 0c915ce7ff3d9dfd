import type { Usage } from '../../core/usage.ts';
import { isObject, type Json } from './wire.ts';

/** Tokens in one meaning, from the fields in which servers report them. */
export function usageOf(raw: Json): Usage {
  const prompt = isObject(raw.prompt_tokens_details) ? raw.prompt_tokens_details : {};
  const completion = isObject(raw.completion_tokens_details) ? raw.completion_tokens_details : {};
  const input = count(raw.prompt_tokens);
  const reasoning = count(completion.reasoning_tokens ?? raw.reasoning_tokens);
  return {
    input,
    output: outputOf(raw, input, reasoning),
    // OpenAI and most; Moonshot; DeepSeek.
    cacheRead: count(prompt.cached_tokens ?? raw.cached_tokens ?? raw.prompt_cache_hit_tokens),
    // OpenAI and OpenRouter; Alibaba.
    cacheWrite: count(prompt.cache_write_tokens ?? prompt.cache_creation_input_tokens),
    reasoning,
    raw,
  };
}

/** xAI leaves reasoning out of `completion_tokens`; its total gives it away. */
function outputOf(raw: Json, input: number, reasoning: number): number {
  const output = count(raw.completion_tokens);
  const apart = reasoning > 0 && raw.total_tokens === input + output + reasoning;
  return apart ? output + reasoning : output;
}

function count(value: unknown): number {
  return typeof value === 'number' && value > 0 ? value : 0;
}
