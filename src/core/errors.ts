import { type CallFailure, ERRORS, type ErrorCode, type ErrorKind } from './error-catalogue.ts';
import type { Item, Part } from './items.ts';
import type { Quota } from './quota.ts';
import type { Settings } from './settings.ts';

/** What the failure of a call means; `undefined` where the failure is not about a call. */
export function callFailureOf(failure: unknown): CallFailure | undefined {
  return failure instanceof Fault ? failure.kind.call : undefined;
}

/** A call that failed before it gave a part of the answer. */
export interface FailedCall {
  /** `provider/model`, and `@instance` where there are several. */
  model: string;
  code: ErrorCode;
  /** Milliseconds from the call to its failure. */
  ms: number;
  /** The HTTP status and the id of the provider's reply, where it replied. */
  status?: number;
  requestId?: string;
}

/** A failure as the provider reported it. Fields that the provider did not send are absent. */
export interface ProviderError {
  /** Its own code: `unsupported_parameter`, `API_KEY_INVALID`, `429`. */
  code?: string;
  /** Its own kind of error: `invalid_request_error`, `INVALID_ARGUMENT`. */
  type?: string;
  /** The field of the provider's API at fault: `tools[0].name`, `generationConfig.temperature`. */
  param?: string;
  /** The HTTP status of its reply, and the id that it gave to the request. */
  status?: number;
  request_id?: string;
}

/**
 * What a failure is about, in canonical terms: an input item or a part of one (the same object that the dialect
 * parsed) and its field; or a setting. The dialect says where the caller wrote it (`Dialect.fieldOf`).
 */
export type Subject = { content: Item | Part; field?: string } | { setting: keyof Settings };

/** Details of a fault, in addition to its message. */
export interface FaultDetail {
  /** The request field at fault, as the caller wrote it: `messages[2].content`. */
  param?: string;
  /** The field in canonical terms, where only the dialect knows how the caller wrote it. */
  about?: Subject;
  /** Whole seconds, for the `Retry-After` header. */
  retryAfter?: number;
  /** What is left of the caller's rate limits, for the `x-ratelimit-*` headers. */
  quota?: Quota;
  /** Further headers of the reply. */
  headers?: Readonly<Record<string, string>>;
  /**
   * The failure of a call as the provider reported it; shown to the caller beside the code of the catalogue.
   */
  reported?: ProviderError;
  /** All calls that failed, where several did or could have. */
  attempts?: readonly FailedCall[];
  /** What the provider sent, unchanged; kept with the turn, shown to the caller only in `message`. */
  raw?: unknown;
  /** The underlying failure, for the log. */
  cause?: unknown;
}

/** A failure with a code of the catalogue. `message` says what happened; the remedy comes with the code. */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly param?: string;
  readonly about?: Subject;
  readonly retryAfter?: number;
  readonly quota?: Quota;
  readonly headers?: Readonly<Record<string, string>>;
  readonly reported?: ProviderError;
  readonly attempts?: readonly FailedCall[];
  readonly raw?: unknown;

  constructor(
    readonly code: ErrorCode,
    message: string,
    detail: FaultDetail = {},
  ) {
    super(message, { cause: detail.cause });
    this.param = detail.param;
    this.about = detail.about;
    this.retryAfter = detail.retryAfter;
    this.quota = detail.quota;
    this.headers = detail.headers;
    this.reported = detail.reported;
    this.attempts = detail.attempts;
    this.raw = detail.raw;
  }

  /** The same failure with its texts changed; itself where `change` leaves them as they are. */
  reworded(change: (text: string) => string): Fault {
    const { param, reported, raw } = this;
    const message = change(this.message);
    const before = JSON.stringify({ param, reported, raw });
    const after = change(before);
    if (message === this.message && after === before) return this;
    return new Fault(this.code, message, { ...this.detail, ...(JSON.parse(after) as FaultDetail) });
  }

  get kind(): ErrorKind {
    return ERRORS[this.code];
  }

  /** The same failure with further details. Several callers may get the same failure. */
  with(further: FaultDetail): Fault {
    return new Fault(this.code, this.message, { ...this.detail, ...further });
  }

  private get detail(): FaultDetail {
    const { param, about, retryAfter, quota, headers, reported, attempts, raw, cause } = this;
    return { param, about, retryAfter, quota, headers, reported, attempts, raw, cause };
  }
}

/** A failure as it is stored with a turn and shown to readers. */
export type TurnError = Pick<Fault, 'code' | 'message' | 'param' | 'reported' | 'attempts'>;

/** The part of a failure that is stored. */
export function turnErrorOf({ code, message, param, reported, attempts }: Fault): TurnError {
  return {
    ...{ code, message },
    ...(param !== undefined && { param }),
    ...(reported && { reported }),
    ...(attempts && { attempts }),
  };
}

/**
 * Anything that was thrown, as a `Fault`. An unexpected error becomes `internal_error` with the message
 * `unforeseen`. A stack overflow means that the request is nested too deeply.
 */
export function faultOf(
  error: unknown,
  unforeseen = 'The gateway failed while it handled this turn.',
): Fault {
  if (error instanceof Fault) return error;
  if (error instanceof RangeError && /call stack/.test(error.message)) {
    return new Fault('invalid_request', 'The request is nested too deeply.', { cause: error });
  }
  return new Fault('internal_error', unforeseen, { cause: error });
}

/**
 * The result of `work`. A `Fault` that it throws is about `content`, unless the fault already says what it is
 * about.
 */
export function about<Result>(content: Item | Part, work: () => Result): Result {
  try {
    return work();
  } catch (failure) {
    const isNamed = !(failure instanceof Fault) || failure.param !== undefined || failure.about;
    throw isNamed ? failure : failure.with({ about: { content } });
  }
}
