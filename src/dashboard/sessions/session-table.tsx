import type { Session } from '../api/types.ts';
import { ago, compact, count, money, shortId } from '../format.ts';
import { State } from '../parts/state.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { hrefOf } from '../route.ts';

const COLUMNS: readonly Column<Session>[] = [
  { title: 'Session', cell: (session) => <Name session={session} /> },
  { title: 'Latest turn', cell: ({ state }) => <State of={state} /> },
  { title: 'Model', cell: ({ model }) => <span class="soft">{model ?? '–'}</span> },
  { title: 'Turns', isNumber: true, cell: (session) => <Turns session={session} /> },
  {
    title: 'Tokens',
    isNumber: true,
    cell: ({ input_tokens: input, output_tokens: output }) => compact(input + output),
  },
  { title: 'Cost', isNumber: true, cell: ({ cost_usd: cost }) => money(cost) },
  { title: 'Active', cell: ({ updated_at: at }) => <span class="soft nowrap">{ago(at)}</span> },
];

export const SessionTable = ({ sessions }: { sessions: readonly Session[] }) => (
  <Table
    caption="Sessions, those with the latest turn first"
    columns={COLUMNS}
    rows={sessions}
    keyOf={({ id }) => id}
  />
);

const Name = ({ session: { id, name, tags } }: { session: Session }) => (
  <span class="name-and-chips">
    <a href={hrefOf(['sessions', id])}>{name ?? shortId(id)}</a>
    {tags.map((tag) => (
      <span class="chip" key={tag}>
        {tag}
      </span>
    ))}
  </span>
);

const Turns = ({ session: { turns, failed_turns: failed } }: { session: Session }) => (
  <>
    {count(turns)}
    {failed > 0 && <span class="soft small"> ({count(failed)} failed)</span>}
  </>
);
