import type { ErrorCode } from '../../core/error-catalogue.ts';
import { Fault } from '../../core/errors.ts';
import type { GatewayEvent } from '../../core/events.ts';
import { conversationId, responseId } from '../../core/ids.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { Period, Step, TimedCall, Timeline } from '../../core/timeline.ts';
import { newSpanId, type TraceContext } from '../../core/trace-context.ts';
import type { Intent } from '../../core/turn.ts';
import { dollars } from '../../core/usage.ts';
import { type Attributes, epochOffset, type Span, spanText } from '../otlp/wire.ts';
import { messagesText } from './content.ts';

type EventOf<Type extends GatewayEvent['type']> = Extract<GatewayEvent, { type: Type }>;

/** A turn that has ended in whatever way. */
export type TurnEnd = EventOf<'turn-ended' | 'turn-refused' | 'turn-lost'>;

/** Takes a span as the JSON of OTLP. */
export type SendSpan = (text: string) => void;

/** The names of the spans of a turn's steps. */
export const STEP_SPANS: Readonly<Record<Step, string>> = {
  receive: 'receive request',
  session: 'resume session',
  slot: 'wait for slot',
  recall: 'recall past',
  context: 'assemble context',
  journal: 'journal intent',
  answer: 'answer',
  commit: 'commit turn',
};

/** The provider's names in the conventions (`gen_ai.provider.name`), where they differ from ours. */
const PROVIDER_NAMES: Readonly<Record<string, string>> = {
  gemini: 'gcp.gemini',
  vertex: 'gcp.vertex_ai',
  bedrock: 'aws.bedrock',
  azure: 'azure.ai.openai',
  mistral: 'mistral_ai',
  xai: 'x_ai',
};

interface Sketch extends Period {
  name: string;
  kind?: Span['kind'];
  spanId?: string;
  parent: string | undefined;
  attributes?: Attributes;
  error?: string;
}

/** Sends the spans of one trace. Times are on the clock of `performance.now()`. */
class Sheet {
  private readonly offset = epochOffset();

  constructor(
    private readonly trace: TraceContext,
    private readonly send: SendSpan,
  ) {}

  /** Returns the id of the span. */
  add({
    name,
    kind = 'internal',
    spanId = newSpanId(),
    parent,
    from,
    to,
    attributes = {},
    error,
  }: Sketch): string {
    const { trace, offset } = this;
    const span: Span = {
      ...{ traceId: trace.traceId, spanId, parentSpanId: parent, traceState: trace.state, name, kind },
      ...{ from: from + offset, to: Math.max(from, to) + offset },
      attributes: error === undefined ? attributes : { ...attributes, 'error.type': error },
      isError: error !== undefined,
    };
    this.send(spanText(span));
    return spanId;
  }
}

/** The span of a request (semantic conventions for HTTP servers). */
export function sendRequest(request: EventOf<'request-ended'>, trace: TraceContext, send: SendSpan): void {
  const { method, route, status, startedAt: from, durationMs, fault, requestId, key } = request;
  new Sheet(trace, send).add({
    name: route === undefined ? method : `${method} ${route}`,
    kind: 'server',
    spanId: trace.spanId,
    parent: trace.parentId,
    ...{ from, to: from + durationMs },
    attributes: {
      'http.request.method': method,
      'http.route': route,
      'http.response.status_code': status,
      'clawhold.request.id': requestId,
      'clawhold.key': key,
    },
    // A refusal is the caller's mistake, not an error of the server.
    error: status >= 500 ? (fault?.code ?? String(status)) : undefined,
  });
}

/** The spans of a turn: one for the turn, one for each step, and within the answer one for each call and each pause. */
export function sendTurn(
  end: TurnEnd,
  trace: TraceContext,
  timeline: Timeline,
  { withContent, send }: { withContent: boolean; send: SendSpan },
): void {
  const sheet = new Sheet(trace, send);
  const { intent } = end;
  const outcome = end.type === 'turn-ended' ? end.outcome : undefined;
  const turn = sheet.add({
    name: 'model' in intent ? `turn ${intent.model}` : 'turn',
    ...(trace.isOfTurn ? { spanId: trace.spanId, parent: trace.parentId } : { parent: trace.spanId }),
    ...{ from: timeline.startedAt, to: timeline.to },
    attributes: { ...turnAttributes(intent, outcome), ...(withContent && contentOf(intent, outcome)) },
    error: errorOf(end),
  });
  let answer: string | undefined;
  for (const { step, from, to } of timeline.steps()) {
    const span = sheet.add({ name: STEP_SPANS[step], parent: turn, from, to });
    if (step === 'answer') answer = span;
  }
  for (const call of timeline.calls) addCall(sheet, call, answer ?? turn, intent, outcome);
  for (const pause of timeline.pauses) sheet.add({ name: 'pause', parent: answer ?? turn, ...pause });
}

/** Whether the turn failed, so that its trace is sent in any case. */
export function errorOf(end: TurnEnd): ErrorCode | undefined {
  if (end.type === 'turn-ended') return end.outcome.error?.code;
  return end.failure instanceof Fault ? end.failure.code : 'internal_error';
}

function turnAttributes(intent: Intent, outcome: Outcome | undefined): Attributes {
  const { key, model, dialect } =
    intent.kind === 'append' ? { ...intent, key: undefined, model: undefined } : intent;
  const { answeredBy, cost, receipt } = outcome ?? {};
  return {
    'gen_ai.conversation.id': conversationId(intent.session),
    'gen_ai.request.model': model,
    'gen_ai.response.model': answeredBy?.model,
    'clawhold.response.id': responseId(intent.id),
    'clawhold.dialect': dialect,
    'clawhold.tenant': intent.tenant,
    'clawhold.key': key,
    'clawhold.turn.state': outcome?.state,
    'clawhold.turn.cost_dollars': cost === undefined ? undefined : dollars(cost),
    'clawhold.turn.retries': receipt?.retries,
    'clawhold.turn.rescues': outcome?.attempts?.filter(({ error }) => error && error !== 'hedge_lost').length,
    'clawhold.context.tokens': receipt?.context?.tokens,
    'clawhold.context.dropped_tokens': receipt?.context?.droppedTokens,
  };
}

function contentOf(intent: Intent, outcome: Outcome | undefined): Attributes {
  return {
    'gen_ai.system_instructions': intent.kind === 'append' ? undefined : intent.instructions,
    'gen_ai.input.messages': messagesText(intent.input),
    'gen_ai.output.messages': outcome && messagesText(outcome.output),
  };
}

function addCall(
  sheet: Sheet,
  call: TimedCall,
  parent: string,
  intent: Intent,
  outcome: Outcome | undefined,
): void {
  const { candidate, askedAt, from, to, spanId, code } = call;
  if (from > askedAt) sheet.add({ name: 'wait for claw', parent, from: askedAt, to: from });
  sheet.add({
    name: `chat ${candidate.model}`,
    kind: 'client',
    ...{ spanId, parent, from, to },
    attributes: callAttributes(call, intent, outcome),
    error: code,
  });
}

function callAttributes(call: TimedCall, intent: Intent, outcome: Outcome | undefined): Attributes {
  const { candidate, usage, firstTokenAt, isStreamed, from, how, attempt } = call;
  const answeredBy = how === 'whole' ? outcome?.answeredBy : undefined;
  const settings = intent.kind === 'append' ? undefined : intent.settings;
  return {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': PROVIDER_NAMES[candidate.provider] ?? candidate.provider,
    'gen_ai.request.model': candidate.model,
    'gen_ai.request.stream': isStreamed,
    'gen_ai.request.max_tokens': settings?.max_output_tokens,
    'gen_ai.request.temperature': settings?.temperature,
    'gen_ai.conversation.id': conversationId(intent.session),
    'gen_ai.response.id': answeredBy?.id,
    'gen_ai.response.model': answeredBy?.model,
    'gen_ai.response.finish_reasons': answeredBy && outcome?.finish.map(({ unified }) => unified),
    'gen_ai.response.time_to_first_chunk':
      isStreamed && firstTokenAt !== undefined ? (firstTokenAt - from) / 1_000 : undefined,
    'gen_ai.usage.input_tokens': usage?.input,
    'gen_ai.usage.output_tokens': usage?.output,
    'gen_ai.usage.cache_read.input_tokens': usage?.cacheRead,
    'gen_ai.usage.cache_creation.input_tokens': usage?.cacheWrite,
    'gen_ai.usage.reasoning.output_tokens': usage?.reasoning,
    'clawhold.attempt': attempt,
    'clawhold.instance': candidate.instance,
    'clawhold.call.end': how,
  };
}
