import type { Budget, Figure, Row, RowResult } from './row.ts';

export interface Measurement {
  row: Row;
  result: RowResult;
}

const HEADERS = ['', 'what', 'measured', 'lowest – highest round', 'budget', 'met'];

/** One table of all rows, readable as text and valid as Markdown. */
export function table(measurements: readonly Measurement[]): string {
  const lines = measurements.flatMap(({ row, result }) =>
    result.figures.map((figure) => [row.key, ...cells(figure)]),
  );
  const widths = HEADERS.map((header, column) =>
    Math.max(3, header.length, ...lines.map((line) => line[column]!.length)),
  );
  const draw = (line: readonly string[]) =>
    `| ${line.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  return [draw(HEADERS), draw(widths.map((width) => '-'.repeat(width))), ...lines.map(draw)].join('\n');
}

export function notes(measurements: readonly Measurement[]): string {
  return measurements
    .flatMap(({ row, result }) => [...new Set(result.notes)].map((note) => `- (${row.key}) ${note}`))
    .join('\n');
}

function cells({ what, value, unit, budget }: Figure): string[] {
  const middle = typeof value === 'number' ? value : value.median;
  const range = typeof value === 'number' ? '' : `${number(value.low)} – ${number(value.high)}`;
  return [what, quantity(middle, unit), range, budgetText(budget, unit), verdict(middle, budget)];
}

function quantity(value: number, unit: string): string {
  return `${number(value)} ${unit}`;
}

function number(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

function budgetText(budget: Budget | undefined, unit: string): string {
  if (!budget) return '';
  const limit = budget.limit.toLocaleString('en');
  return `${budget.is === 'at most' ? '≤' : '≥'} ${limit} ${unit}`;
}

/** Whether the budget is met, and by how much. */
export function verdict(value: number, budget: Budget | undefined): string {
  if (!budget) return '';
  const { limit, is } = budget;
  const share = `${Math.round(Math.abs(1 - value / limit) * 100)} %`;
  if (is === 'at least') return value >= limit ? `yes, ${share} more` : `no, ${share} short`;
  return value <= limit ? `yes, ${share} to spare` : `no, ${share} over`;
}
