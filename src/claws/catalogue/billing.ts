import type { PicoDollars, Price, TokenPrice } from '../../core/usage.ts';

/** The prices that a provider charges by a general rule, where the list of models has no such price. */
interface Billing {
  /** The price of a token that is written to the prompt cache, as a multiple of the price of other input. */
  cacheWrites?: { fiveMinutes: number; hour: number };
  multipliers: readonly Multiplier[];
}

/** What the prices of a provider are multiplied by. */
interface Multiplier {
  /** A `Usage.tier` or one of `Usage.modes`. */
  name: string;
  factor: number;
  /**
   * The models that the multiplier is for, mostly without dates; absent for all models. The last multiplier
   * that fits is used.
   */
  models?: readonly string[];
}

/**
 * Retrieved in November 2026. A tier that is missing here has no public price: Anthropic's priority tier and
 * Groq's performance tier are sold as capacity, OpenAI's scale tier by contract.
 */
const BILLING: ReadonlyMap<string, Billing> = new Map<string, Billing>([
  [
    'openai',
    {
      multipliers: [
        // https://developers.openai.com/api/docs/pricing: half of the standard price, for each model that has
        // this tier.
        { name: 'flex', factor: 1 / 2 },
        // https://openai.com/api-priority-processing: the price of the tier, divided by the standard price of
        // the model.
        { name: 'priority', factor: 5 / 2, models: ['gpt-5.5'] },
        {
          name: 'priority',
          factor: 2,
          models: [
            ...['gpt-5', 'gpt-5.1', 'gpt-5.2', 'gpt-5.4', 'gpt-5.4-mini', 'gpt-5-codex', 'gpt-5.1-codex'],
            'gpt-4.1-nano',
          ],
        },
        { name: 'priority', factor: 9 / 5, models: ['gpt-5-mini'] },
        { name: 'priority', factor: 17 / 10, models: ['gpt-4o'] },
        { name: 'priority', factor: 7 / 4, models: ['gpt-4.1', 'gpt-4.1-mini', 'gpt-4o-2024-05-13', 'o3'] },
        { name: 'priority', factor: 5 / 3, models: ['gpt-4o-mini'] },
        { name: 'priority', factor: 20 / 11, models: ['o4-mini'] },
      ],
    },
  ],
  [
    'anthropic',
    {
      // https://platform.claude.com/docs/en/about-claude/pricing, "Prompt caching".
      cacheWrites: { fiveMinutes: 5 / 4, hour: 2 },
      multipliers: [
        { name: 'batch', factor: 1 / 2 },
        // The same page, "Data residency pricing". Models before Claude 4.6 have no regions.
        { name: 'us', factor: 11 / 10 },
        // https://platform.claude.com/docs/en/build-with-claude/fast-mode, "Pricing".
        { name: 'fast', factor: 6, models: ['claude-opus-4-6', 'claude-opus-4-7'] },
        { name: 'fast', factor: 2, models: ['claude-opus-4-8'] },
      ],
    },
  ],
  [
    'gemini',
    {
      multipliers: [
        // https://ai.google.dev/gemini-api/docs/optimization: half of the standard price.
        { name: 'flex', factor: 1 / 2 },
        // The same page says 75 to 100 % more; https://docs.llmgateway.io/features/service-tiers says 80 %
        // more.
        { name: 'priority', factor: 9 / 5 },
      ],
    },
  ],
  [
    'groq',
    // https://console.groq.com/docs/flex-processing: the same price as on demand.
    { multipliers: [{ name: 'flex', factor: 1 }] },
  ],
]);

/** `gpt-5-2025-08-07`, `claude-opus-4-1-20250805` */
const DATE = /-(\d{4}-\d{2}-\d{2}|20\d{6})$/;

/** Which model the price is for. */
export interface Priced {
  provider: string;
  model: string;
  /** The operator's multipliers, which override those of the provider. */
  own?: Readonly<Record<string, number>>;
}

/** The listed price of a model, completed by the rules of its provider. Listed prices are not changed. */
export function billedPrice(listed: Price, { provider, model, own }: Priced): Price {
  const billing = BILLING.get(provider);
  const price: Price = withCacheWrites(listed, billing);
  if (listed.tiers) price.tiers = listed.tiers.map((tier) => withCacheWrites(tier, billing));
  const undated = model.replace(DATE, '');
  const multipliers: Record<string, number> = {};
  for (const { name, factor, models } of billing?.multipliers ?? []) {
    if (!models || models.includes(undated) || models.includes(model)) multipliers[name] = factor;
  }
  Object.assign(multipliers, own);
  return Object.keys(multipliers).length > 0 ? { ...price, multipliers } : price;
}

function withCacheWrites<Rate extends TokenPrice>(rate: Rate, billing: Billing | undefined): Rate {
  if (!billing?.cacheWrites) return { ...rate };
  const { fiveMinutes, hour } = billing.cacheWrites;
  return {
    ...rate,
    cacheWrite: rate.cacheWrite ?? times(rate.input, fiveMinutes),
    cacheWriteHour: rate.cacheWriteHour ?? times(rate.input, hour),
  };
}

const times = (price: PicoDollars, factor: number) => Math.round(price * factor) as PicoDollars;
