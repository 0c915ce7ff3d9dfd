/**
 * Tokens of one call, in one meaning for every provider. `input` counts the whole prompt, cached
 * tokens included; `output` counts everything generated, reasoning included. `raw` is the provider's
 * own object, untouched.
 */
export interface Usage {
  input: number;
  output: number;
  /** Part of `input` that was read from the provider's prompt cache. */
  cacheRead: number;
  /** Part of `input` that was written to the provider's prompt cache. */
  cacheWrite: number;
  /** Part of `output` spent on reasoning. */
  reasoning: number;
  raw?: unknown;
}

/** Money in thousand-millionths of a US dollar: whole numbers, so that sums never drift. */
export type NanoDollars = number & { readonly nanoDollars: unique symbol };

export const nanoDollars = (value: number): NanoDollars => Math.round(value) as NanoDollars;

export const dollars = (value: NanoDollars): number => value / 1e9;
