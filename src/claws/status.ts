import { type ErrorCode, Fault } from '../core/errors.ts';

export interface StatusDetail {
  /** The headers of the answer. `Retry-After` and `retry-after-ms` are read. */
  headers?: Headers;
  /** The provider's error body, unchanged. */
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

/** The error code for an HTTP status alone. Protocols look at the structured body first. */
export function codeOfStatus(status: number): ErrorCode {
  const exact = EXACT[status];
  if (exact) return exact;
  return status >= 400 && status < 500 ? 'provider_rejected_request' : 'provider_error';
}

/** The fault for an HTTP status. `message` is the text that the provider gave. */
export function faultOfStatus(status: number, message: string, detail: StatusDetail = {}): Fault {
  return faultOf(codeOfStatus(status), message, detail);
}

/** A fault whose code is already known, with the time after which to retry, from the headers. */
export function faultOf(code: ErrorCode, message: string, detail: StatusDetail = {}): Fault {
  return new Fault(code, message, { raw: detail.raw, retryAfter: retryAfterOf(detail.headers) });
}

/** Whole seconds, rounded up. Undefined when the headers hold no valid time. */
export function retryAfterOf(headers: Headers | undefined): number | undefined {
  if (!headers) return undefined;
  const milliseconds = headers.get('retry-after-ms');
  if (milliseconds) return wholeSeconds(Number(milliseconds) / 1000);
  const value = headers.get('retry-after');
  if (!value) return undefined;
  const seconds = Number(value);
  return wholeSeconds(Number.isNaN(seconds) ? secondsUntil(value, headers.get('date')) : seconds);
}

/** Both times come from the provider, so a wrong clock on this machine does no harm. */
function secondsUntil(date: string, now: string | null): number {
  return (Date.parse(date) - Date.parse(now ?? '')) / 1000;
}

function wholeSeconds(seconds: number): number | undefined {
  return Number.isFinite(seconds) && seconds >= 0 ? Math.ceil(seconds) : undefined;
}
