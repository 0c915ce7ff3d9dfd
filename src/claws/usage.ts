import { isObject } from '../core/json.ts';
import { type NanoDollars, nanoDollars, USUAL_TIERS } from '../core/usage.ts';

type Json = Record<string, unknown>;

const NANO_PER_DOLLAR = 1e9;
/** xAI: 10,000,000,000 ticks are a dollar (https://docs.x.ai/developers/cost-tracking). */
const TICKS_PER_NANO = 10;

/**
 * The cost of the call as the provider reports it: `cost` (OpenRouter, whose credits are dollars; Vercel),
 * `cost.total_cost` (Perplexity), `estimated_cost` (Deep Infra), all in dollars, and `cost_in_usd_ticks` (xAI).
 */
export function reportedCost(usage: Json): NanoDollars | undefined {
  const { cost, cost_in_usd_ticks: ticks, estimated_cost } = usage;
  if (isAmount(ticks)) return nanoDollars(ticks / TICKS_PER_NANO);
  const usd = [isObject(cost) ? cost.total_cost : cost, estimated_cost].find(isAmount);
  return usd === undefined ? undefined : nanoDollars(usd * NANO_PER_DOLLAR);
}

const isAmount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0;

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
