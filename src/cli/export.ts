import { createWriteStream } from 'node:fs';
import { Writable } from 'node:stream';
import {
  type Invocation,
  type OperatorCommand,
  queryOf,
  runCommand,
  SHARED_HELP,
  textOf,
} from './admin/action.ts';

const HELP = `clawhold export: copy sessions into a file

Usage
  clawhold export <session> > trip.jsonl                  one session with everything, as lines of JSON
  clawhold export <session> --form markdown               for people
  clawhold export <session> --form openai                 as messages of a chat request
  clawhold export --all --tag keep --output keep.jsonl    all sessions of a tenant that pass the filters

Options
  --form <form>      clawhold (the default), openai or markdown
  --output <file>    instead of standard output
  --all              all sessions; --name, --tag, --user, --model, --state, --since and --until filter
${SHARED_HELP}`;

const text = { type: 'string' } as const;
const FILTERS = ['name', 'tag', 'user', 'model', 'state', 'since', 'until'];

export const COMMAND: OperatorCommand = {
  name: 'export',
  help: HELP,
  usual: 'session',
  takesWords: true,
  options: {
    ...{ form: text, output: text, all: { type: 'boolean' } },
    ...Object.fromEntries(FILTERS.map((name) => [name, text])),
  },
  actions: { session },
};

export const main = (args: string[]): Promise<void> => runCommand(COMMAND, args);

async function session({ api, words, values }: Invocation): Promise<undefined> {
  const [wanted] = words;
  if ((wanted === undefined) !== (values.all === true))
    throw new Error('Usage: clawhold export <session>, or clawhold export --all');
  const query = queryOf(values, wanted === undefined ? ['tenant', 'form', ...FILTERS] : ['tenant', 'form']);
  const path = wanted === undefined ? 'export' : `sessions/${encodeURIComponent(wanted)}/export`;
  const { body } = await api.call(path, query);
  const file = textOf(values.output);
  const target = file === undefined ? process.stdout : createWriteStream(file, { mode: 0o600 });
  await body?.pipeTo(Writable.toWeb(target) as WritableStream<Uint8Array>, {
    preventClose: file === undefined,
  });
  return undefined;
}
