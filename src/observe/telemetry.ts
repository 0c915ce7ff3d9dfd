import type { Emit } from '../core/events.ts';
import type { CallersTrace, TraceContext } from '../core/trace-context.ts';
import { foreignTrace } from '../core/trace-context.ts';
import type { Registry } from './metrics/registry.ts';
import { wireLog } from './otlp/logs.ts';
import { wireMetrics } from './otlp/metrics.ts';
import { Outbox, type TelemetryCounts } from './otlp/outbox.ts';
import type { Signal, TelemetrySettings } from './otlp/settings.ts';
import { keyValues, spansText, type WireMetric } from './otlp/wire.ts';
import { Tracer, type TraceSettings } from './traces/tracer.ts';

/** What the gateway sends to a collector. Without one, only the traces of callers are read and passed on. */
export interface Telemetry {
  /** The trace of a new request. */
  trace(callers: CallersTrace): TraceContext | undefined;
  listen: Emit;
  /** Takes a line of the log; absent where lines are not sent. */
  log?: (line: string) => void;
  /** Sends what waits, within a bounded time. */
  close(): Promise<void>;
}

/** What a new configuration may change. */
export interface CurrentSettings {
  traces(): TraceSettings;
  headers(): Readonly<Record<string, string>>;
}

const SCOPE = { name: 'clawhold' };

export function openTelemetry(
  settings: TelemetrySettings,
  current: CurrentSettings,
  registry: Registry,
): Telemetry {
  const counts: TelemetryCounts = {
    sent: registry.counter(
      'clawhold_telemetry_sent_total',
      'Spans, metrics and log lines that a collector took.',
      'signal',
    ),
    dropped: registry.counter(
      'clawhold_telemetry_dropped_total',
      'Spans, metrics and log lines that were dropped: too many waited, or the collector did not take them.',
      'signal',
      'reason',
    ),
  };
  const resource = { attributes: keyValues(settings.resource) };
  const outbox = <Entry>(signal: Signal, body: (entries: Entry[]) => string): Outbox<Entry> | undefined => {
    const url = settings.urls[signal];
    return url === undefined
      ? undefined
      : new Outbox<Entry>({ signal, url, settings, headers: current.headers, body, counts });
  };
  const [resourceText, scopeText] = [JSON.stringify(resource), JSON.stringify(SCOPE)];
  const spans = outbox<string>('traces', (entries) => spansText(resourceText, scopeText, entries));
  const metrics = outbox<WireMetric>('metrics', (entries) =>
    JSON.stringify({ resourceMetrics: [{ resource, scopeMetrics: [{ scope: SCOPE, metrics: entries }] }] }),
  );
  const lines = outbox<string>('logs', (entries) =>
    JSON.stringify({
      resourceLogs: [{ resource, scopeLogs: [{ scope: SCOPE, logRecords: entries.map(wireLog) }] }],
    }),
  );
  const since = Date.now();
  const read = () => {
    for (const metric of wireMetrics(registry.metrics, since)) metrics?.put(metric);
  };
  const timer = metrics && setInterval(read, settings.metricsMs);
  timer?.unref();
  const tracer = spans && new Tracer(current.traces, (span) => spans.put(span));
  return {
    trace: (callers) => (tracer ? tracer.begin(callers) : foreignTrace(callers)),
    listen: tracer?.listen ?? (() => {}),
    ...(lines && { log: (line: string) => lines.put(line) }),
    async close() {
      clearInterval(timer);
      if (metrics) read();
      await Promise.all([spans?.close(), metrics?.close(), lines?.close()]);
    },
  };
}
