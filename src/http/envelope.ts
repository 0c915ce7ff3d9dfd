import { ERRORS, type Fault, type ProviderError, type TurnError, withRemedy } from '../core/errors.ts';
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

/** A fault with its status and headers, which are the same in every dialect. */
export const faultResponse = (fault: Fault, body: Record<string, unknown>): Response =>
  Response.json(body, { status: fault.kind.status, headers: faultHeaders(fault) });

/** What a client needs to know of a fault beside its error object. */
export function faultHeaders(fault: Fault): ReplyHeaders {
  const headers: ReplyHeaders = {};
  if (fault.retryAfter !== undefined) headers['retry-after'] = String(fault.retryAfter);
  // OpenAI's SDKs retry as this header says, for any status.
  if (fault.kind.retryable) headers['x-should-retry'] = 'true';
  else if (fault.kind.status >= 500 || fault.kind.status === 429) headers['x-should-retry'] = 'false';
  if (fault.kind.status === 401) headers['www-authenticate'] = 'Bearer';
  return Object.assign(headers, fault.headers);
}
