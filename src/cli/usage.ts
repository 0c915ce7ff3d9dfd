import {
  type Invocation,
  type OperatorCommand,
  type Output,
  queryOf,
  runCommand,
  SHARED_HELP,
  textOf,
} from './admin/action.ts';
import { type Column, countText, dollarsText, durationText, tableText } from './admin/table.ts';

const HELP = `clawhold usage: what does it cost?

Usage
  clawhold usage                                 sums by model, of the last 7 days
  clawhold usage --by key,day --since 30d        by key and day
  clawhold usage --by user --csv > usage.csv     for a spreadsheet

Options
  --by <names>       what has rows of its own: tenant, key, user, model, claw, alias, hour, day
  --since <time>     a time, a date, or an age such as 24h; 7d by default
  --until <time>     now by default
  --key-name, --user, --model, --claw, --alias <value>
                     only turns that have it
  --csv              print CSV
  --tenant <name>    only this tenant; all by default
${SHARED_HELP.slice(SHARED_HELP.indexOf('\n') + 1)}`;

const NAMES = ['tenant', 'key', 'user', 'model', 'claw', 'alias'] as const;
const text = { type: 'string' } as const;

type Row = Partial<Record<(typeof NAMES)[number], string>> & {
  from: string | null;
  turns: number;
  failed_turns: number;
  input_tokens: number;
  output_tokens: number;
  cache_share: number;
  cost_usd: number;
  total_ms: Record<string, number | null>;
  first_token_ms: Record<string, number | null>;
};

export const COMMAND: OperatorCommand = {
  name: 'usage',
  help: HELP,
  usual: 'sums',
  options: {
    ...{
      by: text,
      since: text,
      until: text,
      'key-name': text,
      user: text,
      model: text,
      claw: text,
      alias: text,
    },
    csv: { type: 'boolean' },
  },
  actions: { sums },
};

export const main = (args: string[]): Promise<void> => runCommand(COMMAND, args);

const ms = (value: number | null | undefined): string => (value == null ? '' : durationText(value));

async function sums({ api, values, style }: Invocation): Promise<Output | undefined> {
  const by = textOf(values.by) ?? 'model';
  const filters = queryOf(values, ['since', 'until', 'tenant', 'user', 'model', 'claw', 'alias']);
  const query = { ...filters, by, key: textOf(values['key-name']) };
  if (values.csv === true) {
    process.stdout.write(await (await api.call('usage', { ...query, format: 'csv' })).text());
    return undefined;
  }
  const { data } = await api.get<{ data: Row[] }>('usage', query);
  const columns: Column<Row>[] = [
    ...(by.includes('hour') || by.includes('day')
      ? [{ head: 'FROM', text: ({ from }: Row) => (from ?? '').slice(0, by.includes('hour') ? 16 : 10) }]
      : []),
    ...NAMES.filter((name) => by.split(',').includes(name)).map((name) => ({
      head: name.toUpperCase(),
      text: (row: Row) => row[name] || '-',
      most: 40,
    })),
    { head: 'TURNS', text: ({ turns }) => countText(turns), right: true },
    { head: 'FAILED', text: ({ failed_turns }) => countText(failed_turns), right: true },
    { head: 'IN', text: ({ input_tokens }) => countText(input_tokens), right: true },
    { head: 'CACHED', text: ({ cache_share }) => `${Math.round(cache_share * 100)}%`, right: true },
    { head: 'OUT', text: ({ output_tokens }) => countText(output_tokens), right: true },
    { head: 'FIRST P95', text: ({ first_token_ms }) => ms(first_token_ms.p95), right: true },
    { head: 'WHOLE P95', text: ({ total_ms }) => ms(total_ms.p95), right: true },
    { head: 'COST', text: ({ cost_usd }) => dollarsText(cost_usd), right: true },
  ];
  return { json: data, text: () => (data.length === 0 ? 'No turns.' : tableText(columns, data, style)) };
}
