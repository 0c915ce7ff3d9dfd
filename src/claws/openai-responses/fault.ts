import type { ErrorCode } from '../../core/error-catalogue.ts';
import type { Fault } from '../../core/errors.ts';
import { isObject } from '../../core/json.ts';
import type { AnswerHeaders } from '../http/transport.ts';
import { codeOfReport } from '../reported-errors.ts';
import { codeOfPage, codeOfStatus, faultOf as faultOfCode, reportedOf } from '../status.ts';
import type { Json } from './wire.ts';

/** By `error.type`, for a failure in a stream, which has no HTTP status. */
const TYPES: ReadonlyMap<unknown, ErrorCode> = new Map<unknown, ErrorCode>([
  ['invalid_request_error', 'provider_rejected_request'],
  ['permission_error', 'provider_auth_failed'],
  ['not_found_error', 'provider_rejected_request'],
]);

/**
 * Codes for a wrong request that have no code of their own here: `invalid_image_url`, `image_parse_error`…
 */
const WRONG_REQUEST =
  /^(invalid[_-]|image_|unsupported_|empty_|missing_|unknown_|failed_to_download_image|data_residency_mismatch|string_)/;

/** Classifies an HTTP failure. */
export function faultOf(status: number, body: unknown, headers: AnswerHeaders): Fault {
  const error = errorIn(body);
  const message = messageOf(error, body) ?? `The provider answered ${status}.`;
  return faultOfCode(codeOf(status, error, message), message, {
    headers,
    raw: body,
    reported: reportedIn(error),
  });
}

const reportedIn = ({ code, type, param }: Json) => reportedOf({ code, type, param });

/**
 * OpenAI and Azure nest the error. xAI sends `{code, error: "text"}`. Local servers send either, or neither.
 */
function errorIn(body: unknown): Json {
  if (!isObject(body)) return {};
  return isObject(body.error) ? body.error : body;
}

function messageOf(error: Json, body: unknown): string | undefined {
  for (const text of [error.message, error.error, error.detail, body]) {
    if (typeof text === 'string' && text.trim() !== '') return text.trim().slice(0, 2000);
  }
  return undefined;
}

function codeOf(status: number, error: Json, message: string): ErrorCode {
  const code = codeOfReport({ status, words: wordsOf(error), message });
  if (code) return code;
  if (Object.keys(error).length === 0) return codeOfPage(status);
  // A 404 about the input means that an item or a file is missing, not the model.
  const isAboutInput = typeof error.param === 'string' && error.param !== 'model';
  return status === 404 && isAboutInput ? 'provider_rejected_request' : codeOfStatus(status);
}

/** Azure's inner code is more precise than its code. */
const wordsOf = ({ innererror, code, type }: Json): unknown[] => [
  isObject(innererror) ? innererror.code : undefined,
  code,
  type,
];

/** Classifies a failure reported inside an answer: `response.failed`, an `error` event, a failed response. */
export function failureOf(reported: unknown, raw: unknown): Fault {
  const error = isObject(reported) ? reported : {};
  const message = messageOf(error, reported) ?? 'The provider reported a failure and gave no reason.';
  // In an `error` event without an inner object, `type` is the type of the event and not of the error.
  const fields = error.type === 'error' ? { ...error, type: undefined } : error;
  return faultOfCode(codeOfFailure(error, message), message, { raw, reported: reportedIn(fields) });
}

function codeOfFailure(error: Json, message: string): ErrorCode {
  const { code, type } = error;
  const known = codeOfReport({ words: wordsOf(error), message }) ?? TYPES.get(type);
  if (known) return known;
  // Some servers use the HTTP status as the code.
  if (typeof code === 'number' && code >= 400) return codeOfStatus(code);
  const rejected = typeof code === 'string' && WRONG_REQUEST.test(code);
  return rejected ? 'provider_rejected_request' : 'provider_error';
}
