import type { Finish } from '../../core/delta.ts';
import { Fault } from '../../core/errors.ts';

const WORDS: Record<string, Finish['unified']> = {
  stop: 'stop',
  eos: 'stop',
  eos_token: 'stop',
  end_turn: 'stop',
  stop_sequence: 'stop',
  complete: 'stop',
  length: 'length',
  max_tokens: 'length',
  model_length: 'length',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls',
  tool_use: 'tool_calls',
  content_filter: 'content_filter',
  safety: 'content_filter',
  sensitive: 'content_filter',
};

/** Words by which a provider says that it failed midway (OpenRouter and Mistral, Zhipu, DeepSeek). */
const FAILURES = new Set(['error', 'network_error', 'insufficient_system_resource']);

/** `called` says whether the choice holds tool calls: OpenAI itself says `stop` when a call was forced. */
export function finishOf(raw: string | undefined, called: boolean): Finish {
  const unified = raw === undefined ? 'unknown' : (WORDS[raw.toLowerCase()] ?? 'unknown');
  return { unified: unified === 'stop' && called ? 'tool_calls' : unified, raw: raw ?? null };
}

export function checkFinish(raw: string): void {
  if (!FAILURES.has(raw)) return;
  throw new Fault('provider_error', `The provider ended the answer with the reason "${raw}".`, {
    raw: { finish_reason: raw },
  });
}
