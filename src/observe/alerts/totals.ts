import { ERRORS, type ErrorCode } from '../../core/error-catalogue.ts';
import type { Metric } from '../metrics/registry.ts';

/** Counts since the start of the process; the difference of two is what happened between them. */
export interface Totals {
  /** Milliseconds, of the clock of the watcher. */
  at: number;
  turns: number;
  errors: number;
  costDollars: number;
  /** Turns by duration, as the buckets of `clawhold_turn_duration_seconds`. */
  durations: readonly number[];
}

/** Reads the totals from the metrics, so that alerts cost nothing on the path of a turn. */
export function totalsOf(metrics: readonly Metric[], at: number): Totals {
  const series = (name: string) => metrics.find((metric) => metric.name === name)?.series() ?? [];
  let turns = 0;
  let errors = 0;
  for (const { labels, value } of series('clawhold_turns_total')) {
    const [state = '', code = ''] = labels;
    turns += value;
    if (isError(state, code)) errors += value;
  }
  const costDollars = series('clawhold_cost_dollars_total').reduce((sum, { value }) => sum + value, 0);
  const durations = series('clawhold_turn_duration_seconds')[0]?.buckets ?? [];
  return { at, turns, errors, costDollars, durations };
}

/** Mistakes of callers are not errors, and neither are limits that the gateway holds them to. */
function isError(state: string, code: string): boolean {
  if (state === 'lost') return true;
  const status = Object.hasOwn(ERRORS, code) ? ERRORS[code as ErrorCode].status : 0;
  return state === 'refused' ? status >= 500 : status >= 429;
}

/** The bounds of `Totals.durations`, in seconds. */
export const durationBounds = (metrics: readonly Metric[]): readonly number[] =>
  metrics.find(({ name }) => name === 'clawhold_turn_duration_seconds')?.bounds ?? [];

/** The age of the oldest turn of all processes. */
export const oldestTurnMs = (metrics: readonly Metric[]): number =>
  1_000 * (metrics.find(({ name }) => name === 'clawhold_oldest_turn_age_seconds')?.series()[0]?.value ?? 0);

/**
 * A quantile of what was counted in buckets, by linear interpolation within a bucket, as Prometheus'
 * `histogram_quantile`. `undefined` where nothing was counted.
 */
export function quantileIn(
  buckets: readonly number[],
  bounds: readonly number[],
  share: number,
): number | undefined {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  let rest = share * total;
  for (const [index, count] of buckets.entries()) {
    const upper = bounds[index];
    if (upper === undefined) return bounds.at(-1);
    if (rest <= count) {
      const lower = index === 0 ? 0 : bounds[index - 1]!;
      return lower + ((upper - lower) * rest) / count;
    }
    rest -= count;
  }
  return bounds.at(-1);
}
