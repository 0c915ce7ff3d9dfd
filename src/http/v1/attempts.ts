import type { Attempt } from '../../core/turn.ts';
import { dollars } from '../../core/usage.ts';

/** What is shown of the calls behind an answer, where there were several: what each used and cost. */
export function attemptsView(attempts: readonly Attempt[]): Record<string, unknown>[] {
  return attempts.map(({ provider, model, usage, estimated, cost, error }) => ({
    model: `${provider}/${model}`,
    input_tokens: usage.input,
    output_tokens: usage.output,
    ...(estimated && { estimated }),
    ...(cost !== undefined && { cost_usd: dollars(cost) }),
    ...(error && { error }),
  }));
}
