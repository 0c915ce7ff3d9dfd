import type { ProtocolName } from '../../core/prompt.ts';
import type { Asked, Attempt, Outcome } from '../../core/turn.ts';
import { dollars, type Usage } from '../../core/usage.ts';

/** The model that answered, as it can be asked for again: `provider/model`. Without an answer, as it was asked for. */
export const modelName = ({
  answeredBy,
  model,
}: Pick<Asked, 'model'> & Pick<Partial<Outcome>, 'answeredBy'>): string =>
  answeredBy ? `${answeredBy.provider}/${answeredBy.model}` : model;

type Answered = Pick<Partial<Outcome>, 'answeredBy' | 'extra' | 'usage'>;

/** Fields of the provider's answer that a dialect passes on: those of a provider with the same vocabulary. */
export const passedOn = ({ answeredBy, extra }: Answered, protocol: ProtocolName): Outcome['extra'] =>
  answeredBy?.protocol === protocol ? extra : undefined;

/** The service tier of the answer. Providers with the APIs of OpenAI have the same words for it. */
export function answeredTier({ answeredBy, extra, usage }: Answered): string | undefined {
  const tier = answeredBy?.protocol.startsWith('openai-') ? extra?.service_tier : undefined;
  return typeof tier === 'string' ? tier : usage?.tier;
}

/**
 * How long what was written to the provider's cache stays there, in Anthropic's words; nothing where the provider
 * does not say.
 */
export function cacheCreation({ cacheWrite, cacheWriteHour }: Usage): { cache_creation?: unknown } {
  if (cacheWriteHour === undefined) return {};
  const fiveMinutes = Math.max(0, cacheWrite - cacheWriteHour);
  return {
    cache_creation: {
      ephemeral_5m_input_tokens: fiveMinutes,
      ephemeral_1h_input_tokens: cacheWriteHour,
    },
  };
}

/** The calls that made an answer: what each used and cost, by our prices and by those of the provider. */
export function attemptsView(attempts: readonly Attempt[]): Record<string, unknown>[] {
  return attempts.map(({ provider, model, usage, estimated, cost, costEstimated, error }) => ({
    model: `${provider}/${model}`,
    input_tokens: usage.input,
    output_tokens: usage.output,
    ...(estimated && { estimated }),
    ...(usage.tier !== undefined && usage.tier !== 'default' && { service_tier: usage.tier }),
    ...(cost !== undefined && { cost_usd: dollars(cost) }),
    ...(costEstimated && { cost_estimated: costEstimated }),
    ...(usage.reportedCost !== undefined && { reported_cost_usd: dollars(usage.reportedCost) }),
    ...(error && { error }),
  }));
}
