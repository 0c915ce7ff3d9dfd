import type { Usage } from '../../core/usage.ts';

function count(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

/** Results of hosted tools are fed back to the model as input and are billed so, beside the prompt. */
export function usageOf(raw: Record<string, unknown>): Usage {
  const reasoning = count(raw.thoughtsTokenCount);
  return {
    input: count(raw.promptTokenCount) + count(raw.toolUsePromptTokenCount),
    output: count(raw.candidatesTokenCount) + reasoning,
    cacheRead: count(raw.cachedContentTokenCount),
    cacheWrite: 0,
    reasoning,
    raw,
  };
}
