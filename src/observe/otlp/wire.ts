/**
 * OTLP over HTTP with JSON (opentelemetry-proto 1.x; the JSON mapping of the OTLP specification): ids as hexadecimal
 * text, 64-bit numbers as decimal text, enumerations as numbers, names in camelCase.
 */

export type AnyValue =
  | { stringValue: string }
  | { boolValue: boolean }
  | { intValue: string }
  | { doubleValue: number }
  | { arrayValue: { values: AnyValue[] } };

export interface KeyValue {
  key: string;
  value: AnyValue;
}

/** Values of attributes as the gateway has them; those that are absent are left out. */
export type Attributes = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface WireSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  traceState?: string;
  name: string;
  kind: (typeof SPAN_KINDS)[keyof typeof SPAN_KINDS];
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: KeyValue[];
  status?: { code: 1 | 2; message?: string };
}

export const SPAN_KINDS = { internal: 1, server: 2, client: 3 } as const;
export const STATUS_ERROR = 2;

export interface WireLog {
  timeUnixNano: string;
  severityNumber: number;
  severityText: string;
  body: AnyValue;
  attributes: KeyValue[];
  traceId?: string;
}

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

export interface NumberPoint extends Point {
  asDouble: number;
}

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
