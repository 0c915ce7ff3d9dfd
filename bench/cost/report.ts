import type { CurveRow } from './curve.ts';

/** What the curve may cost: against the cheaper of the two full prompts, and against the uncached one. */
const MOST_DEARER = 1.05;
const LEAST_SAVED = 0.7;
const SAVED_FROM = 30_000;

/** Relative to the cheaper of the full prompts, and the saving against the uncached one. */
export const dearer = ({ cost, full }: CurveRow): number => cost / Math.min(full.cached, full.uncached);
const saved = ({ cost, full }: CurveRow): number => 1 - cost / full.uncached;

/** Whether the row misses an aim. */
export const isMissed = (row: CurveRow): boolean =>
  dearer(row) > MOST_DEARER ||
  row.sinceStart > MOST_DEARER ||
  (row.upTo > SAVED_FROM && saved(row) < LEAST_SAVED);

const HEADER = [
  'model',
  'policy',
  'history up to',
  'turns',
  'tokens of full',
  'tokens sent',
  'to cheaper full',
];
const MORE = ['since the start', 'saved against uncached', 'aim'];

/** A table for each data set, readable as text and valid as Markdown. */
export function curveTables(rows: readonly CurveRow[]): string {
  const sets = [...new Set(rows.map(({ data }) => data))];
  return sets
    .map((data) => {
      const lines = rows.filter((row) => row.data === data).map(lineOf);
      const header = [...HEADER, ...MORE];
      return [`## ${data}`, '', draw(header), draw(header.map(() => '---')), ...lines, ''].join('\n');
    })
    .join('\n');
}

function lineOf(row: CurveRow): string {
  const { model, policy, upTo, turns, tokens, full, sinceStart } = row;
  return draw([
    ...[model, policy, `${upTo / 1000}k`, String(turns), count(full.tokens), count(tokens)],
    ...[`${dearer(row).toFixed(2)} ×`, `${sinceStart.toFixed(2)} ×`, `${(100 * saved(row)).toFixed(0)} %`],
    isMissed(row) ? 'missed' : '',
  ]);
}

const count = (value: number): string => Math.round(value).toLocaleString('en');
const draw = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
