import type { ErrorCode } from '../core/error-catalogue.ts';
import { Fault, type ProviderError } from '../core/errors.ts';
import type { AnswerHeaders } from './http/transport.ts';

/** What is known of a failed answer beside its status. */
export interface StatusDetail {
  /** The headers of the answer. `Retry-After` and `retry-after-ms` are read. */
  headers?: AnswerHeaders;
  /** The provider's error body, unchanged. */
  raw?: unknown;
  /** The error as the provider reported it, from `reportedOf`. */
  reported?: ProviderError;
}

/** Longer texts are not names of errors or fields. */
const LONGEST_NAME = 200;

/**
 * The error as a provider reported it; `undefined` if the provider gave no code, type or field. Numbers are
 * read as text.
 */
export function reportedOf(words: Record<'code' | 'type' | 'param', unknown>): ProviderError | undefined {
  const reported: ProviderError = {};
  for (const field of ['code', 'type', 'param'] as const) {
    const word = words[field];
    const text = typeof word === 'number' ? String(word) : word;
    if (typeof text === 'string' && text !== '' && text.length <= LONGEST_NAME) reported[field] = text;
  }
  return Object.keys(reported).length > 0 ? reported : undefined;
}

const EXACT: Record<number, ErrorCode> = {
  401: 'provider_auth_failed',
  402: 'quota_exceeded',
  403: 'provider_auth_failed',
  404: 'model_not_found',
  408: 'provider_timeout',
  429: 'rate_limited',
  // A server between here and the model gave up; Google: "CANCELLED".
  499: 'provider_error',
  // Groq: "flex tier capacity exceeded"; Anthropic and several proxies: "overloaded".
  498: 'provider_overloaded',
  503: 'provider_overloaded',
  504: 'provider_timeout',
  // Cloudflare: the origin did not accept a connection in time, or did not answer on it.
  522: 'provider_timeout',
  524: 'provider_timeout',
  529: 'provider_overloaded',
};

/** The error code for an HTTP status alone. Protocols look at the structured body first. */
export function codeOfStatus(status: number): ErrorCode {
  const exact = EXACT[status];
  if (exact) return exact;
  return status >= 400 && status < 500 ? 'provider_rejected_request' : 'provider_error';
}

/**
 * The code of an HTTP failure whose body is no error of the provider's API. A 404 then means that the base URL is
 * wrong, not that the model is missing.
 */
export function codeOfPage(status: number): ErrorCode {
  return status === 404 ? 'provider_rejected_request' : codeOfStatus(status);
}

/** A fault whose code is already known, with the time after which to retry, from the headers or the message. */
export function faultOf(code: ErrorCode, message: string, detail: StatusDetail = {}): Fault {
  const { raw, reported, headers } = detail;
  const retryAfter = retryAfterOf(headers) ?? retryAfterIn(code, message);
  return new Fault(code, message, { raw, reported, retryAfter });
}

/** "try again in 9m38.016s" (OpenAI, Groq), "retry after 20 seconds" (Azure). */
const WAIT =
  /(?:try again|retry) (?:in|after) (?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+) ?(ms|s\b|seconds?|minutes?))?/i;

const SECONDS: Readonly<Record<string, number>> = { ms: 0.001, minute: 60, minutes: 60 };

/** The time to wait that the message of a limit names, for providers and proxies that send no header. */
function retryAfterIn(code: ErrorCode, message: string): number | undefined {
  if (code !== 'rate_limited' && code !== 'provider_overloaded') return undefined;
  const [, hours = 0, minutes = 0, count = 0, unit = 's'] = WAIT.exec(message) ?? [];
  const seconds = Number(hours) * 3_600 + Number(minutes) * 60 + Number(count) * (SECONDS[unit] ?? 1);
  return seconds > 0 ? wholeSeconds(seconds) : undefined;
}

/**
 * Whole seconds, rounded up, at most one day. Undefined when the headers hold no valid time. `now` is used
 * for a date when the provider does not send its own (`Date`); in milliseconds.
 */
export function retryAfterOf(headers: AnswerHeaders | undefined, now = Date.now()): number | undefined {
  if (!headers) return undefined;
  const milliseconds = headers.get('retry-after-ms');
  const exact = milliseconds ? wholeSeconds(Number(milliseconds) / 1000) : undefined;
  const value = headers.get('retry-after');
  if (exact !== undefined || !value) return exact;
  const seconds = Number(value);
  return wholeSeconds(Number.isNaN(seconds) ? secondsUntil(value, headers.get('date'), now) : seconds);
}

/** Where both times come from the provider, a wrong clock on this machine does no harm. */
function secondsUntil(date: string, sent: string | null, now: number): number {
  const start = Date.parse(sent ?? '');
  return (Date.parse(date) - (Number.isNaN(start) ? now : start)) / 1000;
}

/** The longest limits of providers are for a day. A longer time is a mistake, and clients would obey it. */
const LONGEST_RETRY_SECONDS = 86_400;

/** A time to wait as `Fault.retryAfter` holds it. Undefined for a time that is invalid or in the past. */
export function wholeSeconds(seconds: number): number | undefined {
  if (!Number.isFinite(seconds) || seconds < 0) return undefined;
  return Math.min(Math.ceil(seconds), LONGEST_RETRY_SECONDS);
}
