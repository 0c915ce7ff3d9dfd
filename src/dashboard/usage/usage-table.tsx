import type { UsageRow } from '../api/types.ts';
import { compact, count, duration, money, percent } from '../format.ts';
import { type Column, Table } from '../parts/table.tsx';
import type { By } from './by.ts';

const nameOf = (row: UsageRow, by: By): string =>
  (by === 'day' ? (row.from ?? '').slice(0, 10) : row[by]) || '(none)';

const columnsOf = (by: By): readonly Column<UsageRow>[] => [
  { title: `${by[0]!.toUpperCase()}${by.slice(1)}`, cell: (row) => nameOf(row, by) },
  { title: 'Turns', isNumber: true, cell: (row) => count(row.turns) },
  {
    title: 'Failed',
    isNumber: true,
    cell: (row) => percent(row.turns === 0 ? 0 : row.failed_turns / row.turns),
  },
  { title: 'Input', isNumber: true, cell: (row) => compact(row.input_tokens) },
  { title: 'Cached', isNumber: true, cell: (row) => percent(row.cache_share) },
  { title: 'Output', isNumber: true, cell: (row) => compact(row.output_tokens) },
  { title: 'Reasoning', isNumber: true, cell: (row) => compact(row.reasoning_tokens) },
  { title: 'p50', isNumber: true, cell: (row) => duration(row.total_ms.p50) },
  { title: 'p95', isNumber: true, cell: (row) => duration(row.total_ms.p95) },
  { title: 'Cost', isNumber: true, cell: (row) => money(row.cost_usd) },
];

export const UsageTable = ({ by, rows }: { by: By; rows: readonly UsageRow[] }) => (
  <Table caption={`Usage by ${by}`} columns={columnsOf(by)} rows={rows} keyOf={(row) => nameOf(row, by)} />
);
