/**
 * Where a request or a turn is in a distributed trace (W3C Trace Context, sections 3.2 and 3.3). Ids are lower-case
 * hexadecimal. It travels with a turn's intent: a turn that another process takes over stays in its trace.
 */
export interface TraceContext {
  /** 32 digits. */
  traceId: string;
  /**
   * 16 digits. The span under which everything of the request is: the request's own span where spans are recorded,
   * and otherwise the caller's.
   */
  spanId: string;
  /** The caller's span, if the caller sent one. */
  parentId?: string;
  /** Spans are exported, also those of a turn that is neither slow nor failed. */
  isSampled: boolean;
  /** The gateway records spans. If not, the context is only logged and passed on. */
  isRecorded: boolean;
  /** No span has `spanId` yet: the turn's own span gets it, because no request has one (a message of a WebSocket). */
  isOfTurn?: true;
  /** The caller's `tracestate`. */
  state?: string;
}

/** What a caller says about its trace, as it came: the headers `traceparent` and `tracestate`. */
export interface CallersTrace {
  parent: string | null;
  state: string | null;
}

const PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const MOST_STATE = 512;
const SAMPLED = 1;

type Parent = Pick<TraceContext, 'traceId' | 'isSampled' | 'state'> & { spanId: string };

/** The caller's span; `undefined` where there is none, or where the header is not valid and must be ignored. */
export function parentOf({ parent, state }: CallersTrace): Parent | undefined {
  const found = parent === null ? null : PARENT.exec(parent);
  if (!found) return undefined;
  const [, version, traceId, spanId, flags, more] = found as unknown as [
    string,
    string,
    string,
    string,
    string,
    string?,
  ];
  // Later versions may have more fields; version ff is not allowed, and nor are ids of zeros.
  if (version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  const isSampled = (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED;
  return { traceId, spanId, isSampled, ...(state !== null && state.length <= MOST_STATE && { state }) };
}

/** A `traceparent` that names `spanId` as the parent. */
export const traceParent = (
  { traceId, isSampled }: Pick<TraceContext, 'traceId' | 'isSampled'>,
  spanId: string,
): string => `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`;

/** The context of a request where the gateway records no spans: the caller's own, which is logged and passed on. */
export function foreignTrace(callers: CallersTrace): TraceContext | undefined {
  const parent = parentOf(callers);
  return parent && { ...parent, isRecorded: false };
}

/** Random digits that are not used yet. One large request for random bytes costs much less than many small ones. */
let digits = '';
let used = 0;
const pool = Buffer.alloc(4096);

function randomHex(length: number): string {
  if (used + length > digits.length) {
    digits = crypto.getRandomValues(pool).toString('hex');
    used = 0;
  }
  used += length;
  return digits.slice(used - length, used);
}

export const newTraceId = (): string => randomHex(32);
export const newSpanId = (): string => randomHex(16);
