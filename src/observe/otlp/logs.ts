import { anyValue, keyValues, nanoseconds, type WireLog } from './wire.ts';

/** By the levels of the log, the number and the word of OpenTelemetry's log data model. */
const SEVERITIES: Readonly<Record<number, readonly [number, string]>> = {
  20: [5, 'DEBUG'],
  30: [9, 'INFO'],
  40: [13, 'WARN'],
  50: [17, 'ERROR'],
};

/** A line of the log, which is one JSON object, as OTLP has it. */
export function wireLog(line: string): WireLog {
  const { level, time, msg, traceId, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const [severityNumber, severityText] = SEVERITIES[Number(level)] ?? [9, 'INFO'];
  const attributes = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plain(value)]));
  return {
    timeUnixNano: nanoseconds(Date.parse(String(time))),
    severityNumber,
    severityText,
    body: anyValue(String(msg)),
    attributes: keyValues(attributes),
    ...(typeof traceId === 'string' && { traceId }),
  };
}

function plain(value: unknown): string | number | boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return JSON.stringify(value);
}
