import type { Asked, Attempt, Outcome } from '../../core/turn.ts';
import { dollars } from '../../core/usage.ts';

/** The model that answered, as it can be asked for again: `provider/model`. Without an answer, as it was asked for. */
export const modelName = ({
  answeredBy,
  model,
}: Pick<Asked, 'model'> & Pick<Partial<Outcome>, 'answeredBy'>): string =>
  answeredBy ? `${answeredBy.provider}/${answeredBy.model}` : model;

/** The calls that made an answer, where there were several: what each used and cost. */
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
