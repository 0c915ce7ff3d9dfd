import type { Usage } from '../../core/usage.ts';
import { isObject, type Wire } from './wire.ts';

/**
 * `raw` is the provider's usage object. The provider leaves the compaction of a long prompt out of its
 * own totals although it bills it at the same rates, so it is added here; an advisor model's tokens
 * have other prices and stay in `raw.iterations`.
 */
export function usageOf(raw: Wire): Usage {
  const usage: Usage = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0, raw };
  addTo(usage, raw);
  if (isObject(raw.output_tokens_details))
    usage.reasoning = tokens(raw.output_tokens_details.thinking_tokens);
  if (!Array.isArray(raw.iterations)) return usage;
  for (const iteration of raw.iterations) {
    if (isObject(iteration) && iteration.type === 'compaction') addTo(usage, iteration);
  }
  return usage;
}

function addTo(usage: Usage, raw: Wire): void {
  const read = tokens(raw.cache_read_input_tokens);
  const written = tokens(raw.cache_creation_input_tokens);
  usage.input += tokens(raw.input_tokens) + read + written;
  usage.output += tokens(raw.output_tokens);
  usage.cacheRead += read;
  usage.cacheWrite += written;
}

function tokens(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
