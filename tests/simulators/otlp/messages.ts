import { z } from 'zod';

/**
 * The requests of OTLP over HTTP with JSON, as strictly as a receiver that maps them to protocol buffers: unknown
 * fields are refused, ids are hexadecimal, and 64-bit numbers are decimal text (opentelemetry-proto 1.x).
 */

const id = (digits: number) => z.string().regex(new RegExp(`^(?!0+$)[0-9a-f]{${digits}}$`));
const uint64 = z.string().regex(/^\d{1,20}$/);
const int64 = z.string().regex(/^-?\d{1,19}$/);

const anyValue: z.ZodType = z.lazy(() =>
  z.union([
    z.strictObject({ stringValue: z.string() }),
    z.strictObject({ boolValue: z.boolean() }),
    z.strictObject({ intValue: int64 }),
    z.strictObject({ doubleValue: z.number() }),
    z.strictObject({ arrayValue: z.strictObject({ values: z.array(anyValue) }) }),
  ]),
);
/** Keys are unique. */
const attributes = z
  .array(z.strictObject({ key: z.string().min(1), value: anyValue }))
  .refine((list) => new Set(list.map(({ key }) => key)).size === list.length);
const resource = z.strictObject({ attributes });
const scope = z.strictObject({ name: z.string(), version: z.string().optional() });

const span = z
  .strictObject({
    traceId: id(32),
    spanId: id(16),
    parentSpanId: id(16).optional(),
    traceState: z.string().optional(),
    name: z.string().min(1),
    kind: z.number().int().min(0).max(5),
    startTimeUnixNano: uint64,
    endTimeUnixNano: uint64,
    attributes,
    status: z
      .strictObject({ code: z.number().int().min(0).max(2), message: z.string().optional() })
      .optional(),
  })
  .refine(({ startTimeUnixNano, endTimeUnixNano }) => BigInt(startTimeUnixNano) <= BigInt(endTimeUnixNano));

const point = { attributes, startTimeUnixNano: uint64, timeUnixNano: uint64 };
const numberPoint = z.strictObject({ ...point, asDouble: z.number() });
const histogramPoint = z
  .strictObject({
    ...point,
    count: uint64,
    sum: z.number(),
    bucketCounts: z.array(uint64),
    explicitBounds: z.array(z.number()),
  })
  .refine(({ bucketCounts, explicitBounds }) => bucketCounts.length === explicitBounds.length + 1)
  .refine(
    ({ count, bucketCounts }) => Number(count) === bucketCounts.reduce((sum, one) => sum + Number(one), 0),
  );
const temporality = z.number().int().min(1).max(2);
const metric = z
  .strictObject({
    name: z.string().min(1),
    description: z.string(),
    unit: z.string(),
    gauge: z.strictObject({ dataPoints: z.array(numberPoint) }).optional(),
    sum: z
      .strictObject({
        dataPoints: z.array(numberPoint),
        aggregationTemporality: temporality,
        isMonotonic: z.boolean(),
      })
      .optional(),
    histogram: z
      .strictObject({ dataPoints: z.array(histogramPoint), aggregationTemporality: temporality })
      .optional(),
  })
  .refine(({ gauge, sum, histogram }) => [gauge, sum, histogram].filter(Boolean).length === 1);

const logRecord = z.strictObject({
  timeUnixNano: uint64,
  severityNumber: z.number().int().min(1).max(24),
  severityText: z.string(),
  body: anyValue,
  attributes,
  traceId: id(32).optional(),
});

export const REQUESTS = {
  '/v1/traces': z.strictObject({
    resourceSpans: z.array(
      z.strictObject({ resource, scopeSpans: z.array(z.strictObject({ scope, spans: z.array(span) })) }),
    ),
  }),
  '/v1/metrics': z.strictObject({
    resourceMetrics: z.array(
      z.strictObject({
        resource,
        scopeMetrics: z.array(z.strictObject({ scope, metrics: z.array(metric) })),
      }),
    ),
  }),
  '/v1/logs': z.strictObject({
    resourceLogs: z.array(
      z.strictObject({
        resource,
        scopeLogs: z.array(z.strictObject({ scope, logRecords: z.array(logRecord) })),
      }),
    ),
  }),
};

export type ReceivedSpan = z.output<typeof span>;
export type ReceivedMetric = z.output<typeof metric>;
export type ReceivedLog = z.output<typeof logRecord>;
