import { type ErrorCode, Fault } from '../core/errors.ts';

export interface StatusDetail {
  /** The headers of the answer; `Retry-After` and `retry-after-ms` are read. */
  headers?: Headers;
  /** The provider's error body, untouched. */
  raw?: unknown;
}

const EXACT: Record<number, ErrorCode> = {
  401: 'provider_auth_failed',
  402: 'quota_exceeded',
  403: 'provider_auth_failed',
  404: 'model_not_found',
  408: 'provider_timeout',
  429: 'rate_limited',
  // Groq: "flex tier capacity exceeded"; Anthropic and several proxies: "overloaded".
  498: 'provider_overloaded',
  503: 'provider_overloaded',
  504: 'provider_timeout',
  // Cloudflare: the origin accepted the connection and did not answer in time.
  524: 'provider_timeout',
  529: 'provider_overloaded',
};

/** What an HTTP status alone says about a failed call; protocols look at the structured body first. */
export function codeOfStatus(status: number): ErrorCode {
  const exact = EXACT[status];
  if (exact) return exact;
  return status >= 400 && status < 500 ? 'provider_rejected_request' : 'provider_error';
}

/** The fault that an HTTP status stands for. `message` is the provider's own words. */
export function faultOfStatus(status: number, message: string, detail: StatusDetail = {}): Fault {
  return faultOf(codeOfStatus(status), message, detail);
}

/** A fault whose code is already known, with what the headers say about when to try again. */
export function faultOf(code: ErrorCode, message: string, detail: StatusDetail = {}): Fault {
  return new Fault(code, message, { raw: detail.raw, retryAfter: retryAfterOf(detail.headers) });
}

/** Whole seconds, rounded up; undefined when the provider does not say or says nothing sensible. */
export function retryAfterOf(headers: Headers | undefined): number | undefined {
  if (!headers) return undefined;
  const milliseconds = headers.get('retry-after-ms');
  if (milliseconds) return wholeSeconds(Number(milliseconds) / 1000);
  const value = headers.get('retry-after');
  if (!value) return undefined;
  const seconds = Number(value);
  return wholeSeconds(Number.isNaN(seconds) ? secondsUntil(value, headers.get('date')) : seconds);
}

/** Both times are the provider's, so the machine's own clock (which may be wrong) is not asked. */
function secondsUntil(date: string, now: string | null): number {
  return (Date.parse(date) - Date.parse(now ?? '')) / 1000;
}

function wholeSeconds(seconds: number): number | undefined {
  return Number.isFinite(seconds) && seconds >= 0 ? Math.ceil(seconds) : undefined;
}
