import type { Turn } from '../api/types.ts';
import { count, money } from '../format.ts';
import { ContextBar } from './context-bar.tsx';
import { Timeline } from './timeline.tsx';

/** Why a turn went as it did, drawn from its receipt. */
export function Why({ turn }: { turn: Turn }) {
  const { receipt, attempts } = turn;
  if (!receipt) return <p class="nothing">This turn has no receipt.</p>;
  return (
    <section class="why" aria-label="Why this turn went as it did">
      {receipt.context && <ContextBar context={receipt.context} />}
      <Timeline receipt={receipt} />
      <dl class="facts">
        <Fact title="Asked for" value={turn.asked_model} />
        <Fact title="Answered by" value={[turn.model, turn.instance].filter(Boolean).join(' @ ')} />
        <Fact title="Route" value={routeText(receipt.route)} />
        <Fact title="History" value={receipt.history} />
        <Fact title="Key" value={turn.key} />
        <Fact title="User" value={turn.user} />
        <Fact title="Cost" value={money(receipt.cost_usd)} />
        <Fact title="Whole history, uncached" value={money(receipt.cost_of_everything_usd)} />
        <Fact title="Whole history, cached" value={money(receipt.cost_of_everything_cached_usd)} />
        <Fact title="Tokens in" value={receipt.tokens && count(receipt.tokens.input)} />
        <Fact
          title="From the cache"
          value={
            receipt.tokens &&
            `${count(receipt.tokens.cached)} (expected ${count(receipt.tokens.expected_cached)})`
          }
        />
        <Fact title="Tokens out" value={receipt.tokens && count(receipt.tokens.output)} />
        <Fact title="Turn" value={turn.id} />
      </dl>
      {attempts.length > 1 && <Attempts attempts={attempts} />}
    </section>
  );
}

const Fact = ({ title, value }: { title: string; value: string | null | undefined }) =>
  value ? (
    <div>
      <dt>{title}</dt>
      <dd>{value}</dd>
    </div>
  ) : null;

const REASONS: Readonly<Record<string, string>> = {
  asked: 'the caller named it',
  wish: 'the caller’s wishes put it first',
  affinity: 'it probably has the conversation in its cache',
  strategy: 'the strategy put it first',
  fallback: 'the ones before it failed',
};

function routeText(route: NonNullable<Turn['receipt']>['route']): string | undefined {
  if (!route) return undefined;
  const alias = route.alias ? `alias ${route.alias}, ` : '';
  return `${alias}${route.strategy}: ${REASONS[route.reason] ?? route.reason}`;
}

const Attempts = ({ attempts }: { attempts: Turn['attempts'] }) => (
  <table class="attempts">
    <caption class="label">Calls that made the answer</caption>
    <thead>
      <tr>
        <th scope="col">Model</th>
        <th scope="col" class="number">
          Tokens
        </th>
        <th scope="col" class="number">
          Cost
        </th>
        <th scope="col">Ended by</th>
      </tr>
    </thead>
    <tbody>
      {attempts.map(({ model, input_tokens: input, output_tokens: output, cost_usd: cost, error }, index) => (
        <tr key={index}>
          <td>{model}</td>
          <td class="number">
            {count(input)} in, {count(output)} out
          </td>
          <td class="number">{money(cost)}</td>
          <td>{error ?? 'the end of the answer'}</td>
        </tr>
      ))}
    </tbody>
  </table>
);
