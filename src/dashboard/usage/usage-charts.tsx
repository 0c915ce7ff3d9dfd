import { useMemo } from 'preact/hooks';
import { tenant, urlOf } from '../api/client.ts';
import { changes } from '../api/live.ts';
import { useLoaded } from '../api/load.ts';
import type { UsageList } from '../api/types.ts';
import { compact, money } from '../format.ts';
import { steps } from '../overview/steps.ts';
import { Chart } from '../parts/chart.tsx';

/** Cost and tokens over the period. */
export function UsageCharts({ since }: { since: string }) {
  const by = since === '24h' ? 'hour' : 'day';
  const { data } = useLoaded<UsageList>(urlOf('usage', { since, by, tenant: tenant.value }), changes.value);
  const { times, at } = useMemo(() => steps(data?.data ?? [], since, Date.now()), [data, since]);
  const cost = useMemo(() => at.map((row) => row?.cost_usd ?? 0), [at]);
  const tokens = useMemo(() => at.map((row) => (row ? row.input_tokens + row.output_tokens : 0)), [at]);
  const costSeries = useMemo(() => [{ label: 'US dollars', colour: 'three' as const, values: cost }], [cost]);
  const tokenSeries = useMemo(() => [{ label: 'tokens', colour: 'one' as const, values: tokens }], [tokens]);
  return (
    <section class="charts" aria-label="Usage over time">
      <h2 class="hidden">Over time</h2>
      <Chart title="Cost" times={times} series={costSeries} format={money} />
      <Chart title="Tokens" times={times} series={tokenSeries} format={compact} />
    </section>
  );
}
