import type { ErrorCode, Fault } from '../../core/errors.ts';
import { codeOfStatus, faultOf, reportedOf, type StatusDetail } from '../status.ts';
import { isObject, type Wire } from './wire.ts';

/** The HTTP status of each error type. An error inside a stream has only the type. */
const STATUS = new Map<unknown, number>([
  ['invalid_request_error', 400],
  ['authentication_error', 401],
  ['billing_error', 402],
  ['permission_error', 403],
  ['not_found_error', 404],
  ['request_too_large', 413],
  ['rate_limit_error', 429],
  ['api_error', 500],
  ['timeout_error', 504],
  ['overloaded_error', 529],
]);

/** Classifies a refused call. `body` is the parsed error body, or text where it was not JSON. */
export function faultOfResponse(status: number, body: unknown, headers: Headers): Fault {
  const error = errorOf(body);
  if (!error)
    return faultOf(codeOfStatus(status), `The provider answered ${status}.`, { headers, raw: body });
  // A proxy may send the provider's error with status 200 or 500, so the error's type is read first.
  return classify(STATUS.get(error.type) ?? status, error, { headers, raw: body });
}

/** Classifies an error that came instead of an answer or inside a stream. */
export function faultOfError(body: Wire): Fault {
  const error = errorOf(body) ?? {};
  return classify(STATUS.get(error.type) ?? 500, error, { raw: body });
}

function errorOf(body: unknown): Wire | undefined {
  return isObject(body) && isObject(body.error) ? body.error : undefined;
}

function classify(status: number, error: Wire, detail: StatusDetail): Fault {
  const message = typeof error.message === 'string' ? error.message : `Status ${status}.`;
  const reported = reportedOf({ code: undefined, type: error.type, param: FIELD.exec(message)?.[1] });
  return faultOf(codeOf(status, message), message, { ...detail, reported });
}

/** Only the message names the field: "tools.0.custom.name: String should match pattern…". */
const FIELD = /^([a-z_]+(?:\.\w+)*): /;

function codeOf(status: number, message: string): ErrorCode {
  if (status === 413) return 'context_length_exceeded';
  if (status === 404 && !NO_SUCH_MODEL.test(message)) return 'provider_rejected_request';
  if (status !== 400) return codeOfStatus(status);
  return BY_MESSAGE.find(([phrase]) => phrase.test(message))?.[1] ?? 'provider_rejected_request';
}

/** "model: claude-nope". A missing file, container or skill gives 404 too. */
const NO_SUCH_MODEL = /^model\b|\bmodel:/;

/** Failures that only the message tells apart: all have the type `invalid_request_error`. */
const BY_MESSAGE: [RegExp, ErrorCode][] = [
  [/prompt is too long|exceed context limit|context window/i, 'context_length_exceeded'],
  [/credit balance is too low/i, 'quota_exceeded'],
  [/content filtering policy/i, 'content_filtered'],
];
