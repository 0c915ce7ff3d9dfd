import { tenant, urlOf } from '../api/client.ts';
import { changes, minute } from '../api/live.ts';
import { useLoaded } from '../api/load.ts';
import type { ClawList, RunningTurnList, UsageList } from '../api/types.ts';
import { Choice } from '../parts/choice.tsx';
import { Failure } from '../parts/notice.tsx';
import { place, setQuery } from '../route.ts';
import { Attention } from './attention.tsx';
import { ClawHealth } from './claw-health.tsx';
import { Figures } from './figures.tsx';
import { RunningTurns } from './running-turns.tsx';
import { Trends } from './trends.tsx';

const PERIODS = [
  { value: '24h', title: '24 hours' },
  { value: '7d', title: '7 days' },
  { value: '30d', title: '30 days' },
] as const;
type Period = (typeof PERIODS)[number]['value'];

const periodOf = (asked: string | null): Period =>
  PERIODS.find(({ value }) => value === asked)?.value ?? '24h';

/** How the gateway is doing. */
export function OverviewPage() {
  const period = periodOf(place.value.query.get('period'));
  // Sums are fetched every few seconds, however many turns there are.
  const version = minute.value?.at;
  const of = tenant.value;
  const sums = useLoaded<UsageList>(urlOf('usage', { since: period, tenant: of }), version);
  const by = period === '24h' ? 'hour' : 'day';
  const rows = useLoaded<UsageList>(urlOf('usage', { since: period, by, tenant: of }), version);
  const claws = useLoaded<ClawList>(urlOf('claws'), version);
  const running = useLoaded<RunningTurnList>(urlOf('turns/running', { tenant: of }), changes.value);
  return (
    <div class="page">
      <header class="page-head">
        <div>
          <h1>Overview</h1>
          <LastMinute />
        </div>
        <Choice
          label="Period"
          options={PERIODS}
          value={period}
          onChoose={(value) => setQuery({ period: value })}
        />
      </header>
      <Failure error={sums.error} />
      <Attention claws={claws.data?.data} running={running.data?.data} />
      <Figures row={sums.data?.data[0]} />
      <Trends rows={rows.data?.data ?? []} period={period} />
      <div class="pair">
        <RunningTurns turns={running.data?.data} />
        <ClawHealth claws={claws.data?.data} />
      </div>
    </div>
  );
}

function LastMinute() {
  const now = minute.value;
  if (!now) return null;
  return (
    <p class="soft small">
      Last minute: {now.turns} {now.turns === 1 ? 'turn' : 'turns'}, {now.failed_turns} failed, {now.running}{' '}
      running
    </p>
  );
}
