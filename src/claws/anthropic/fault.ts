import type { ErrorCode } from '../../core/error-catalogue.ts';
import type { Fault } from '../../core/errors.ts';
import { isObject } from '../../core/json.ts';
import type { AnswerHeaders } from '../http/transport.ts';
import { codeOfReport } from '../reported-errors.ts';
import { codeOfPage, codeOfStatus, faultOf, reportedOf, type StatusDetail } from '../status.ts';
import type { Wire } from './wire.ts';

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
export function faultOfResponse(status: number, body: unknown, headers: AnswerHeaders): Fault {
  const error = errorOf(body);
  if (!error) return faultOf(codeOfPage(status), `The provider answered ${status}.`, { headers, raw: body });
  // A proxy may send the provider's error with status 200 or 500. Any other status is as precise as the type.
  const typed = status === 200 || status === 500 ? STATUS.get(error.type) : undefined;
  return classify(typed ?? status, error, { headers, raw: body });
}

/** Classifies an error that came instead of an answer or inside a stream. */
export function faultOfError(body: Wire): Fault {
  const error = errorOf(body) ?? {};
  return classify(STATUS.get(error.type) ?? 500, error, { raw: body });
}

/** The error in a body. Bedrock and gateways of AWS send its message alone. */
function errorOf(body: unknown): Wire | undefined {
  if (!isObject(body)) return undefined;
  if (isObject(body.error)) return body.error;
  return typeof body.message === 'string' ? { message: body.message } : undefined;
}

function classify(status: number, error: Wire, detail: StatusDetail): Fault {
  const message = typeof error.message === 'string' ? error.message : `Status ${status}.`;
  const reported = reportedOf({ code: undefined, type: error.type, param: FIELD.exec(message)?.[1] });
  return faultOf(codeOf(status, error, message), message, { ...detail, reported });
}

/** Only the message names the field: "tools.0.custom.name: String should match pattern…". */
const FIELD = /^([a-z_]+(?:\.\w+)*): /;

/** Most refusals have the type `invalid_request_error`, and only the message tells them apart. */
function codeOf(status: number, { code, type }: Wire, message: string): ErrorCode {
  const known = codeOfReport({ status, words: [code, type], message });
  if (known) return known;
  if (status === 413) return 'context_length_exceeded';
  if (status === 404 && !NO_SUCH_MODEL.test(message)) return 'provider_rejected_request';
  return codeOfStatus(status);
}

/** "model: claude-nope". A missing file, container or skill gives 404 too. */
const NO_SUCH_MODEL = /\bmodel\b/i;
