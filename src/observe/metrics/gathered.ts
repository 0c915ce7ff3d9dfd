import type { Metric, Series } from './registry.ts';

/** A metric with its series as they were at one moment: a value that processes can send. */
export interface Reading extends Omit<Metric, 'series'> {
  readonly read: readonly Series[];
}

export const readingsOf = (metrics: readonly Metric[]): Reading[] =>
  metrics.map((metric) => {
    // The methods of a metric are not a part of its value.
    const { kind, name, help, labelNames, bounds } = metric;
    return { kind, name, help, labelNames, bounds, read: metric.series() };
  });

/** Of these gauges the largest value counts, because each process has the same one, or the worst one matters. */
const LARGEST: ReadonlySet<string> = new Set([
  'clawhold_build_info',
  'clawhold_oldest_turn_age_seconds',
  'clawhold_breaker_state',
  'clawhold_overload_level',
  'clawhold_disk_free_bytes',
  'clawhold_disk_size_bytes',
  'clawhold_database_bytes',
  'clawhold_journal_bytes',
  'clawhold_alerts_firing',
  'process_start_time_seconds',
]);

/** The metrics of several processes as those of one. */
export function sumOf(processes: readonly (readonly Reading[])[]): Metric[] {
  const metrics = new Map<string, { first: Reading; rows: Map<string, Series> }>();
  for (const reading of processes.flat()) {
    let known = metrics.get(reading.name);
    if (!known) {
      known = { first: reading, rows: new Map() };
      metrics.set(reading.name, known);
    }
    for (const series of reading.read) {
      const key = JSON.stringify(series.labels);
      const before = known.rows.get(key);
      known.rows.set(key, before ? joined(reading, before, series) : series);
    }
  }
  return [...metrics.values()].map(({ first: { read: _, ...metric }, rows }) => ({
    ...metric,
    series: () => [...rows.values()],
  }));
}

function joined({ name }: Reading, one: Series, other: Series): Series {
  const value = LARGEST.has(name) ? Math.max(one.value, other.value) : one.value + other.value;
  if (!one.buckets || !other.buckets) return { labels: one.labels, value };
  const { buckets } = other;
  return { labels: one.labels, value, buckets: one.buckets.map((count, index) => count + buckets[index]!) };
}

/**
 * The metrics of processes that come and go. Counts of a process that has ended stay, as they were when they were
 * last read, so that a sum of counts never falls.
 */
export class Gathered<Source> {
  private readonly last = new Map<Source, readonly Reading[]>();
  private ended: readonly Reading[] = [];

  put(source: Source, readings: readonly Reading[]): void {
    this.last.set(source, readings);
  }

  leave(source: Source): void {
    const counts = (this.last.get(source) ?? []).filter(({ kind }) => kind !== 'gauge');
    this.last.delete(source);
    this.ended = readingsOf(sumOf([this.ended, counts]));
  }

  get readings(): Reading[] {
    return readingsOf(sumOf([...this.last.values(), this.ended]));
  }
}
