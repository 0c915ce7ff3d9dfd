import { useMemo } from 'preact/hooks';
import type { UsageRow } from '../api/types.ts';
import { compact, duration, money } from '../format.ts';
import { Chart, type Series } from '../parts/chart.tsx';
import { steps } from './steps.ts';

type Value = (row: UsageRow) => number | null;

/** Traffic, latency, cost and tokens over time. */
export function Trends({ rows, period }: { rows: readonly UsageRow[]; period: string }) {
  const charts = useMemo(() => {
    const { times, at } = steps(rows, period, Date.now());
    const series = (label: string, colour: Series['colour'], value: Value, none: number | null = 0) => ({
      ...{ label, colour },
      values: at.map((row) => (row ? value(row) : none)),
    });
    return {
      times,
      traffic: [
        series('turns', 'one', (row) => row.turns),
        series('failed', 'bad', (row) => row.failed_turns),
      ],
      latency: [
        series('p50', 'one', (row) => row.total_ms.p50, null),
        series('p95', 'two', (row) => row.total_ms.p95, null),
      ],
      cost: [series('US dollars', 'three', (row) => row.cost_usd)],
      tokens: [
        series('input', 'one', (row) => row.input_tokens),
        series('from caches', 'two', (row) => row.cache_read_tokens),
        series('output', 'three', (row) => row.output_tokens),
      ],
    };
  }, [rows, period]);
  const { times, traffic, latency, cost, tokens } = charts;
  return (
    <section class="charts" aria-label="Trends">
      <h2 class="hidden">Trends</h2>
      <Chart title="Traffic" times={times} series={traffic} format={compact} />
      <Chart title="Latency" times={times} series={latency} format={duration} />
      <Chart title="Cost" times={times} series={cost} format={money} />
      <Chart title="Tokens" times={times} series={tokens} format={compact} />
    </section>
  );
}
