import { ERRORS, withRemedy } from '../../../core/error-catalogue.ts';
import type { Fault, TurnError } from '../../../core/errors.ts';
import type { Allowance, Quota } from '../../../core/quota.ts';
import { errorObject, faultResponse } from '../../envelope.ts';
import type { ReplyHeaders } from '../reply-headers.ts';

/**
 * The error of Anthropic's API (platform.claude.com, "Errors"). `details.error_code` is the gateway's code, beside
 * the field at fault and what the provider reported.
 */
export interface MessageError {
  type: 'error';
  error: { type: string; message: string; details: Record<string, unknown> };
  request_id?: string;
}

export function messageError(failure: TurnError, requestId?: string): MessageError {
  const { code, message } = failure;
  const { type: _, message: __, code: error_code, param, ...further } = errorObject(failure);
  const details = { error_code, ...(param !== null && { param }), ...further };
  return {
    type: 'error',
    error: { type: typeOf(failure), message: worded(withRemedy(code, message), code), details },
    ...(requestId !== undefined && { request_id: requestId }),
  };
}

/** Agents compact their conversation when they read these words, with which Anthropic begins such an error. */
const worded = (message: string, code: TurnError['code']): string =>
  code === 'context_length_exceeded' && !/^prompt is too long/i.test(message)
    ? `prompt is too long: ${message}`
    : message;

const TYPES: ReadonlyMap<number, string> = new Map([
  [401, 'authentication_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [413, 'request_too_large'],
  [429, 'rate_limit_error'],
  [503, 'overloaded_error'],
  [504, 'timeout_error'],
]);

function typeOf({ code }: Pick<TurnError, 'code'>): string {
  if (code === 'quota_exceeded' || code === 'budget_exceeded') return 'billing_error';
  const { status } = ERRORS[code];
  return TYPES.get(status) ?? (status < 500 ? 'invalid_request_error' : 'api_error');
}

export const errorReply = (fault: Fault, requestId: string): Response =>
  faultResponse(fault, { ...messageError(fault, requestId) }, quotaHeaders);

/** What is left of the caller's rate limits, in the headers of Anthropic's API (platform.claude.com, "Rate limits"). */
export function quotaHeaders({ requests, tokens }: Quota): ReplyHeaders {
  const headers: ReplyHeaders = {};
  if (requests) {
    headers['anthropic-ratelimit-requests-limit'] = String(requests.limit);
    headers['anthropic-ratelimit-requests-remaining'] = String(requests.remaining);
    headers['anthropic-ratelimit-requests-reset'] = resetAt(requests);
  }
  if (tokens) {
    headers['anthropic-ratelimit-tokens-limit'] = String(tokens.limit);
    headers['anthropic-ratelimit-tokens-remaining'] = String(tokens.remaining);
    headers['anthropic-ratelimit-tokens-reset'] = resetAt(tokens);
  }
  return headers;
}

/** RFC 3339, in whole seconds. */
const resetAt = ({ resetsInMs }: Allowance): string =>
  `${new Date(Math.ceil((Date.now() + resetsInMs) / 1000) * 1000).toISOString().slice(0, 19)}Z`;
