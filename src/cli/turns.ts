import {
  type Invocation,
  mostOf,
  type OperatorCommand,
  type Output,
  queryOf,
  runCommand,
  SHARED_HELP,
  wordsOf,
} from './admin/action.ts';
import { itemText } from './admin/item-text.ts';
import { sentEvents } from './admin/management-api.ts';
import { ageText, type Column, dollarsText, durationText, plain, tableText } from './admin/table.ts';

const HELP = `clawhold turns: see what runs, what failed and why

Usage
  clawhold turns                   list the turns that run or wait now: is anything stuck?
  clawhold turns failed            list the turns that did not complete, the latest first
  clawhold turns show <turn>       one turn with everything: why did it go as it did?
  clawhold turns follow <turn>     print the answer of a turn while it is generated
  clawhold turns cancel <turn>     stop a running turn

Options
  --limit <number>   how many failed turns; 20 by default
${SHARED_HELP}`;

interface Running {
  id: string;
  session: string;
  key: string;
  asked_model: string;
  answering: string | null;
  state: string;
  error: string | null;
  age_ms: number;
}

interface Failed {
  id: string;
  session: string;
  state: string;
  error: string | null;
  message: string | null;
  asked_model: string | null;
  key: string | null;
  ended_at: string;
  never_began: boolean;
}

interface Turn {
  id: string;
  session: string;
  state: string;
  asked_model: string | null;
  model: string | null;
  key: string | null;
  user: string | null;
  cost_usd: number | null;
  input: Record<string, unknown>[];
  output: Record<string, unknown>[];
  error: { code: string; message: string } | null;
  usage: { input_tokens: number; output_tokens: number; cache_read_tokens: number } | null;
  receipt: {
    history: string | null;
    route: { alias: string | null; strategy: string; reason: string } | null;
    failed_calls: { model: string; code: string; ms: number }[];
    context: Record<string, unknown> | null;
    timings: { first_delta_ms: number | null; total_ms: number };
  } | null;
  attempts: { model: string; error?: string }[];
}

const RUNNING: Column<Running>[] = [
  { head: 'TURN', text: ({ id }) => id },
  { head: 'AGE', text: ({ age_ms }) => durationText(age_ms), right: true },
  { head: 'STATE', text: ({ state, error }) => (error ? `${state} (${error})` : state) },
  { head: 'ASKED', text: ({ asked_model }) => asked_model, most: 32 },
  { head: 'ANSWERING', text: ({ answering }) => answering ?? '', most: 32 },
  { head: 'KEY', text: ({ key }) => key, most: 16 },
];

const FAILED: Column<Failed>[] = [
  { head: 'TURN', text: ({ id }) => id },
  { head: 'AGE', text: ({ ended_at }) => ageText(ended_at), right: true },
  { head: 'STATE', text: ({ state }) => state },
  { head: 'BEGAN', text: ({ never_began }) => (never_began ? 'no' : 'yes') },
  { head: 'ASKED', text: ({ asked_model }) => asked_model ?? '', most: 32 },
  { head: 'ERROR', text: ({ error }) => error ?? '' },
  { head: 'MESSAGE', text: ({ message }) => message ?? '', most: 80 },
];

export const COMMAND: OperatorCommand = {
  name: 'turns',
  help: HELP,
  usual: 'running',
  options: { limit: { type: 'string' } },
  actions: { running, failed, show, follow, cancel },
};

export const main = (args: string[]): Promise<void> => runCommand(COMMAND, args);

async function running({ api, values, style }: Invocation): Promise<Output> {
  const { data } = await api.get<{ data: Running[] }>('turns/running', queryOf(values, ['tenant']));
  return { json: data, text: () => (data.length === 0 ? 'No turn runs.' : tableText(RUNNING, data, style)) };
}

async function failed({ api, values, style }: Invocation): Promise<Output> {
  const { data } = await api.list<Failed>('turns/failed', queryOf(values, ['tenant']), mostOf(values, 20));
  return { json: data, text: () => (data.length === 0 ? 'No turn failed.' : tableText(FAILED, data, style)) };
}

async function show(invocation: Invocation): Promise<Output> {
  const { api, values, style } = invocation;
  const [id = ''] = wordsOf(invocation, 'clawhold turns show <turn>');
  const turn = await api.get<Turn>(`turns/${encodeURIComponent(id)}`, queryOf(values, ['tenant']));
  return { json: turn, text: () => turnText(turn, style) };
}

function turnText(turn: Turn, style: Invocation['style']): string {
  const { receipt, usage, error } = turn;
  const facts: [string, string | null | undefined][] = [
    ['turn', turn.id],
    ['session', turn.session],
    ['state', error ? `${turn.state}: ${error.code}: ${plain(error.message)}` : turn.state],
    [
      'asked',
      [turn.asked_model, turn.key && `by ${turn.key}`, turn.user && `for ${turn.user}`]
        .filter(Boolean)
        .join(' '),
    ],
    ['answered', turn.model],
    [
      'route',
      receipt?.route &&
        Object.entries(receipt.route)
          .flatMap(([name, value]) => (value ? `${name} ${value}` : []))
          .join(', '),
    ],
    ['history', receipt?.history],
    [
      'failed calls',
      receipt?.failed_calls
        .map(({ model, code, ms }) => `${model} ${code} after ${durationText(ms)}`)
        .join('; '),
    ],
    [
      'attempts',
      turn.attempts.map(({ model, error: why }) => (why ? `${model} (${why})` : model)).join(', then '),
    ],
    ['context', receipt?.context && contextText(receipt.context)],
    ['time', receipt && timeText(receipt.timings)],
    [
      'tokens',
      usage &&
        `${usage.input_tokens} in, ${usage.cache_read_tokens} of them cached; ${usage.output_tokens} out`,
    ],
    ['cost', turn.cost_usd === null ? 'unknown' : dollarsText(turn.cost_usd)],
  ];
  return [
    ...facts.flatMap(([name, value]) => (value ? [`${style.dim(name.padEnd(13))}${value}`] : [])),
    '',
    ...[...turn.input, ...turn.output].map((item) => itemText(item, style)),
  ].join('\n');
}

const contextText = (context: Record<string, unknown>): string =>
  `${context.policy}: ${context.tokens} of ${context.limit} tokens, ${context.kept_turns} turns kept, ${context.dropped_tokens} tokens left out, ${context.recalled_tokens} of them recalled`;

const timeText = ({
  first_delta_ms,
  total_ms,
}: {
  first_delta_ms: number | null;
  total_ms: number;
}): string =>
  `${durationText(total_ms)}${first_delta_ms === null ? '' : `, first token after ${durationText(first_delta_ms)}`}`;

async function cancel(invocation: Invocation): Promise<Output> {
  const { api, values } = invocation;
  const [id = ''] = wordsOf(invocation, 'clawhold turns cancel <turn>');
  const path = `turns/${encodeURIComponent(id)}/cancel`;
  const turn = await api.send<{ id: string; state: string }>('POST', path, queryOf(values, ['tenant']));
  return { json: turn, text: () => `${turn.id} is ${turn.state}.` };
}

async function follow(invocation: Invocation): Promise<undefined> {
  const { api, values, isJson } = invocation;
  const [id = ''] = wordsOf(invocation, 'clawhold turns follow <turn>');
  const response = await api.call(`turns/${encodeURIComponent(id)}/events`, queryOf(values, ['tenant']));
  for await (const { event, data } of sentEvents(response)) {
    if (isJson) console.log(data);
    else if (event === 'ended') process.stdout.write(`\n${plain(data)}\n`);
    else {
      const { type, text } = JSON.parse(data) as { type: string; text?: string };
      if (type === 'text-delta' || type === 'refusal-delta')
        process.stdout.write((text ?? '').replace(/(?!\n)[\p{Cc}\p{Cf}]/gu, ' '));
    }
  }
  return undefined;
}
