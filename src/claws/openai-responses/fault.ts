import type { ErrorCode, Fault } from '../../core/errors.ts';
import { codeOfStatus, faultOf as faultOfCode, reportedOf } from '../status.ts';
import { isObject, type Json } from './wire.ts';

/**
 * By `error.code`, in a refusal or in a stream: OpenAI's `ResponseErrorCode`, the codes of its error guide,
 * and those of Azure and xAI.
 */
const CODES: ReadonlyMap<unknown, ErrorCode> = new Map<unknown, ErrorCode>([
  ['insufficient_quota', 'quota_exceeded'],
  ['billing_hard_limit_reached', 'quota_exceeded'],
  ['billing_not_active', 'quota_exceeded'],
  ['usage_limit_reached', 'quota_exceeded'],
  ['rate_limit_exceeded', 'rate_limited'],
  ['too_many_requests', 'rate_limited'],
  ['context_length_exceeded', 'context_length_exceeded'],
  ['content_filter', 'content_filtered'],
  ['content_policy_violation', 'content_filtered'],
  ['image_content_policy_violation', 'content_filtered'],
  ['bio_policy', 'content_filtered'],
  // The prompt is well formed, but OpenAI's usage policy refuses it.
  ['invalid_prompt', 'content_filtered'],
  ['invalid_api_key', 'provider_auth_failed'],
  ['model_not_found', 'model_not_found'],
  ['DeploymentNotFound', 'model_not_found'],
  ['server_is_overloaded', 'provider_overloaded'],
  ['slow_down', 'provider_overloaded'],
  ['service_unavailable', 'provider_overloaded'],
  ['vector_store_timeout', 'provider_timeout'],
  ['timeout', 'provider_timeout'],
]);

/** By `error.type`, for a failure in a stream, which has no HTTP status. */
const TYPES: ReadonlyMap<unknown, ErrorCode> = new Map<unknown, ErrorCode>([
  ['insufficient_quota', 'quota_exceeded'],
  ['invalid_request_error', 'provider_rejected_request'],
  ['authentication_error', 'provider_auth_failed'],
  ['permission_error', 'provider_auth_failed'],
  ['not_found_error', 'provider_rejected_request'],
  ['rate_limit_error', 'rate_limited'],
  ['tokens', 'rate_limited'],
  ['requests', 'rate_limited'],
  ['overloaded_error', 'provider_overloaded'],
]);

/**
 * Codes for a wrong request that have no code of their own here: `invalid_image_url`, `image_parse_error`…
 */
const WRONG_REQUEST =
  /^(invalid[_-]|image_|unsupported_|empty_|missing_|unknown_|failed_to_download_image|data_residency_mismatch|string_)/;

const CONTEXT_LENGTH = /context (length|window|size)|maximum prompt length/i;

/**
 * Read last, for refusals without a clear code: of vLLM and llama.cpp for the context length, of xAI for a
 * wrong key and an empty account. Each holds only with the statuses it was seen with, because a message may
 * quote the request.
 */
const PHRASES: readonly (readonly [statuses: readonly number[], RegExp, ErrorCode])[] = [
  [[400, 413, 422], CONTEXT_LENGTH, 'context_length_exceeded'],
  [[400], /^incorrect api key/i, 'provider_auth_failed'],
  [[403, 429], /^your (newly created )?teams? .*credits|^you have run out of credits/i, 'quota_exceeded'],
];

/** Classifies an HTTP failure. */
export function faultOf(status: number, body: unknown, headers: Headers): Fault {
  const error = errorIn(body);
  const message = messageOf(error, body) ?? `The provider answered ${status}.`;
  const code = CODES.get(error.code) ?? codeOfDetails(status, error, message) ?? codeOfStatus(status);
  return faultOfCode(code, message, { headers, raw: body, reported: reportedIn(error) });
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

function codeOfDetails(status: number, error: Json, message: string): ErrorCode | undefined {
  if (error.type === 'insufficient_quota') return 'quota_exceeded';
  const inner = isObject(error.innererror) ? error.innererror.code : undefined;
  if (inner === 'ResponsibleAIPolicyViolation') return 'content_filtered';
  // A 404 about the input means that an item or a file is missing, not the model.
  if (status === 404 && typeof error.param === 'string' && error.param !== 'model') {
    return 'provider_rejected_request';
  }
  return PHRASES.find(([statuses, phrase]) => statuses.includes(status) && phrase.test(message))?.[2];
}

/** Classifies a failure reported inside an answer: `response.failed`, an `error` event, a failed response. */
export function failureOf(reported: unknown, raw: unknown): Fault {
  const error = isObject(reported) ? reported : {};
  const message = messageOf(error, reported) ?? 'The provider reported a failure and gave no reason.';
  // In an `error` event without an inner object, `type` is the type of the event and not of the error.
  const fields = error.type === 'error' ? { ...error, type: undefined } : error;
  return faultOfCode(codeOfFailure(error, message), message, { raw, reported: reportedIn(fields) });
}

function codeOfFailure({ code, type }: Json, message: string): ErrorCode {
  const known =
    CODES.get(code) ?? (CONTEXT_LENGTH.test(message) ? 'context_length_exceeded' : TYPES.get(type));
  if (known) return known;
  // Some servers use the HTTP status as the code.
  if (typeof code === 'number' && code >= 400) return codeOfStatus(code);
  const rejected = typeof code === 'string' && WRONG_REQUEST.test(code);
  return rejected ? 'provider_rejected_request' : 'provider_error';
}
