import {
  type Invocation,
  type OperatorCommand,
  type Output,
  queryOf,
  runCommand,
  SHARED_HELP,
  textOf,
  wordsOf,
} from './admin/action.ts';
import { type Column, tableText } from './admin/table.ts';

const HELP = `clawhold import: store sessions from a file

Usage
  clawhold import trip.jsonl                            what clawhold export has written
  clawhold import --form openai messages.json           messages of a chat request
  clawhold import --form chatgpt conversations.json     the conversations of a data export of ChatGPT
  clawhold import --form librechat conversation.json    an export of LibreChat

A session keeps its ids and its name where they are free. Imported turns say where they come from, and cost nothing
again. What has no place here is counted in LEFT OUT.

Options
  --form <form>      clawhold (the default), openai, chatgpt or librechat
  --name <name>      the name of the new session; not for clawhold
${SHARED_HELP}`;

interface Imported {
  id: string;
  name: string | null;
  turns: number;
  renamed: boolean;
  rekeyed: boolean;
  left_out: Record<string, number>;
}

const COLUMNS: Column<Imported>[] = [
  { head: 'SESSION', text: ({ id }) => id },
  { head: 'NAME', text: ({ name, renamed }) => name ?? (renamed ? '(was taken)' : ''), most: 32 },
  { head: 'TURNS', text: ({ turns }) => String(turns), right: true },
  { head: 'IDS', text: ({ rekeyed }) => (rekeyed ? 'new' : 'kept') },
  {
    head: 'LEFT OUT',
    text: ({ left_out }) =>
      Object.entries(left_out)
        .map(([what, count]) => `${count} ${what}`)
        .join(', '),
  },
];

const text = { type: 'string' } as const;

export const COMMAND: OperatorCommand = {
  name: 'import',
  help: HELP,
  usual: 'file',
  takesWords: true,
  options: { form: text, name: text },
  actions: { file },
};

export const main = (args: string[]): Promise<void> => runCommand(COMMAND, args);

async function file(invocation: Invocation): Promise<Output> {
  const { api, values, style } = invocation;
  const [path = ''] = wordsOf(invocation, 'clawhold import <file>');
  const source = Bun.file(path);
  if (!(await source.exists())) throw new Error(`There is no file ${path}.`);
  const query = queryOf(values, ['tenant', 'form', 'name']);
  const sessions: Imported[] = [];
  for (const body of textOf(values.form) === 'chatgpt'
    ? await conversationsOf(source, path)
    : [source.stream()]) {
    const response = await api.call('import', query, { method: 'POST', body });
    sessions.push(...((await response.json()) as { sessions: Imported[] }).sessions);
  }
  return { json: sessions, text: () => tableText(COLUMNS, sessions, style) };
}

/** A data export has all conversations in one file, which may be larger than a request: each is sent alone. */
async function conversationsOf(source: Blob, path: string): Promise<string[]> {
  let all: unknown;
  try {
    all = JSON.parse(await source.text());
  } catch {
    throw new Error(`${path} is not JSON.`);
  }
  return (Array.isArray(all) ? all : [all]).map((one) => JSON.stringify(one));
}
