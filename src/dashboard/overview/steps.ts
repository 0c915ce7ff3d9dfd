import type { UsageRow } from '../api/types.ts';

const HOUR_S = 3_600;
const LENGTH_S: Readonly<Record<string, { span: number; step: number }>> = {
  '24h': { span: 24 * HOUR_S, step: HOUR_S },
  '7d': { span: 7 * 24 * HOUR_S, step: 24 * HOUR_S },
  '30d': { span: 30 * 24 * HOUR_S, step: 24 * HOUR_S },
  '365d': { span: 365 * 24 * HOUR_S, step: 24 * HOUR_S },
};

/** The starts of all hours or days (UTC) of a period in seconds, and the row of each: hours without turns have none. */
export function steps(rows: readonly UsageRow[], period: string, nowMs: number) {
  const { span, step } = LENGTH_S[period]!;
  const last = Math.floor(nowMs / 1_000 / step) * step;
  const first = Math.floor((nowMs / 1_000 - span) / step) * step;
  const byTime = new Map(rows.map((row) => [row.from === null ? 0 : Date.parse(row.from) / 1_000, row]));
  const times = Array.from({ length: (last - first) / step + 1 }, (_, index) => first + index * step);
  return { times, at: times.map((time) => byTime.get(time)) };
}
