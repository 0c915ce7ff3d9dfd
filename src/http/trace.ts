import type { CallersTrace, TraceContext } from '../core/trace-context.ts';
import { TRACE_PARENT, TRACE_STATE } from './v1/request-headers.ts';

/** Gives a request its place in a trace: in its caller's, or in a new one. */
export type TraceSource = (callers: CallersTrace) => TraceContext | undefined;

/** The trace of a request with these headers (W3C Trace Context, section 3). */
export function traceOf(headers: Headers, source: TraceSource | undefined): TraceContext | undefined {
  if (!source) return undefined;
  const parent = headers.get(TRACE_PARENT.name);
  return source({ parent, state: parent === null ? null : headers.get(TRACE_STATE.name) });
}
