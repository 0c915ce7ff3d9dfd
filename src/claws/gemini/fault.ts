import { type ErrorCode, Fault } from '../../core/errors.ts';
import { codeOfStatus, retryAfterOf } from '../status.ts';
import { isObject } from './wire.ts';

/** https://google.aip.dev/193: the error model of Google's APIs. */
interface WireError {
  code?: unknown;
  status?: unknown;
  message?: unknown;
  details?: unknown;
}

/** The error of a body, if it is one. Failed streams answer with a list of one. */
export function errorOf(body: unknown): WireError | undefined {
  const envelope: unknown = Array.isArray(body) ? body[0] : body;
  if (!isObject(envelope)) return undefined;
  return isObject(envelope.error) ? envelope.error : undefined;
}

export function geminiFault(status: number, body: unknown, headers: Headers): Fault {
  const error = errorOf(body);
  if (!error) {
    const text = typeof body === 'string' && body.length > 0 ? body.slice(0, 300) : `HTTP status ${status}`;
    return new Fault(codeOfStatus(status), text, { raw: body, retryAfter: retryAfterOf(headers) });
  }
  return new Fault(codeOf(status, error), messageOf(error), {
    raw: body,
    retryAfter: retryDelayOf(error) ?? retryAfterOf(headers),
  });
}

/** Once deltas have come, an error is a failure of the answer, whatever it would have meant before. */
export function streamFault(error: WireError, started: boolean): Fault {
  const status = typeof error.code === 'number' ? error.code : 500;
  const code = started ? 'provider_error' : codeOf(status, error);
  return new Fault(code, messageOf(error), { raw: error, retryAfter: retryDelayOf(error) });
}

function messageOf(error: WireError): string {
  return typeof error.message === 'string'
    ? error.message
    : `Gemini failed (${textOf(error.status) || 'no status'})`;
}

/** The parts of `details` of one type: `google.rpc.ErrorInfo`, `RetryInfo`, `QuotaFailure`. */
function detailsOf(error: WireError, type: string): Record<string, unknown>[] {
  if (!Array.isArray(error.details)) return [];
  return error.details.filter(isObject).filter((detail) => textOf(detail['@type']).endsWith(type));
}

/** The provider's own word for an error tells more than the number that HTTP has for it. */
const BY_WORD: ReadonlyMap<unknown, ErrorCode> = new Map([
  ['UNAUTHENTICATED', 'provider_auth_failed'],
  ['PERMISSION_DENIED', 'provider_auth_failed'],
  ['UNAVAILABLE', 'provider_overloaded'],
  ['DEADLINE_EXCEEDED', 'provider_timeout'],
]);

function codeOf(status: number, error: WireError): ErrorCode {
  if (detailsOf(error, 'ErrorInfo').some((info) => info.reason === 'API_KEY_INVALID')) {
    return 'provider_auth_failed';
  }
  if (status === 429 || error.status === 'RESOURCE_EXHAUSTED') return exhaustedCode(error);
  if (status === 404 || error.status === 'NOT_FOUND') return missingCode(error);
  return BY_WORD.get(error.status) ?? codeOfMessage(error) ?? codeOfStatus(status);
}

/** What Gemini has no code for: an INVALID_ARGUMENT is told from another by its text alone. */
function codeOfMessage(error: WireError): ErrorCode | undefined {
  if (error.status !== 'INVALID_ARGUMENT') return undefined;
  const message = messageOf(error);
  if (message.includes('exceeds the maximum number of tokens')) return 'context_length_exceeded';
  // Proxies in between have been seen to drop `details`.
  return message.startsWith('API key not valid') ? 'provider_auth_failed' : undefined;
}

/** A limit per day, and one of spending, is as good as no credit: waiting a moment will not help. */
function exhaustedCode(error: WireError): ErrorCode {
  const violations = detailsOf(error, 'QuotaFailure').flatMap((failure) =>
    Array.isArray(failure.violations) ? failure.violations.filter(isObject) : [],
  );
  if (violations.some(({ quotaId }) => textOf(quotaId).includes('PerDay'))) return 'quota_exceeded';
  return /prepayment credits|spending cap/i.test(messageOf(error)) ? 'quota_exceeded' : 'rate_limited';
}

/** Files and caches can be missing too; they are named in the request, so the request is at fault. */
function missingCode(error: WireError): ErrorCode {
  return /models?\b/i.test(messageOf(error)) ? 'model_not_found' : 'provider_rejected_request';
}

/** `RetryInfo.retryDelay` is a duration such as `34.4s`. */
function retryDelayOf(error: WireError): number | undefined {
  const delay = detailsOf(error, 'RetryInfo')[0]?.retryDelay;
  const seconds = typeof delay === 'string' ? Number.parseFloat(delay) : Number.NaN;
  return seconds >= 0 ? Math.ceil(seconds) : undefined;
}

/** `String` throws for what has no text at all. */
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
