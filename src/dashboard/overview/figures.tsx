import type { UsageRow } from '../api/types.ts';
import { compact, count, duration, money, percent } from '../format.ts';

/** The sums of the period. */
export function Figures({ row }: { row?: UsageRow }) {
  const turns = row?.turns ?? 0;
  return (
    <dl class="figures">
      <Figure title="Turns" value={count(turns)} />
      <Figure
        title="Failed"
        value={percent(turns === 0 ? 0 : (row?.failed_turns ?? 0) / turns)}
        note={count(row?.failed_turns ?? 0)}
      />
      <Figure
        title="First token, p50"
        value={duration(row?.first_token_ms.p50)}
        note={`p95 ${duration(row?.first_token_ms.p95)}`}
      />
      <Figure
        title="Whole answer, p50"
        value={duration(row?.total_ms.p50)}
        note={`p95 ${duration(row?.total_ms.p95)}`}
      />
      <Figure title="Cost" value={money(row?.cost_usd ?? 0)} />
      <Figure
        title="Tokens"
        value={compact((row?.input_tokens ?? 0) + (row?.output_tokens ?? 0))}
        note={`${percent(row?.cache_share ?? 0)} from caches`}
      />
    </dl>
  );
}

const Figure = ({ title, value, note }: { title: string; value: string; note?: string }) => (
  <div class="card figure">
    <dt>{title}</dt>
    <dd>
      <strong>{value}</strong>
      {note && <span class="soft small">{note}</span>}
    </dd>
  </div>
);
