import type { Claw } from '../api/types.ts';
import { ago, count, duration, money, percent } from '../format.ts';
import { State } from '../parts/state.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { hrefOf } from '../route.ts';
import { ClawTestButton } from './claw-test.tsx';

type Model = Claw['models'][number];
type Limits = NonNullable<Model['limits_left']>;

const COLUMNS: readonly Column<Model>[] = [
  { title: 'Model', cell: ({ name }) => name },
  { title: 'Breaker', cell: ({ breaker }) => <State of={breaker} /> },
  { title: 'In flight', isNumber: true, cell: (model) => count(model.in_flight) },
  { title: 'First token', isNumber: true, cell: (model) => duration(model.first_token_ms) },
  { title: 'p95', isNumber: true, cell: (model) => duration(model.first_token_p95_ms) },
  {
    title: 'Tokens/s',
    isNumber: true,
    cell: ({ tokens_per_second: rate }) => (rate === null ? '–' : count(Math.round(rate))),
  },
  { title: 'Limits left', cell: ({ limits_left: left }) => <LimitsLeft left={left} /> },
  { title: 'Errors', cell: (model) => <Errors model={model} /> },
];

/** One claw with its models. */
export function ClawCard({ claw }: { claw: Claw }) {
  const { name, health, protocols, region, models } = claw;
  return (
    <section class="claw" aria-label={name}>
      <div class="claw-head">
        <h2>{name}</h2>
        <State of={health} />
        <span class="soft small">{[...protocols, region].filter(Boolean).join(', ')}</span>
        <ClawTestButton name={name} />
      </div>
      <LastDay claw={claw} />
      {models.length > 0 && (
        <Table
          caption={`Models of ${name} that were called`}
          columns={COLUMNS}
          rows={models}
          keyOf={(model) => model.name}
        />
      )}
    </section>
  );
}

function LastDay({ claw: { last_day: day } }: { claw: Claw }) {
  if (!day) return <p class="soft small">No turns in the last 24 hours.</p>;
  const { turns, failed_turns: failed, total_ms: total, first_token_ms: first, cost_usd: cost } = day;
  return (
    <p class="soft small">
      Last 24 hours: {count(turns)} {turns === 1 ? 'turn' : 'turns'},{' '}
      {percent(turns === 0 ? 0 : failed / turns)} failed, first token p95 {duration(first.p95)}, whole answer
      p50 {duration(total.p50)}, p95 {duration(total.p95)}, {money(cost)}
    </p>
  );
}

function LimitsLeft({ left }: { left: Limits | null }) {
  const kinds = (['requests', 'tokens'] as const).flatMap((kind) => {
    const one = left?.[kind];
    return one ? [{ kind, ...one }] : [];
  });
  if (kinds.length === 0) return <span class="soft">–</span>;
  return (
    <ul class="soft small nowrap">
      {kinds.map(({ kind, remaining, limit }) => (
        <li key={kind}>
          {count(remaining)}
          {limit !== null && ` of ${count(limit)}`} {kind}
        </li>
      ))}
    </ul>
  );
}

function Errors({ model: { errors, last_errors: latest } }: { model: Model }) {
  const codes = Object.entries(errors);
  if (codes.length === 0) return <span class="soft">none</span>;
  const last = latest.at(-1);
  return (
    <span class="small">
      {codes.map(([code, times]) => `${code} × ${times}`).join(', ')}
      {last && (
        <>
          {' · '}
          <a href={hrefOf(['sessions', sessionOf(last.turn)], { turn: last.turn })}>last {ago(last.at)}</a>
        </>
      )}
    </span>
  );
}

/** A turn's id begins with its session's. */
const sessionOf = (turn: string): string => `conv_${turn.slice(5, 25)}`;
