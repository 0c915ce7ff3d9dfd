import { BUDGETS, type RecallRow, type Scores } from './rows.ts';

/** One table for each data set, readable as text and valid as Markdown, and the spread over its conversations. */
export function recallTables({ rows, spreads }: Scores): string {
  const sets = [...new Set(rows.map(({ data }) => data))];
  return sets
    .map((data) => {
      const own = rows.filter((row) => row.data === data);
      const lines = spreads
        .filter((spread) => spread.data === data)
        .map(({ method, recalls }) => {
          const each = recalls.map(({ conversation, recall }) => `${conversation} ${percent(recall)}`);
          return `${method}, recall@10 of each conversation: ${each.join(', ')}`;
        });
      return [`## ${data}`, '', tableOf(own), '', ...lines, ''].join('\n');
    })
    .join('\n');
}

function tableOf(rows: readonly RecallRow[]): string {
  const header = [
    'method',
    'category',
    'questions',
    'recall@10',
    ...BUDGETS.map((tokens) => `${tokens / 1000}k`),
  ];
  const lines = rows
    .filter(({ measure }) => measure === 'recall@10')
    .map(({ method, category, questions, recall }) => [
      method,
      category,
      String(questions),
      percent(recall),
      ...BUDGETS.map((tokens) =>
        percent(
          rows.find((row) => row.method === method && row.category === category && row.budget === tokens)!
            .recall,
        ),
      ),
    ]);
  const widths = header.map((text, column) =>
    Math.max(text.length, ...lines.map((line) => line[column]!.length)),
  );
  const draw = (line: readonly string[]) =>
    `| ${line.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  return [draw(header), draw(widths.map((width) => '-'.repeat(width))), ...lines.map(draw)].join('\n');
}

const percent = (share: number): string => (100 * share).toFixed(1);
