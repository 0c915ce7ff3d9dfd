import { parseArgs } from 'node:util';
import type { Config } from '../config/config.ts';
import { rotateRootKey } from '../main.ts';
import { keptRootKey } from './root-key.ts';
import { loadSettings } from './settings.ts';

const HELP = `clawhold key: the root key of the gateway

Usage
  clawhold key           say where the root key comes from
  clawhold key rotate    make a new root key and print it; the key before it is refused from then on

The first start makes the root key and writes it into the file root-key of the data folder, for clients on this
machine such as clawhold chat. CLAWHOLD_ROOT_KEY (or root_key in clawhold.yaml) sets a key of your own instead.
rotate also replaces a lost key, and works while gateways run: they take the new key within a second.
`;

export async function main(args: string[]): Promise<void> {
  const action = actionOf(args);
  if (action === 'help') {
    console.log(HELP);
    return;
  }
  const config = await loadSettings();
  if (action === 'show') {
    console.log(`The root key is ${placeOf(config)}.`);
    return;
  }
  const key = await rotateRootKey(config);
  // Standard output has only the key, so that a script can store it.
  console.log(key);
  process.stderr.write(
    `This is the new root key. It is also in ${keptRootKey(config)?.path}.\n` +
      'Running gateways take it within a second and then refuse the key before it.\n',
  );
  // The threads of the store end with the process.
  process.exit();
}

function actionOf(args: string[]): 'help' | 'show' | 'rotate' {
  const { values, positionals } = parse(args);
  if (values.help) return 'help';
  const [action, ...more] = positionals;
  if (action === undefined) return 'show';
  if (action === 'rotate' && more.length === 0) return 'rotate';
  throw new Error(`There is no command "key ${positionals.join(' ')}". Try: clawhold key --help`);
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: { help: { type: 'boolean', short: 'h' } }, allowPositionals: true });
  } catch (error) {
    throw new Error(`${(error as Error).message.split('. To specify')[0]} Try: clawhold key --help`);
  }
}

function placeOf(config: Config): string {
  const kept = keptRootKey(config);
  if (config.rootKey !== undefined) return 'set by CLAWHOLD_ROOT_KEY, or by root_key in clawhold.yaml';
  if (config.storage.kind === 'memory') return 'shown at every start: storage in memory keeps none';
  if (kept) return `in ${kept.path}`;
  return 'made at the first start. Its file was removed, or there was no start yet; clawhold key rotate makes a new one';
}
