/**
 * OTLP over HTTP with JSON (opentelemetry-proto 1.x; the JSON mapping of the OTLP specification): ids as hexadecimal
 * text, 64-bit numbers as decimal text, enumerations as numbers, names in camelCase.
 */

/** A value of an attribute. Whole numbers of 64 bits are texts in JSON. */
export type AnyValue =
  | { stringValue: string }
  | { boolValue: boolean }
  | { intValue: string }
  | { doubleValue: number }
  | { arrayValue: { values: AnyValue[] } };

/** An attribute. */
export interface KeyValue {
  key: string;
  value: AnyValue;
}

/** Values of attributes as the gateway has them; those that are absent are left out. */
export type Attributes = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** A span as the gateway has it. Times are in milliseconds since the epoch. */
export interface Span {
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  traceState: string | undefined;
  name: string;
  kind: keyof typeof SPAN_KINDS;
  from: number;
  to: number;
  attributes: Attributes;
  isError: boolean;
}

const SPAN_KINDS = { internal: 1, server: 2, client: 3 } as const;
const STATUS_ERROR = 2;

/**
 * A span as the JSON of OTLP. It is written as a text at once: spans wait for their batch, and many small objects that
 * wait cost more than their text. Names of attributes and ids need no escapes.
 */
export function spanText(span: Span): string {
  const { traceId, spanId, parentSpanId, traceState, name, kind, from, to, attributes, isError } = span;
  let text = `{"traceId":"${traceId}","spanId":"${spanId}"`;
  if (parentSpanId !== undefined) text += `,"parentSpanId":"${parentSpanId}"`;
  if (traceState !== undefined) text += `,"traceState":${quoted(traceState)}`;
  text += `,"name":${quoted(name)},"kind":${SPAN_KINDS[kind]},"startTimeUnixNano":"${nanoseconds(from)}"`;
  text += `,"endTimeUnixNano":"${nanoseconds(to)}","attributes":[`;
  let separator = '';
  for (const key in attributes) {
    const value = attributes[key];
    if (value === undefined) continue;
    text += `${separator}{"key":"${key}","value":${valueText(value)}}`;
    separator = ',';
  }
  return `${text}]${isError ? `,"status":{"code":${STATUS_ERROR}}` : ''}}`;
}

/** The body of an export of spans. */
export const spansText = (resource: string, scope: string, spans: readonly string[]): string =>
  `{"resourceSpans":[{"resource":${resource},"scopeSpans":[{"scope":${scope},"spans":[${spans.join(',')}]}]}]}`;

function valueText(value: string | number | boolean | readonly string[]): string {
  if (typeof value === 'string') return `{"stringValue":${quoted(value)}}`;
  if (typeof value === 'number')
    return Number.isSafeInteger(value)
      ? `{"intValue":"${value}"}`
      : `{"doubleValue":${JSON.stringify(value)}}`;
  return JSON.stringify(anyValue(value));
}

/** Most texts need no escapes. */
const quoted = (text: string): string => (/^[\w .:/*@+-]*$/.test(text) ? `"${text}"` : JSON.stringify(text));

/** A log record (`LogRecord`). */
export interface WireLog {
  timeUnixNano: string;
  severityNumber: number;
  severityText: string;
  body: AnyValue;
  attributes: KeyValue[];
  traceId?: string;
}

/** A metric (`Metric`): one of `gauge`, `sum` and `histogram` is present. */
export interface WireMetric {
  name: string;
  description: string;
  unit: string;
  gauge?: { dataPoints: NumberPoint[] };
  sum?: { dataPoints: NumberPoint[]; aggregationTemporality: number; isMonotonic: boolean };
  histogram?: { dataPoints: HistogramPoint[]; aggregationTemporality: number };
}

interface Point {
  attributes: KeyValue[];
  startTimeUnixNano: string;
  timeUnixNano: string;
}

/** A value of a gauge or a sum. */
export interface NumberPoint extends Point {
  asDouble: number;
}

/** A distribution: how many values are in each bucket. */
export interface HistogramPoint extends Point {
  count: string;
  sum: number;
  bucketCounts: string[];
  explicitBounds: number[];
}

/** Values count from the start of the process (AGGREGATION_TEMPORALITY_CUMULATIVE). */
export const CUMULATIVE = 2;

export function keyValues(attributes: Attributes): KeyValue[] {
  const found: KeyValue[] = [];
  for (const key in attributes) {
    const value = attributes[key];
    if (value !== undefined) found.push({ key, value: anyValue(value) });
  }
  return found;
}

export function anyValue(value: string | number | boolean | readonly string[]): AnyValue {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number')
    return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  return { arrayValue: { values: value.map((text) => ({ stringValue: text })) } };
}

/** Milliseconds since the epoch as nanoseconds. A double is exact to the microsecond there. */
export const nanoseconds = (epochMs: number): string => `${Math.round(epochMs * 1_000)}000`;

/** What is added to the clock of `performance.now()` for milliseconds since the epoch; it follows changes of the clock. */
export const epochOffset = (): number => Date.now() - performance.now();
