/**
 * Sums of what turns took: requests, tokens by kind, money, and times as histograms, which can be added up and
 * still give percentiles.
 */

/** The kinds of names by which sums are kept apart. */
export const USAGE_DIMENSIONS = ['tenant', 'key', 'user', 'model', 'claw', 'alias'] as const;
/** One of them. */
export type UsageDimension = (typeof USAGE_DIMENSIONS)[number];

/** What a turn is counted under; `''` where there is no such name. */
export type UsageLabels = Record<UsageDimension, string>;

/** What is added up. */
const USAGE_COUNTS = [
  'turns',
  'failed',
  'input',
  'output',
  'cacheRead',
  'cacheWrite',
  'reasoning',
  'cost',
] as const;
/** `cost` is in nanodollars; `failed` counts turns that did not complete; all others but `turns` are tokens. */
export type UsageCounts = Record<(typeof USAGE_COUNTS)[number], number>;

/** How often a time fell into each bucket (`timeBucket`). */
export type TimeHistogram = Record<number, number>;

/** Counts and times: `total` from the request to the end, `first` from the request to the first delta. */
export interface UsageSums extends UsageCounts {
  total: TimeHistogram;
  first: TimeHistogram;
}

/** The sums of the turns that ended within one hour, under the same names. */
export interface UsageOfHour extends UsageSums {
  /** Hours since the epoch. */
  hour: number;
  labels: UsageLabels;
}

export const HOUR_MS = 3_600_000;

/** Eight buckets for each doubling: a percentile is exact to 5 %. */
const PER_DOUBLING = 8;

/** The bucket of a time in milliseconds. */
const timeBucket = (ms: number): number => Math.round(Math.log2(Math.max(1, ms)) * PER_DOUBLING);

/** Counts a time in milliseconds. */
export function countTime(times: TimeHistogram, ms: number): void {
  const bucket = timeBucket(ms);
  times[bucket] = (times[bucket] ?? 0) + 1;
}

const timeOfBucket = (bucket: number): number => 2 ** (bucket / PER_DOUBLING);

/** A percentile of the times in milliseconds; `undefined` where there are none. */
export function percentile(times: TimeHistogram, share: number): number | undefined {
  const buckets = Object.entries(times).map(([bucket, count]) => [Number(bucket), count] as const);
  const all = buckets.reduce((sum, [, count]) => sum + count, 0);
  if (all === 0) return undefined;
  let left = Math.ceil(all * share);
  for (const [bucket, count] of buckets.sort(([a], [b]) => a - b)) {
    left -= count;
    if (left <= 0) return Math.round(timeOfBucket(bucket));
  }
  return undefined;
}

export function emptySums(): UsageSums {
  return {
    ...{ turns: 0, failed: 0, input: 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0, cost: 0 },
    ...{ total: {}, first: {} },
  };
}

/** Adds `more` to `sums`. */
export function addSums(sums: UsageSums, more: UsageSums): void {
  for (const name of USAGE_COUNTS) sums[name] += more[name];
  for (const kind of ['total', 'first'] as const)
    for (const [bucket, count] of Object.entries(more[kind]))
      sums[kind][Number(bucket)] = (sums[kind][Number(bucket)] ?? 0) + count;
}

/** Gathers sums: one for each hour and set of names. */
export class HourlyUsage {
  private gathered = new Map<string, UsageOfHour>();

  /** The sums of an hour under these names, to which more can be added. */
  at(hour: number, labels: UsageLabels): UsageSums {
    const name = nameOf(hour, labels);
    let sums = this.gathered.get(name);
    if (!sums) {
      sums = { hour, labels, ...emptySums() };
      this.gathered.set(name, sums);
    }
    return sums;
  }

  add(one: UsageOfHour): void {
    addSums(this.at(one.hour, one.labels), one);
  }

  /** All sums. Those that come later are gathered anew. */
  take(): UsageOfHour[] {
    const sums = [...this.gathered.values()];
    this.gathered = new Map();
    return sums;
  }
}

const nameOf = (hour: number, { tenant, key, user, model, claw, alias }: UsageLabels): string =>
  `${hour}\n${tenant}\n${key}\n${user}\n${model}\n${claw}\n${alias}`;
