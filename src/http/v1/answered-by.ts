import type { ProtocolName } from '../../core/prompt.ts';
import type { Asked, Attempt, Outcome } from '../../core/turn.ts';
import { dollars } from '../../core/usage.ts';

/** The model that answered, as it can be asked for again: `provider/model`. Without an answer, as it was asked for. */
export const modelName = ({
  answeredBy,
  model,
}: Pick<Asked, 'model'> & Pick<Partial<Outcome>, 'answeredBy'>): string =>
  answeredBy ? `${answeredBy.provider}/${answeredBy.model}` : model;

type Answered = Pick<Partial<Outcome>, 'answeredBy' | 'extra'>;

/** Fields of the provider's answer that a dialect passes on: those of a provider with the same vocabulary. */
export const passedOn = ({ answeredBy, extra }: Answered, protocol: ProtocolName): Outcome['extra'] =>
  answeredBy?.protocol === protocol ? extra : undefined;

/** The service tier of the answer. The APIs of OpenAI have the same words for it. */
export function answeredTier({ answeredBy, extra }: Answered): string | undefined {
  const tier = answeredBy?.protocol.startsWith('openai-') ? extra?.service_tier : undefined;
  return typeof tier === 'string' ? tier : undefined;
}

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
