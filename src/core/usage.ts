/**
 * Tokens of one call, counted in the same way for every provider. `input` counts the whole prompt, cached
 * tokens included; `output` counts everything generated, reasoning included. `raw` is the provider's
 * own object, unchanged.
 */
export interface Usage {
  input: number;
  output: number;
  /** Part of `input` that was read from the provider's prompt cache. */
  cacheRead: number;
  /** Part of `input` that was written to the provider's prompt cache. */
  cacheWrite: number;
  /** Part of `cacheWrite` that stays cached for an hour. Absent where the provider does not say how long. */
  cacheWriteHour?: number;
  /** Part of `output` spent on reasoning. */
  reasoning: number;
  /** Part of `input` that is audio, without audio that was read from the cache. */
  audioInput?: number;
  /** Part of `output` that is audio. */
  audioOutput?: number;
  /**
   * The service tier that answered, which may differ from the requested one: `default` for the usual tier, or
   * the provider's own word in lower case (`flex`, `priority`). Absent where the provider does not say.
   */
  tier?: string;
  /**
   * Further properties of the call that change the price, as the provider names them: `fast` (a speed), `us` (a
   * region).
   */
  modes?: readonly string[];
  /** The cost of the call as the provider reports it. */
  reportedCost?: NanoDollars;
  raw?: unknown;
}

/**
 * The names of the service tier that has the listed prices, at OpenAI, at Anthropic and Google, and at Groq.
 */
export const USUAL_TIERS: ReadonlySet<string> = new Set(['default', 'standard', 'on_demand']);

/** Money in thousand-millionths of a US dollar: whole numbers, so that sums are exact. */
export type NanoDollars = number & { readonly nanoDollars: unique symbol };

/** An amount in nanodollars, rounded to a whole number. */
export const nanoDollars = (value: number): NanoDollars => Math.round(value) as NanoDollars;

/** The same amount in US dollars. */
export const dollars = (value: NanoDollars): number => value / 1e9;

/** Money per token, in millionths of a millionth of a US dollar: whole numbers for every listed price. */
export type PicoDollars = number & { readonly picoDollars: unique symbol };

/** The usual way to write a price: 2.5 US dollars per million tokens are 2,500,000 picodollars per token. */
export const perMillion = (usd: number): PicoDollars => Math.round(usd * 1e6) as PicoDollars;

/** What one token of each kind costs. */
export interface TokenPrice {
  input: PicoDollars;
  output: PicoDollars;
  /** For input read from the prompt cache; like other input when absent. */
  cacheRead?: PicoDollars;
  /** For input written to the prompt cache; like other input when absent. */
  cacheWrite?: PicoDollars;
  /**
   * For input that is written to the prompt cache for an hour. Absent: the same price as for other cache
   * writes.
   */
  cacheWriteHour?: PicoDollars;
  /** For output spent on reasoning; like other output when absent. */
  reasoning?: PicoDollars;
  /** For input that is audio. Absent: the same price as for other input. */
  audioInput?: PicoDollars;
  /** For output that is audio. Absent: the same price as for other output. */
  audioOutput?: PicoDollars;
}

/** What a model's tokens cost. A free model has a price of 0; a model of unknown price has none. */
export interface Price extends TokenPrice {
  /** Prices of long prompts: the one with the largest `above` that the prompt exceeds holds for the whole call. */
  tiers?: readonly (TokenPrice & { above: number })[];
  /**
   * The multiplier of all prices, by `Usage.tier` and `Usage.modes`. For any other tier or mode, the price is
   * unknown.
   */
  multipliers?: Readonly<Record<string, number>>;
}
