import type { Allowance, Quota } from '../core/quota.ts';
import type { AnswerHeaders } from './http/transport.ts';

/** The headers of one rate limit, by their full names. */
interface Names {
  limit: string;
  remaining: string;
  reset: string;
  /** The longest time until the limit is available again, where its window is known and no `reset` is sent. */
  windowMs?: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/**
 * OpenAI, Groq and servers that follow them: platform.openai.com/docs/guides/rate-limits (Rate limits in headers),
 * console.groq.com/docs/rate-limits. Cerebras adds the window: `…-requests-day`, `…-tokens-minute`
 * (inference-docs.cerebras.ai/support/rate-limits).
 */
const openai = (what: string, windowMs?: number): Names => ({
  limit: `x-ratelimit-limit-${what}`,
  remaining: `x-ratelimit-remaining-${what}`,
  reset: `x-ratelimit-reset-${what}`,
  windowMs,
});

/** docs.anthropic.com/en/api/rate-limits (Response headers). */
const anthropic = (what: string): Names => ({
  limit: `anthropic-ratelimit-${what}-limit`,
  remaining: `anthropic-ratelimit-${what}-remaining`,
  reset: `anthropic-ratelimit-${what}-reset`,
});

const REQUESTS: readonly Names[] = [
  openai('requests'),
  openai('requests-minute', MINUTE_MS),
  openai('requests-hour'),
  openai('requests-day'),
  // Mistral names requests so, and sends no `reset` (github.com/mistralai/client-ts/issues/169).
  openai('req-minute', MINUTE_MS),
  // OpenRouter: openrouter.ai/docs/api-reference/limits. Together: docs.together.ai/docs/rate-limits.
  { limit: 'x-ratelimit-limit', remaining: 'x-ratelimit-remaining', reset: 'x-ratelimit-reset' },
  anthropic('requests'),
];

const TOKENS: readonly Names[] = [
  openai('tokens'),
  openai('tokens-minute', MINUTE_MS),
  openai('tokens-hour'),
  openai('tokens-day'),
  // Together: its tokens are available again together with its requests.
  { limit: 'x-tokenlimit-limit', remaining: 'x-tokenlimit-remaining', reset: 'x-ratelimit-reset' },
  anthropic('tokens'),
  anthropic('input-tokens'),
  anthropic('output-tokens'),
];

/**
 * What the headers of a reply say about rate limits; `undefined` where they say nothing. Of several limits of one
 * kind, the one of which the smallest share is left counts. Values that cannot be true are ignored. `now` is used
 * where the provider does not send its own time (`Date`); in milliseconds.
 */
export function quotaOf(headers: AnswerHeaders, now = Date.now()): Quota | undefined {
  const requests = scarcest(REQUESTS, headers, now);
  const tokens = scarcest(TOKENS, headers, now);
  return requests || tokens ? { requests, tokens } : undefined;
}

function scarcest(limits: readonly Names[], headers: AnswerHeaders, now: number): Allowance | undefined {
  let least: Allowance | undefined;
  for (const names of limits) {
    const remaining = headers.get(names.remaining);
    const allowance = remaining === null ? undefined : allowanceOf(remaining, names, headers, now);
    if (allowance && (!least || isScarcer(allowance, least))) least = allowance;
  }
  return least;
}

function isScarcer(one: Allowance, other: Allowance): boolean {
  const difference = shareLeft(one) - shareLeft(other);
  return difference < 0 || (difference === 0 && one.remaining === 0 && one.resetsInMs > other.resetsInMs);
}

/** Of an unknown limit, everything or nothing. */
const shareLeft = ({ remaining, limit }: Allowance): number =>
  remaining === 0 ? 0 : remaining / (limit || remaining);

function allowanceOf(
  remainingText: string,
  names: Names,
  headers: AnswerHeaders,
  now: number,
): Allowance | undefined {
  const remaining = countOf(remainingText);
  const limitText = headers.get(names.limit);
  const limit = limitText === null ? undefined : countOf(limitText);
  const resetText = headers.get(names.reset);
  const resetsInMs = resetText === null ? names.windowMs : millisecondsUntil(resetText, headers, now);
  if (remaining === undefined || resetsInMs === undefined) return undefined;
  return { ...(limit !== undefined && { limit }), remaining, resetsInMs: Math.min(resetsInMs, DAY_MS) };
}

/** No provider allows as many requests or tokens as this. */
const LARGEST_COUNT = 1e12;

/**
 * Azure sends -1 for a value that it does not know, and other negative numbers for a limit that was passed
 * (learn.microsoft.com/en-us/answers/questions/5625878).
 */
function countOf(text: string): number | undefined {
  if (!/^-?\d{1,15}(\.\d+)?$/.test(text) || text === '-1') return undefined;
  const count = Math.max(0, Math.floor(Number(text)));
  return count <= LARGEST_COUNT ? count : undefined;
}

/** A number from here on is a time in seconds since 1970, and from `EPOCH_MS` on a time in milliseconds. */
const EPOCH_SECONDS = 1e9;
const EPOCH_MS = 1e12;

/**
 * Reads a duration (`6m0s`, `20ms`), a number of seconds, a time in seconds or milliseconds since 1970, or a date
 * (RFC 3339). 0 for a time in the past.
 */
function millisecondsUntil(text: string, headers: AnswerHeaders, now: number): number | undefined {
  const duration = durationOf(text);
  if (duration !== undefined) return duration;
  const isNumber = /^\d{1,15}(\.\d+)?$/.test(text);
  const number = Number(text);
  if (isNumber && number < EPOCH_SECONDS) return number * 1000;
  const at = isNumber ? (number < EPOCH_MS ? number * 1000 : number) : dateOf(text);
  const sent = Date.parse(headers.get('date') ?? '');
  // Where both times come from the provider, a wrong clock on this machine does no harm.
  const until = at - (Number.isNaN(sent) ? now : sent);
  return Number.isNaN(until) ? undefined : Math.max(0, until);
}

/** `NaN` for a text that is not a date with a time. `Date.parse` alone takes almost any text with a number. */
const dateOf = (text: string): number => (/^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN);

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: MINUTE_MS,
  h: 60 * MINUTE_MS,
  d: DAY_MS,
};

/** Durations as Go writes them: `2m52.8s`. */
function durationOf(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  let ms = 0;
  for (let at = 0; at < text.length; ) {
    const count = at;
    while (isOfNumber(text.charCodeAt(at))) at++;
    const unit = at;
    while (at < text.length && !isOfNumber(text.charCodeAt(at))) at++;
    ms += Number(text.slice(count, unit)) * UNIT_MS[text.slice(unit, at)]!;
  }
  return ms;
}

const DURATION = /^(?:\d{1,9}(?:\.\d{1,9})?(?:ns|us|µs|ms|s|m|h|d)){1,5}$/;

/** A digit or a point, in the text of a duration. */
const isOfNumber = (code: number): boolean => code < 58;
