import { ERRORS, withRemedy } from '../../../core/error-catalogue.ts';
import type { Fault, TurnError } from '../../../core/errors.ts';
import { faultHeaders } from '../../envelope.ts';

/**
 * Failures in the envelope of Google's APIs (https://google.aip.dev/193): `status` is the name of the code of gRPC,
 * and `details` say the rest. `ErrorInfo` has the code of the catalogue, as `reason` in the upper case that Google
 * asks for, and in `metadata` as all dialects write it, beside the error as the provider reported it.
 */
export interface GoogleError {
  code: number;
  message: string;
  status: string;
  details: Detail[];
}

type Detail = { '@type': string; [field: string]: unknown };

const RPC = 'type.googleapis.com/google.rpc.';

/** https://cloud.google.com/apis/design/errors#handling_errors */
const STATUS_NAMES: ReadonlyMap<number, string> = new Map([
  [401, 'UNAUTHENTICATED'],
  [403, 'PERMISSION_DENIED'],
  [404, 'NOT_FOUND'],
  [409, 'ABORTED'],
  [412, 'FAILED_PRECONDITION'],
  [429, 'RESOURCE_EXHAUSTED'],
  [499, 'CANCELLED'],
  [502, 'UNAVAILABLE'],
  [503, 'UNAVAILABLE'],
  [504, 'DEADLINE_EXCEEDED'],
]);

const statusName = (status: number): string =>
  STATUS_NAMES.get(status) ?? (status < 500 ? 'INVALID_ARGUMENT' : 'INTERNAL');

export function errorObject(error: TurnError & Pick<Partial<Fault>, 'retryAfter'>): GoogleError {
  const { code, message, param, reported, attempts, retryAfter } = error;
  const { status } = ERRORS[code];
  const details: Detail[] = [
    {
      '@type': `${RPC}ErrorInfo`,
      reason: code.toUpperCase(),
      domain: 'clawhold',
      metadata: {
        code,
        ...Object.fromEntries(
          Object.entries(reported ?? {}).map(([field, value]) => [`provider_${field}`, String(value)]),
        ),
      },
    },
  ];
  if (param !== undefined)
    details.push({ '@type': `${RPC}BadRequest`, fieldViolations: [{ field: param, description: message }] });
  if (retryAfter !== undefined) details.push({ '@type': `${RPC}RetryInfo`, retryDelay: `${retryAfter}s` });
  // No type of Google's has room for a list of calls.
  if (attempts)
    details.push({
      '@type': 'type.googleapis.com/google.protobuf.Struct',
      value: {
        attempts: attempts.map(({ requestId, ...call }) => ({
          ...call,
          ...(requestId && { request_id: requestId }),
        })),
      },
    });
  return { code: status, message: withRemedy(code, message), status: statusName(status), details };
}

export const geminiError = (fault: Fault): Response =>
  Response.json({ error: errorObject(fault) }, { status: fault.kind.status, headers: faultHeaders(fault) });
