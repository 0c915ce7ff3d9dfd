import { tenant, urlOf } from '../api/client.ts';
import { changes } from '../api/live.ts';
import { useLoaded } from '../api/load.ts';
import type { UsageList } from '../api/types.ts';
import { Choice } from '../parts/choice.tsx';
import { Failure, Nothing } from '../parts/notice.tsx';
import { place, setQuery } from '../route.ts';
import { BY } from './by.ts';
import { UsageCharts } from './usage-charts.tsx';
import { UsageTable } from './usage-table.tsx';

const PERIODS = [
  { value: '24h', title: '24 hours' },
  { value: '7d', title: '7 days' },
  { value: '30d', title: '30 days' },
  { value: '365d', title: 'Year' },
] as const;

/** The value of a choice that the address names; the one at `fallback` otherwise. */
function chosen<Value extends string>(
  options: readonly { value: Value }[],
  name: string,
  fallback: number,
): Value {
  const asked = place.value.query.get(name);
  return (options.find(({ value }) => value === asked) ?? options[fallback]!).value;
}

/** What was used, and what it cost. */
export function UsagePage() {
  const by = chosen(BY, 'by', 0);
  const since = chosen(PERIODS, 'since', 1);
  const query = { since, tenant: tenant.value };
  const rows = useLoaded<UsageList>(urlOf('usage', { ...query, by }), changes.value);
  const csv = urlOf('usage', { ...query, by, format: 'csv' });
  return (
    <div class="page">
      <header class="page-head">
        <h1>Usage</h1>
        <div class="actions">
          <Choice
            label="Period"
            options={PERIODS}
            value={since}
            onChoose={(value) => setQuery({ since: value })}
          />
          <a class="button" href={csv} download={`usage-by-${by}.csv`}>
            Export CSV
          </a>
        </div>
      </header>
      <Failure error={rows.error} />
      <UsageCharts since={since} />
      <Choice label="Rows by" options={BY} value={by} onChoose={(value) => setQuery({ by: value })} />
      {rows.data?.data.length === 0 && <Nothing>Nothing was used in this time.</Nothing>}
      {rows.data && rows.data.data.length > 0 && <UsageTable by={by} rows={rows.data.data} />}
    </div>
  );
}
