import type { Metric, Series } from '../metrics/registry.ts';
import { CUMULATIVE, keyValues, nanoseconds, type WireMetric } from './wire.ts';

/** The metrics that have a name in the conventions for generative AI ("Semantic conventions for generative AI metrics"). */
const CONVENTIONAL: Readonly<Record<string, string>> = {
  clawhold_call_duration_seconds: 'gen_ai.client.operation.duration',
  clawhold_call_time_to_first_token_seconds: 'gen_ai.client.operation.time_to_first_chunk',
  clawhold_time_to_first_token_seconds: 'gen_ai.server.time_to_first_token',
};

const CONVENTIONAL_LABELS: Readonly<Record<string, string>> = {
  provider: 'gen_ai.provider.name',
  model: 'gen_ai.request.model',
};

/** The metrics as OTLP has them, at this moment. All count from `since`, in milliseconds since the epoch. */
export function wireMetrics(metrics: readonly Metric[], since: number): WireMetric[] {
  const period = { startTimeUnixNano: nanoseconds(since), timeUnixNano: nanoseconds(Date.now()) };
  return metrics.map((metric) => {
    const conventional = CONVENTIONAL[metric.name];
    const attributesOf = ({ labels }: Series) =>
      keyValues({
        ...(conventional && { 'gen_ai.operation.name': 'chat' }),
        ...Object.fromEntries(
          metric.labelNames.map((name, index) => [
            (conventional && CONVENTIONAL_LABELS[name]) || name,
            labels[index] || undefined,
          ]),
        ),
      });
    const numbers = () =>
      metric
        .series()
        .map((series) => ({ ...period, attributes: attributesOf(series), asDouble: series.value }));
    const about = { name: conventional ?? metric.name, description: metric.help, unit: unitOf(metric.name) };
    if (metric.kind === 'gauge') return { ...about, gauge: { dataPoints: numbers() } };
    if (metric.kind === 'counter')
      return {
        ...about,
        sum: { dataPoints: numbers(), aggregationTemporality: CUMULATIVE, isMonotonic: true },
      };
    const dataPoints = metric.series().map((series) => {
      const buckets = series.buckets ?? [];
      return {
        ...period,
        attributes: attributesOf(series),
        count: String(buckets.reduce((sum, count) => sum + count, 0)),
        sum: series.value,
        bucketCounts: buckets.map(String),
        explicitBounds: [...(metric.bounds ?? [])],
      };
    });
    return { ...about, histogram: { dataPoints, aggregationTemporality: CUMULATIVE } };
  });
}

/** In the units of UCUM, from the name's ending. */
function unitOf(name: string): string {
  const stem = name.replace(/_total$/, '');
  if (stem.endsWith('_tokens_per_second')) return '{token}/s';
  if (stem.endsWith('_seconds')) return 's';
  if (stem.endsWith('_bytes')) return 'By';
  if (stem.endsWith('_tokens')) return '{token}';
  return stem.endsWith('_dollars') ? '{USD}' : '1';
}
