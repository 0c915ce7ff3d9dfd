import {
  type Invocation,
  type OperatorCommand,
  type Output,
  runCommand,
  SHARED_HELP,
  textOf,
  wordsOf,
} from './admin/action.ts';
import { type Column, dollarsText, durationText, plain, tableText } from './admin/table.ts';

const HELP = `clawhold claws: which provider is ill?

Usage
  clawhold claws                   list the claws that are on: health, errors, limits, latency of the last 24 hours
  clawhold claws test <claw>       ask a model of it for a few tokens, which costs next to nothing
  clawhold claws models            list the models that can be called, with their prices

Options
  --all              with the list: also the claws that are off
  --model <model>    with test: the model; by default the cheapest one that is known
${SHARED_HELP}`;

interface ModelHealth {
  name: string;
  breaker: string;
  errors: Record<string, number>;
  in_flight: number;
  limits_left: { requests: { remaining: number } | null; tokens: { remaining: number } | null } | null;
}

interface Claw {
  name: string;
  on: boolean;
  turn_on_with: string | null;
  health: string;
  models: ModelHealth[];
  last_day: {
    turns: number;
    failed_turns: number;
    cost_usd: number;
    total_ms: Record<string, number | null>;
    first_token_ms: Record<string, number | null>;
  } | null;
}

interface Model {
  name: string;
  context: number | null;
  input_price: number | null;
  output_price: number | null;
}

const ms = (value: number | null | undefined): string => (value == null ? '' : durationText(value));

const COLUMNS: Column<Claw>[] = [
  { head: 'CLAW', text: ({ name }) => name, most: 32 },
  { head: 'HEALTH', text: ({ health }) => health },
  { head: 'TURNS', text: ({ last_day }) => String(last_day?.turns ?? 0), right: true },
  { head: 'FAILED', text: ({ last_day }) => String(last_day?.failed_turns ?? 0), right: true },
  { head: 'FIRST P50', text: ({ last_day }) => ms(last_day?.first_token_ms.p50), right: true },
  { head: 'P95', text: ({ last_day }) => ms(last_day?.first_token_ms.p95), right: true },
  { head: 'WHOLE P50', text: ({ last_day }) => ms(last_day?.total_ms.p50), right: true },
  { head: 'P95', text: ({ last_day }) => ms(last_day?.total_ms.p95), right: true },
  { head: 'COST', text: ({ last_day }) => dollarsText(last_day?.cost_usd ?? 0), right: true },
  { head: 'LIMITS LEFT', text: ({ models }) => limitsText(models) },
  {
    head: 'ERRORS',
    text: ({ models, turn_on_with }) => errorsText(models) || (turn_on_with ?? ''),
    most: 60,
  },
];

const MODELS: Column<Model>[] = [
  { head: 'MODEL', text: ({ name }) => name, most: 60 },
  { head: 'CONTEXT', text: ({ context }) => String(context ?? ''), right: true },
  { head: '$/M IN', text: ({ input_price }) => String(input_price ?? ''), right: true },
  { head: '$/M OUT', text: ({ output_price }) => String(output_price ?? ''), right: true },
];

export const COMMAND: OperatorCommand = {
  name: 'claws',
  help: HELP,
  usual: 'list',
  options: { all: { type: 'boolean' }, model: { type: 'string' } },
  actions: { list, test, models },
};

export const main = (args: string[]): Promise<void> => runCommand(COMMAND, args);

function errorsText(models: readonly ModelHealth[]): string {
  const sums: Record<string, number> = {};
  for (const { errors } of models)
    for (const [code, count] of Object.entries(errors)) sums[code] = (sums[code] ?? 0) + count;
  const open = models
    .filter(({ breaker }) => breaker !== 'closed')
    .map(({ name, breaker }) => `${name} is ${breaker}`);
  return [...open, ...Object.entries(sums).map(([code, count]) => `${count} ${code}`)].join(', ');
}

function limitsText(models: readonly ModelHealth[]): string {
  const least = (kind: 'requests' | 'tokens') =>
    Math.min(...models.map(({ limits_left }) => limits_left?.[kind]?.remaining ?? Number.POSITIVE_INFINITY));
  return (['requests', 'tokens'] as const)
    .flatMap((kind) => (Number.isFinite(least(kind)) ? [`${least(kind)} ${kind}`] : []))
    .join(', ');
}

async function list({ api, values, style }: Invocation): Promise<Output> {
  const { data } = await api.get<{ data: Claw[] }>('claws');
  const shown = values.all === true ? data : data.filter(({ on }) => on);
  return { json: shown, text: () => tableText(COLUMNS, shown, style) };
}

async function models({ api, style }: Invocation): Promise<Output> {
  const { data } = await api.get<{ data: Model[] }>('models');
  return { json: data, text: () => tableText(MODELS, data, style) };
}

interface Test {
  ok: boolean;
  model: string;
  ms: number;
  cost_usd: number | null;
  error: string | null;
  message: string | null;
}

async function test(invocation: Invocation): Promise<Output> {
  const { api, values, style } = invocation;
  const [claw = ''] = wordsOf(invocation, 'clawhold claws test <claw> [--model <model>]');
  const model = textOf(values.model);
  const path = `claws/${encodeURIComponent(claw)}/test`;
  const result = await api.send<Test>('POST', path, {}, model === undefined ? {} : { model });
  if (!result.ok) process.exitCode = 1;
  const text = result.ok
    ? `${style.green(style.signs.ok)} ${result.model} answered in ${durationText(result.ms)}.`
    : `${style.red(style.signs.bad)} ${result.model}: ${result.error}: ${plain(result.message ?? '')}`;
  return { json: result, text: () => text };
}
