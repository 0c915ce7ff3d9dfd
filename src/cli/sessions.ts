import {
  type Invocation,
  mostOf,
  type OperatorCommand,
  type Output,
  queryOf,
  runCommand,
  SHARED_HELP,
  textOf,
  wordsOf,
} from './admin/action.ts';
import { itemText } from './admin/item-text.ts';
import { ageText, type Column, countText, dollarsText, plain, tableText } from './admin/table.ts';

const HELP = `clawhold sessions: see and change the sessions of a running gateway

Usage
  clawhold sessions                           list them, those with the latest turn first
  clawhold sessions search <words>            find what was said; "quoted words", begin*
  clawhold sessions show <session>            read one: what was said and by which model
  clawhold sessions tree <session>            its turns as a tree, with all forks
  clawhold sessions rename <session> <name>   give it another name
  clawhold sessions tag <session> [tag…]      replace its tags
  clawhold sessions rewind <session> <turn>   make an earlier turn its head; no turn is lost
  clawhold sessions fork <session> [turn]     copy it up to a turn into a new session
  clawhold sessions delete <session>          delete it; with --erase, erase its content, too

A session is named by its id or its name.

Options of the list
  --name <name>      the name, or its beginning followed by *
  --key-name, --user, --model, --claw, --alias, --tag, --state, --error <value>
                     sessions with a turn that has it; a model is provider/model
  --since <time>     the latest turn ended then or later: a time, a date, or an age such as 24h
  --until <time>     the latest turn ended before
  --min-cost, --max-cost <dollars>
  --min-tokens, --max-tokens <number>
  --limit <number>   how many; 20 by default
Options
  --erase            with delete: the content is erased from the store
  --name <name>      with fork: the name of the new session
${SHARED_HELP}`;

const FILTERS = [
  ...['name', 'key', 'user', 'model', 'claw', 'alias', 'tag', 'state', 'error', 'since', 'until'],
  ...['min-cost', 'max-cost', 'min-tokens', 'max-tokens'],
];

const text = { type: 'string' } as const;

interface Session {
  id: string;
  name: string | null;
  tags: string[];
  updated_at: string;
  turns: number;
  failed_turns: number;
  input_tokens: number;
  output_tokens: number;
  cost_usd: number;
  model: string | null;
  key: string | null;
  user: string | null;
  state: string | null;
  head: string | null;
}

interface Turn {
  id: string;
  parent: string | null;
  state: string;
  model: string | null;
  created_at: string;
  input: Record<string, unknown>[];
  output: Record<string, unknown>[];
  cost_usd: number | null;
  error: { code: string; message: string } | null;
}

interface Node {
  id: string;
  parent: string | null;
  state: string;
  model: string | null;
  created_at: string;
  tokens: number;
}

interface Hit {
  session: string;
  session_name: string | null;
  turn: string;
  created_at: string;
  snippet: string;
}

const COLUMNS: Column<Session>[] = [
  { head: 'SESSION', text: ({ name, id }) => name ?? id, most: 32 },
  { head: 'AGE', text: ({ updated_at }) => ageText(updated_at), right: true },
  { head: 'TURNS', text: ({ turns }) => String(turns), right: true },
  { head: 'FAILED', text: ({ failed_turns }) => String(failed_turns), right: true },
  { head: 'TOKENS', text: (row) => countText(row.input_tokens + row.output_tokens), right: true },
  { head: 'COST', text: ({ cost_usd }) => dollarsText(cost_usd), right: true },
  { head: 'MODEL', text: ({ model }) => model ?? '', most: 32 },
  { head: 'KEY', text: ({ key }) => key ?? '', most: 16 },
  { head: 'USER', text: ({ user }) => user ?? '', most: 16 },
  { head: 'STATE', text: ({ state }) => state ?? 'empty' },
  { head: 'TAGS', text: ({ tags }) => tags.join(' '), most: 24 },
];

export const COMMAND: OperatorCommand = {
  name: 'sessions',
  help: HELP,
  usual: 'list',
  options: {
    ...Object.fromEntries(FILTERS.filter((name) => name !== 'key').map((name) => [name, text])),
    'key-name': text,
    limit: text,
    erase: { type: 'boolean' },
  },
  actions: { list, search, show, tree, rename, tag, rewind, fork, delete: remove },
};

export const main = (args: string[]): Promise<void> => runCommand(COMMAND, args);

const pathOf = (session: string, more = ''): string => `sessions/${encodeURIComponent(session)}${more}`;

async function list({ api, values, style }: Invocation): Promise<Output> {
  const query = { ...queryOf(values, [...FILTERS, 'tenant']), key: textOf(values['key-name']) };
  const found = await api.list<Session>('sessions', query, mostOf(values, 20));
  const more = found.next_cursor === null ? '' : `\n${style.dim('There are more. See them with --limit.')}`;
  return {
    json: found.data,
    text: () => (found.data.length === 0 ? 'No sessions.' : tableText(COLUMNS, found.data, style) + more),
  };
}

async function search(invocation: Invocation): Promise<Output> {
  const { api, values, style } = invocation;
  const q = wordsOf(invocation, 'clawhold sessions search <words>').join(' ');
  const found = await api.list<Hit>('search', { q, ...queryOf(values, ['tenant']) }, mostOf(values, 20));
  const columns: Column<Hit>[] = [
    { head: 'SESSION', text: ({ session, session_name }) => session_name ?? session, most: 32 },
    { head: 'AGE', text: ({ created_at }) => ageText(created_at), right: true },
    { head: 'TURN', text: ({ turn }) => turn },
    { head: 'TEXT', text: ({ snippet }) => snippet, most: 100 },
  ];
  return {
    json: found.data,
    text: () => (found.data.length === 0 ? 'Nothing was found.' : tableText(columns, found.data, style)),
  };
}

async function show(invocation: Invocation): Promise<Output> {
  const { api, values, style } = invocation;
  const [session = ''] = wordsOf(invocation, 'clawhold sessions show <session>');
  const query = queryOf(values, ['tenant']);
  const detail = await api.get<Session>(pathOf(session), query);
  const turns = await api.list<Turn>(pathOf(session, '/turns'), query, mostOf(values, 1_000));
  const head = tableText(COLUMNS, [detail], style);
  return {
    json: { ...detail, branch: turns.data },
    text: () => [head, ...turns.data.map((turn) => turnText(turn, style))].join('\n\n'),
  };
}

function turnText(turn: Turn, style: Invocation['style']): string {
  const cost = turn.cost_usd === null ? '' : ` ${dollarsText(turn.cost_usd)}`;
  const failure = turn.error ? ` ${style.red(`${turn.error.code}: ${plain(turn.error.message)}`)}` : '';
  const by = `${turn.model ?? 'no model'} ${style.signs.dot} ${turn.state}${cost}`;
  return [
    style.dim(`${turn.id}  ${turn.created_at}  ${by}`) + failure,
    ...[...turn.input, ...turn.output].map((item) => itemText(item, style)),
  ].join('\n');
}

async function tree(invocation: Invocation): Promise<Output> {
  const { api, values, style } = invocation;
  const [session = ''] = wordsOf(invocation, 'clawhold sessions tree <session>');
  const found = await api.get<{ head: string | null; turns: Node[] }>(
    pathOf(session, '/tree'),
    queryOf(values, ['tenant']),
  );
  return { json: found, text: () => treeText(found, style) };
}

/** A turn with one successor stands above it; only forks are indented. */
function treeText(
  { head, turns }: { head: string | null; turns: Node[] },
  style: Invocation['style'],
): string {
  const children = Map.groupBy(turns, ({ parent }) => parent);
  const lines: string[] = [];
  const stack = (children.get(null) ?? []).toReversed().map((node) => ({ node, depth: 0 }));
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { node, depth } = next;
    const mark = node.id === head ? style.green(' <- head') : '';
    const facts = `${node.state}  ${node.model ?? 'items'}  ${countText(node.tokens)} tokens  ${node.created_at}`;
    lines.push(`${'  '.repeat(depth)}${node.id}  ${style.dim(facts)}${mark}`);
    const after = children.get(node.id) ?? [];
    const isFork = after.length > 1;
    for (const child of after.toReversed()) stack.push({ node: child, depth: depth + (isFork ? 1 : 0) });
  }
  return lines.length === 0 ? 'The session has no turns.' : lines.join('\n');
}

async function change(invocation: Invocation, session: string, body: unknown): Promise<Output> {
  const { api, values, style } = invocation;
  const changed = await api.send<Session>('PATCH', pathOf(session), queryOf(values, ['tenant']), body);
  return { json: changed, text: () => tableText(COLUMNS, [changed], style) };
}

function rename(invocation: Invocation): Promise<Output> {
  const [session = '', name] = wordsOf(invocation, 'clawhold sessions rename <session> <name>', 2);
  return change(invocation, session, { name });
}

function tag(invocation: Invocation): Promise<Output> {
  const [session = '', ...tags] = wordsOf(invocation, 'clawhold sessions tag <session> [tag…]');
  return change(invocation, session, { tags });
}

async function rewind(invocation: Invocation): Promise<Output> {
  const { api, values } = invocation;
  const [session = '', turn] = wordsOf(invocation, 'clawhold sessions rewind <session> <turn>', 2);
  const query = queryOf(values, ['tenant']);
  const changed = await api.send<Session>('POST', pathOf(session, '/rewind'), query, { turn });
  return { json: changed, text: () => `The head of ${changed.name ?? changed.id} is ${changed.head}.` };
}

async function fork(invocation: Invocation): Promise<Output> {
  const { api, values } = invocation;
  const [session = '', turn] = wordsOf(invocation, 'clawhold sessions fork <session> [turn]');
  const body = {
    ...(turn !== undefined && { turn }),
    ...(values.name !== undefined && { name: values.name }),
  };
  const made = await api.send<Session>('POST', pathOf(session, '/fork'), queryOf(values, ['tenant']), body);
  return { json: made, text: () => `The new session is ${made.name ?? made.id}.` };
}

async function remove(invocation: Invocation): Promise<Output> {
  const { api, values } = invocation;
  const [session = ''] = wordsOf(invocation, 'clawhold sessions delete <session>');
  const query = { ...queryOf(values, ['tenant']), ...(values.erase === true && { erase: 'true' }) };
  const gone = await api.send<{ id: string; erased: boolean }>('DELETE', pathOf(session), query);
  return { json: gone, text: () => `${gone.id} is ${gone.erased ? 'erased' : 'deleted'}.` };
}
