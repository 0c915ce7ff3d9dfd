import type { Session } from '../api/types.ts';
import { ago, compact, count, money, shortId } from '../format.ts';
import { State } from '../parts/state.tsx';
import { hrefOf } from '../route.ts';

export const SessionTable = ({ sessions }: { sessions: readonly Session[] }) => (
  <div class="card table-box">
    <table>
      <caption class="hidden">Sessions, those with the latest turn first</caption>
      <thead>
        <tr>
          <th scope="col">Session</th>
          <th scope="col">Latest turn</th>
          <th scope="col">Model</th>
          <th scope="col" class="number">
            Turns
          </th>
          <th scope="col" class="number">
            Tokens
          </th>
          <th scope="col" class="number">
            Cost
          </th>
          <th scope="col">Active</th>
        </tr>
      </thead>
      <tbody>
        {sessions.map((session) => (
          <Row key={session.id} session={session} />
        ))}
      </tbody>
    </table>
  </div>
);

function Row({ session }: { session: Session }) {
  const { id, name, tags, state, model, turns, failed_turns: failed } = session;
  return (
    <tr>
      <th scope="row" class="name">
        <a href={hrefOf(['sessions', id])}>{name ?? shortId(id)}</a>{' '}
        {tags.map((tag) => (
          <span class="chip" key={tag}>
            {tag}
          </span>
        ))}
      </th>
      <td>
        <State of={state} />
      </td>
      <td class="soft name">{model ?? '–'}</td>
      <td class="number">
        {count(turns)}
        {failed > 0 && <span class="soft small"> ({count(failed)} failed)</span>}
      </td>
      <td class="number">{compact(session.input_tokens + session.output_tokens)}</td>
      <td class="number">{money(session.cost_usd)}</td>
      <td class="soft">{ago(session.updated_at)}</td>
    </tr>
  );
}
