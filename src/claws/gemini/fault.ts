import type { ErrorCode } from '../../core/error-catalogue.ts';
import type { Fault, ProviderError } from '../../core/errors.ts';
import { isObject } from '../../core/json.ts';
import type { AnswerHeaders } from '../http/transport.ts';
import { afterStart, codeOfReport } from '../reported-errors.ts';
import { codeOfPage, codeOfStatus, faultOf, reportedOf, type StatusDetail, wholeSeconds } from '../status.ts';

/** https://google.aip.dev/193: the error model of Google's APIs. */
interface WireError {
  code?: unknown;
  status?: unknown;
  message?: unknown;
  details?: unknown;
}

/** The error in a body. Undefined if there is none. A failed stream sends a list with one error. */
export function errorOf(body: unknown): WireError | undefined {
  const envelope: unknown = Array.isArray(body) ? body[0] : body;
  if (!isObject(envelope)) return undefined;
  return isObject(envelope.error) ? envelope.error : undefined;
}

export function geminiFault(status: number, body: unknown, headers: AnswerHeaders): Fault {
  const error = errorOf(body);
  if (!error) {
    const text = typeof body === 'string' && body.length > 0 ? body.slice(0, 300) : `HTTP status ${status}`;
    return faultOf(codeOfPage(status), text, { raw: body, headers });
  }
  return faultIn(error, codeOf(status, error), { raw: body, headers });
}

/** Classifies an error inside an answer. */
export function streamFault(error: WireError, started: boolean): Fault {
  const code = codeOf(typeof error.code === 'number' ? error.code : 500, error);
  const fault = faultIn(error, code, { raw: error });
  return started ? afterStart(fault) : fault;
}

/** The time of a retry that the body names is more precise than the header. */
function faultIn(error: WireError, code: ErrorCode, detail: StatusDetail): Fault {
  const fault = faultOf(code, messageOf(error), { ...detail, reported: reportedIn(error) });
  const retryAfter = retryDelayOf(error);
  return retryAfter === undefined ? fault : fault.with({ retryAfter });
}

/** Such an error has no details: "* GenerateContentRequest.contents: contents is not specified". */
const FIELD = /GenerateContentRequest\.([\w.[\]]+): /;

/** The reason of `google.rpc.ErrorInfo`, the status name, and the first field of `google.rpc.BadRequest`. */
function reportedIn(error: WireError): ProviderError | undefined {
  const violations = detailsOf(error, 'BadRequest')[0]?.fieldViolations;
  const violation: unknown = Array.isArray(violations) ? violations[0] : undefined;
  return reportedOf({
    code: detailsOf(error, 'ErrorInfo')[0]?.reason,
    type: error.status,
    param: isObject(violation) ? violation.field : FIELD.exec(messageOf(error))?.[1],
  });
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

/** The provider's own status name is more precise than the HTTP status. */
const BY_STATUS_NAME: ReadonlyMap<unknown, ErrorCode> = new Map([
  ['UNAUTHENTICATED', 'provider_auth_failed'],
  ['PERMISSION_DENIED', 'provider_auth_failed'],
  ['UNAVAILABLE', 'provider_overloaded'],
  ['DEADLINE_EXCEEDED', 'provider_timeout'],
  ['ABORTED', 'provider_error'],
  ['CANCELLED', 'provider_error'],
]);

function codeOf(status: number, error: WireError): ErrorCode {
  if (detailsOf(error, 'ErrorInfo').some((info) => info.reason === 'API_KEY_INVALID')) {
    return 'provider_auth_failed';
  }
  if (status === 429 || error.status === 'RESOURCE_EXHAUSTED') return exhaustedCode(error);
  if (status === 404 || error.status === 'NOT_FOUND') return missingCode(error);
  const message = messageOf(error);
  return BY_STATUS_NAME.get(error.status) ?? codeOfReport({ status, message }) ?? codeOfStatus(status);
}

/** A daily limit and a spending limit are treated like missing credit, because a short wait does not help. */
function exhaustedCode(error: WireError): ErrorCode {
  const violations = detailsOf(error, 'QuotaFailure').flatMap((failure) =>
    Array.isArray(failure.violations) ? failure.violations.filter(isObject) : [],
  );
  if (violations.some(({ quotaId }) => textOf(quotaId).includes('PerDay'))) return 'quota_exceeded';
  return codeOfReport({ status: 429, message: messageOf(error) }) ?? 'rate_limited';
}

/** A file or a cache can be missing too. The request names it, so the request is wrong. */
function missingCode(error: WireError): ErrorCode {
  return /models?\b/i.test(messageOf(error)) ? 'model_not_found' : 'provider_rejected_request';
}

/** `RetryInfo.retryDelay` is a duration such as `34.4s`. */
function retryDelayOf(error: WireError): number | undefined {
  const delay = detailsOf(error, 'RetryInfo')[0]?.retryDelay;
  return typeof delay === 'string' ? wholeSeconds(Number.parseFloat(delay)) : undefined;
}

/** Not `String(value)`, which throws for some values. */
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
