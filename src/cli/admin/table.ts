import type { Style } from '../style.ts';

/** A column of a table: its head, and the text of a row. `right`: numbers, which line up at their ends. */
export interface Column<Row> {
  head: string;
  text(row: Row): string;
  right?: boolean;
  /** A longer text is cut. */
  most?: number;
}

/** A table for people, as wide as its content. */
export function tableText<Row>(columns: readonly Column<Row>[], rows: readonly Row[], style: Style): string {
  const cells = rows.map((row) => columns.map((column) => cut(plain(column.text(row)), column.most, style)));
  const widths = columns.map(({ head }, index) =>
    Math.max(Bun.stringWidth(head), ...cells.map((row) => Bun.stringWidth(row[index]!))),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, index) => {
        const space = ' '.repeat(widths[index]! - Bun.stringWidth(cell));
        return columns[index]!.right ? space + cell : cell + space;
      })
      .join('  ')
      .trimEnd();
  return [style.bold(line(columns.map(({ head }) => head))), ...cells.map(line)].join('\n');
}

/** Content may hold control characters, which a terminal would obey. */
export const plain = (text: string): string => text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ');

function cut(text: string, most: number | undefined, { signs }: Style): string {
  if (most === undefined || Bun.stringWidth(text) <= most) return text;
  return `${[...text].slice(0, most - signs.ellipsis.length).join('')}${signs.ellipsis}`;
}

export const dollarsText = (usd: number): string =>
  `$${usd === 0 || usd >= 1 ? usd.toFixed(2) : usd.toFixed(usd >= 0.01 ? 3 : 6)}`;

/** How long ago a time is: `12s`, `5m`, `3h`, `8d`. */
export function ageText(time: string, now = Date.now()): string {
  return durationText(Math.max(0, now - Date.parse(time)));
}

export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${Math.round(ms / 1_000)}s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)}m`;
  return ms < 172_800_000 ? `${Math.round(ms / 3_600_000)}h` : `${Math.round(ms / 86_400_000)}d`;
}

export const countText = (count: number): string =>
  count < 10_000
    ? String(count)
    : count < 1e6
      ? `${(count / 1e3).toFixed(0)}k`
      : `${(count / 1e6).toFixed(1)}M`;
