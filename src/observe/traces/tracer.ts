import type { Emit, GatewayEvent } from '../../core/events.ts';
import {
  type CallersTrace,
  newSpanId,
  newTraceId,
  parentOf,
  type TraceContext,
} from '../../core/trace-context.ts';
import { errorOf, type SendSpan, sendRequest, sendTurn, type TurnEnd } from './spans.ts';

/** Read at each trace, so that a new configuration holds at once. */
export interface TraceSettings {
  /** The share of traces that are sent, of those whose caller does not decide. */
  readonly sample: number;
  readonly slowMs: number;
  readonly content: boolean;
}

/** The traces that wait for their request or their turn to end. */
const MOST_OPEN = 10_000;

type RequestEnd = Extract<GatewayEvent, { type: 'request-ended' }>;

/** A request that has a turn: the trace is complete when both have ended, in whatever order. */
interface Open {
  request?: RequestEnd;
  end?: TurnEnd;
}

/**
 * Decides at the end of each trace whether it is sent, when it is known whether it failed or was slow. Until then it
 * keeps references to events that are there anyway; spans are made only for a trace that is sent.
 */
export class Tracer {
  /** By the span of the request. */
  private readonly open = new Map<string, Open>();

  constructor(
    private readonly settings: () => TraceSettings,
    private readonly send: SendSpan,
  ) {}

  /** The place of a new request in its caller's trace, or in a new one. */
  begin(callers: CallersTrace): TraceContext {
    const spanId = newSpanId();
    const parent = parentOf(callers);
    if (parent) {
      const { traceId, isSampled, state, spanId: parentId } = parent;
      return {
        traceId,
        spanId,
        parentId,
        isSampled,
        isRecorded: true,
        ...(state !== undefined && { state }),
      };
    }
    const traceId = newTraceId();
    return { traceId, spanId, isSampled: isChosen(traceId, this.settings().sample), isRecorded: true };
  }

  readonly listen: Emit = (event) => {
    switch (event.type) {
      case 'turn-started':
        this.turnStarted(event);
        break;
      case 'turn-ended':
      case 'turn-refused':
      case 'turn-lost':
        this.turnEnded(event);
        break;
      case 'request-ended':
        this.requestEnded(event);
        break;
    }
  };

  /** The request of a turn that a caller started has not ended yet. */
  private turnStarted({ intent, startedBy }: Extract<GatewayEvent, { type: 'turn-started' }>): void {
    const trace = traceIn(intent);
    if (!trace || trace.isOfTurn || startedBy !== 'caller') return;
    if (this.open.size >= MOST_OPEN) this.closeOldest();
    this.open.set(trace.spanId, {});
  }

  private turnEnded(end: TurnEnd): void {
    const trace = traceIn(end.intent);
    if (!trace) return;
    const open = this.open.get(trace.spanId);
    // A refused turn has not started, and its request ends at once.
    if (!open && end.type === 'turn-refused' && !trace.isOfTurn) this.open.set(trace.spanId, { end });
    else if (open && !open.request) open.end = end;
    else this.close(trace, { ...open, end });
  }

  private requestEnded(request: RequestEnd): void {
    const { trace } = request;
    if (!trace?.isRecorded || request.isOpen) return;
    const open = this.open.get(trace.spanId);
    if (open && !open.end) open.request = request;
    else this.close(trace, { ...open, request });
  }

  private close(trace: TraceContext, { request, end }: Open): void {
    this.open.delete(trace.spanId);
    const { slowMs, content } = this.settings();
    if (!trace.isSampled && !isNotable({ request, end }, slowMs)) return;
    const { send } = this;
    if (request) sendRequest(request, trace, send);
    if (end?.timeline) sendTurn(end, trace, end.timeline, { withContent: content, send });
  }

  /** Its turn runs for very long, or never told its end. */
  private closeOldest(): void {
    const [oldest] = this.open;
    if (!oldest) return;
    const [spanId, open] = oldest;
    this.open.delete(spanId);
    const trace = open.request?.trace ?? (open.end && traceIn(open.end.intent));
    if (trace) this.close(trace, open);
  }
}

/** The trace of a turn, where the gateway records its spans. */
function traceIn(intent: TurnEnd['intent']): TraceContext | undefined {
  const trace = intent.kind === 'append' ? undefined : intent.trace;
  return trace?.isRecorded ? trace : undefined;
}

/** A trace that is always sent: it failed, or its turn was slow. */
function isNotable({ request, end }: Open, slowMs: number): boolean {
  if (request && request.status >= 500) return true;
  if (!end) return false;
  const { timeline } = end;
  return errorOf(end) !== undefined || (timeline !== undefined && timeline.to - timeline.startedAt >= slowMs);
}

/** By the random end of the trace's id, so that all programs of a trace choose alike (W3C Trace Context, level 2). */
const isChosen = (traceId: string, share: number): boolean =>
  Number.parseInt(traceId.slice(-8), 16) < share * 2 ** 32;
