import { ERRORS, withRemedy } from '../core/error-catalogue.ts';
import type { Fault, ProviderError, TurnError } from '../core/errors.ts';
import type { Quota } from '../core/quota.ts';
import type { ReplyHeaders } from './v1/reply-headers.ts';

/**
 * The error object of OpenAI's dialects (`Error` in its API description). `code` is ours; the message ends with
 * what to do. If a call to a provider failed, `provider_error` has the error as the provider reported it.
 */
export interface ErrorObject {
  message: string;
  type: string;
  param: string | null;
  code: string;
  provider_error?: ProviderError;
  /** The calls that failed, if a call failed: as `FailedCall`. */
  attempts?: { model: string; code: string; ms: number; status?: number; request_id?: string }[];
}

export function errorObject({ code, message, param, reported, attempts }: TurnError): ErrorObject {
  return {
    message: withRemedy(code, message),
    type: ERRORS[code].type,
    param: param ?? null,
    code,
    ...(reported && { provider_error: reported }),
    ...(attempts && {
      attempts: attempts.map(({ requestId, ...call }) => ({
        ...call,
        ...(requestId && { request_id: requestId }),
      })),
    }),
  };
}

/** A fault in OpenAI's envelope. */
export const errorResponse = (fault: Fault): Response => faultResponse(fault, { error: errorObject(fault) });

/** A fault with its status and headers, which are the same in every dialect, except those of rate limits. */
export const faultResponse = (
  fault: Fault,
  body: Record<string, unknown>,
  ofQuota: typeof quotaHeaders = quotaHeaders,
): Response => Response.json(body, { status: fault.kind.status, headers: faultHeaders(fault, ofQuota) });

/** What a client needs to know of a fault beside its error object. */
export function faultHeaders(fault: Fault, ofQuota: typeof quotaHeaders = quotaHeaders): ReplyHeaders {
  const headers: ReplyHeaders = {};
  if (fault.retryAfter !== undefined) headers['retry-after'] = String(fault.retryAfter);
  // OpenAI's SDKs retry as this header says, for any status.
  if (fault.kind.retryable) headers['x-should-retry'] = 'true';
  else if (fault.kind.status >= 500 || fault.kind.status === 429) headers['x-should-retry'] = 'false';
  if (fault.kind.status === 401) headers['www-authenticate'] = 'Bearer';
  return Object.assign(headers, fault.quota && ofQuota(fault.quota), fault.headers);
}

/** What is left of the caller's rate limits, in the headers of OpenAI's API. */
export function quotaHeaders({ requests, tokens }: Quota): ReplyHeaders {
  const headers: ReplyHeaders = {};
  if (requests) {
    headers['x-ratelimit-limit-requests'] = String(requests.limit);
    headers['x-ratelimit-remaining-requests'] = String(requests.remaining);
    headers['x-ratelimit-reset-requests'] = durationText(requests.resetsInMs);
  }
  if (tokens) {
    headers['x-ratelimit-limit-tokens'] = String(tokens.limit);
    headers['x-ratelimit-remaining-tokens'] = String(tokens.remaining);
    headers['x-ratelimit-reset-tokens'] = durationText(tokens.resetsInMs);
  }
  return headers;
}

/** A duration as OpenAI's API writes it: `0s`, `12ms`, `7.66s`, `1m0s`. */
function durationText(ms: number): string {
  const whole = Math.ceil(ms);
  if (whole > 0 && whole < 1_000) return `${whole}ms`;
  const minutes = Math.floor(whole / 60_000);
  const seconds = (whole % 60_000) / 1_000;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}
