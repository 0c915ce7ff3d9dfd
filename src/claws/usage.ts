import { isObject } from '../core/json.ts';
import { type NanoDollars, nanoDollars, USUAL_TIERS } from '../core/usage.ts';

type Json = Record<string, unknown>;

/** More than any call can use. */
const MOST_TOKENS = 1e12;

/** A number of tokens that a provider reports: whole and not negative. 0 where it is no such number. */
export function tokenCount(value: unknown): number {
  return typeof value === 'number' && value > 0 && value <= MOST_TOKENS ? Math.round(value) : 0;
}

const NANO_PER_DOLLAR = 1e9;
/** Millions of dollars are no cost of a call, and their nanodollars would not be exact. */
const MOST_NANOS = Number.MAX_SAFE_INTEGER;
/** xAI: 10,000,000,000 ticks are a dollar (https://docs.x.ai/developers/cost-tracking). */
const TICKS_PER_NANO = 10;

/**
 * The cost of the call as the provider reports it: `cost` (OpenRouter, whose credits are dollars; Vercel),
 * `cost.total_cost` (Perplexity), `estimated_cost` (Deep Infra), all in dollars, and `cost_in_usd_ticks` (xAI).
 */
export function reportedCost(usage: Json): NanoDollars | undefined {
  const { cost, cost_in_usd_ticks: ticks, estimated_cost } = usage;
  const usd = [isObject(cost) ? cost.total_cost : cost, estimated_cost];
  const nanos = [amount(ticks, 1 / TICKS_PER_NANO), ...usd.map((value) => amount(value, NANO_PER_DOLLAR))];
  return nanos.find((value) => value !== undefined);
}

function amount(value: unknown, nanosEach: number): NanoDollars | undefined {
  if (typeof value !== 'number' || value < 0 || value * nanosEach > MOST_NANOS) return undefined;
  return nanoDollars(value * nanosEach);
}

/**
 * `Usage.tier` for a provider's value. `auto` is a choice of the request and not a tier, although some servers
 * repeat it in the answer.
 */
export function answeredTier(word: unknown): string | undefined {
  if (typeof word !== 'string' || word === '') return undefined;
  const tier = word.toLowerCase();
  if (tier === 'auto') return undefined;
  return USUAL_TIERS.has(tier) ? 'default' : tier;
}

/**
 * A provider's usage object that comes in several chunks. Counts only grow, but some servers send later
 * chunks with zeros, or with a part of the fields. So a value replaces an earlier one only if it says more.
 */
export function laterUsage(before: Json, after: Json): Json {
  const both: Json = { ...before };
  for (const [key, next] of Object.entries(after)) {
    const old = before[key];
    if (next === null || next === undefined || key === '__proto__') continue;
    if (isObject(old) && isObject(next)) both[key] = laterUsage(old, next);
    else if (old === undefined || old === null || !isEmpty(next)) both[key] = next;
  }
  return both;
}

const isEmpty = (value: unknown): boolean => value === 0 || (Array.isArray(value) && value.length === 0);
