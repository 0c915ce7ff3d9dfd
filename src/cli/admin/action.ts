import type { ParseArgsConfig } from 'node:util';
import { parseOptions, tryHelp } from '../options.ts';
import type { OwnCommandName } from '../own-command.ts';
import { type Style, styleFor } from '../style.ts';
import { ManagementApi, targetOf } from './management-api.ts';

/** The values of options, by their names. */
export type Values = Record<string, string | boolean | undefined>;

/** What an action of a command works with. */
export interface Invocation {
  api: ManagementApi;
  /** The words after the action. */
  words: readonly string[];
  values: Values;
  style: Style;
  /** JSON is wanted: `--json`, or the output is no terminal. */
  isJson: boolean;
}

/** A command of operators: a thin layer over the management API. */
export interface OperatorCommand {
  name: OwnCommandName;
  help: string;
  options: NonNullable<ParseArgsConfig['options']>;
  /** The action where no word names one. */
  usual: string;
  /** Each returns what it prints: a text for people, or JSON. Nothing: it has printed everything. */
  actions: Record<string, (invocation: Invocation) => Promise<Output | undefined>>;
  /** Words that name no action belong to the usual one. */
  takesWords?: boolean;
}

/** What a command prints. */
export interface Output {
  json: unknown;
  text(): string;
}

export const SHARED_HELP = `  --tenant <name>    whose data; by default the tenant of the key
  --json             print JSON; also where the output is no terminal
  --url <address>    instead of the configured address
  --key <key>        the root key, instead of CLAWHOLD_ROOT_KEY or the file in the data folder
  --help             show this help
`;

const SHARED = {
  tenant: { type: 'string' },
  json: { type: 'boolean' },
  table: { type: 'boolean' },
  url: { type: 'string' },
  key: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

export async function runCommand(command: OperatorCommand, args: string[]): Promise<void> {
  const options = { ...command.options, ...SHARED };
  const parsed = parseOptions(command.name, { args, options, allowPositionals: true });
  const values = parsed.values as Values;
  const words = parsed.positionals as string[];
  if (values.help) {
    console.log(command.help);
    return;
  }
  const [first = ''] = words;
  const isNamed = Object.hasOwn(command.actions, first);
  if (!isNamed && words.length > 0 && !command.takesWords)
    throw new Error(`There is no command "${command.name} ${first}". ${tryHelp(command.name)}`);
  const action = command.actions[isNamed ? first : command.usual]!;
  const api = new ManagementApi(await targetOf({ url: textOf(values.url), key: textOf(values.key) }));
  const isJson = values.json === true || (process.stdout.isTTY !== true && values.table !== true);
  const style = styleFor(process.stdout, process.env);
  const output = await action({ api, words: isNamed ? words.slice(1) : words, values, style, isJson });
  if (output) console.log(isJson ? JSON.stringify(output.json, null, 2) : output.text());
}

export const textOf = (value: Values[string]): string | undefined =>
  typeof value === 'string' ? value : undefined;

/** The text options of these names, for a query. */
export const queryOf = (values: Values, names: readonly string[]): Record<string, string | undefined> =>
  Object.fromEntries(names.map((name) => [name.replaceAll('-', '_'), textOf(values[name])]));

/** The words that an action needs, or an error that says how to call it. */
export function wordsOf({ words }: Invocation, usage: string, least = 1): readonly string[] {
  if (words.length < least) throw new Error(`Usage: ${usage}`);
  return words;
}

/** How many entries a list should have. */
export function mostOf(values: Values, usual: number): number {
  const text = textOf(values.limit);
  const most = text === undefined ? usual : Number(text);
  if (!Number.isSafeInteger(most) || most < 1) throw new Error('--limit: expected a whole number above 0.');
  return most;
}
