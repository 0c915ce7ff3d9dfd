import {
  type NanoDollars,
  nanoDollars,
  type Price,
  type TokenPrice,
  USUAL_TIERS,
  type Usage,
} from '../core/usage.ts';

const PICO_PER_NANO = 1000;

/** Requests with these values do not ask for a tier with other prices. With `auto`, the provider chooses. */
const USUAL_REQUESTS: ReadonlySet<string> = new Set([...USUAL_TIERS, 'auto', 'standard_only']);

/** The price of one call. */
export interface Cost {
  amount: NanoDollars;
  /** A price of the call is unknown; the amount uses the nearest known price. */
  estimated: boolean;
}

/**
 * What a call cost: exact in picodollars (whole numbers; the sum is exact up to 9,000 dollars), multiplied for
 * its service tier and rounded once, half up. Cached, written and audio tokens are parts of `usage.input`;
 * reasoning and audio are parts of `usage.output`: no token is charged twice. The tier that answered is charged;
 * `askedTier`, the requested one, counts only where the provider does not say which tier answered.
 */
export function costOf(usage: Usage, price: Price, askedTier?: string): Cost {
  const rate = rateFor(usage.input, price);
  const { factor, known } = factorOf(usage, price, askedTier);
  const isHourKnown = !usage.cacheWriteHour || rate.cacheWriteHour !== undefined;
  return {
    amount: nanoDollars(((inputCost(usage, rate) + outputCost(usage, rate)) * factor) / PICO_PER_NANO),
    estimated: !known || !isHourKnown,
  };
}

function inputCost(usage: Usage, rate: TokenPrice): number {
  // Some providers report more cached tokens than input; the rest must not be negative.
  const plain = Math.max(0, usage.input - usage.cacheRead - usage.cacheWrite);
  const audio = Math.min(usage.audioInput ?? 0, plain);
  const hour = Math.min(usage.cacheWriteHour ?? 0, usage.cacheWrite);
  const write = rate.cacheWrite ?? rate.input;
  return (
    (plain - audio) * rate.input +
    audio * (rate.audioInput ?? rate.input) +
    usage.cacheRead * (rate.cacheRead ?? rate.input) +
    (usage.cacheWrite - hour) * write +
    hour * (rate.cacheWriteHour ?? write)
  );
}

function outputCost(usage: Usage, rate: TokenPrice): number {
  const reasoning = Math.min(usage.reasoning, usage.output);
  const plain = usage.output - reasoning;
  const audio = Math.min(usage.audioOutput ?? 0, plain);
  return (
    (plain - audio) * rate.output +
    audio * (rate.audioOutput ?? rate.output) +
    reasoning * (rate.reasoning ?? rate.output)
  );
}

const USUAL = { factor: 1, known: true };

/** The multiplier of the prices. `known` is false if the tier or its price is unknown. */
function factorOf({ tier, modes }: Usage, price: Price, askedTier = 'default') {
  if (!modes && USUAL_REQUESTS.has(tier ?? askedTier)) return USUAL;
  let factor = 1;
  let known = tier !== undefined || USUAL_REQUESTS.has(askedTier);
  for (const word of [tier ?? askedTier, ...(modes ?? [])]) {
    if (USUAL_REQUESTS.has(word)) continue;
    const multiplier = multiplierOf(word, price);
    if (multiplier === undefined) known = false;
    else factor *= multiplier;
  }
  return { factor, known };
}

function multiplierOf(word: string, { multipliers = {} }: Price): number | undefined {
  return Object.hasOwn(multipliers, word) ? multipliers[word] : undefined;
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
