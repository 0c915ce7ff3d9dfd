import { type NanoDollars, nanoDollars, type Price, type TokenPrice, type Usage } from '../core/usage.ts';

const PICO_PER_NANO = 1000;

/**
 * What a call cost: exact in picodollars (whole numbers; the sum is exact up to 9,000 dollars), rounded
 * once, half up. Cached and written tokens are parts of `usage.input`, reasoning is a part of
 * `usage.output`: no token is charged twice.
 */
export function costOf(usage: Usage, price: Price): NanoDollars {
  const rate = rateFor(usage.input, price);
  // Some providers report more cached tokens than input; the rest must not be negative.
  const plainInput = Math.max(0, usage.input - usage.cacheRead - usage.cacheWrite);
  const plainOutput = Math.max(0, usage.output - usage.reasoning);
  const pico =
    plainInput * rate.input +
    usage.cacheRead * (rate.cacheRead ?? rate.input) +
    usage.cacheWrite * (rate.cacheWrite ?? rate.input) +
    plainOutput * rate.output +
    Math.min(usage.reasoning, usage.output) * (rate.reasoning ?? rate.output);
  return nanoDollars(pico / PICO_PER_NANO);
}

function rateFor(input: number, price: Price): TokenPrice {
  let rate: TokenPrice = price;
  let highest = -1;
  for (const tier of price.tiers ?? []) {
    if (input > tier.above && tier.above > highest) {
      rate = tier;
      highest = tier.above;
    }
  }
  return rate;
}
