import type { Config } from '../config/config.ts';
import { rotateRootKey, rotateSealKey } from '../main.ts';
import { parseOptions, tryHelp } from './options.ts';
import { ownCommand } from './own-command.ts';
import { keptRootKey } from './root-key.ts';
import { loadSettings } from './settings.ts';

const HELP = `clawhold key: the keys of the gateway

Usage
  clawhold key                 say where the root key is
  clawhold key rotate          make a new root key and print it; the earlier key is refused from then on
  clawhold key rotate-seals    make a new key for sealed reasoning; earlier seals still open

The first start makes the root key and writes it into the file root-key of the data folder, for clients on this
machine such as clawhold chat. CLAWHOLD_ROOT_KEY (or root_key in clawhold.yaml) sets a key of your own instead.
rotate also replaces a lost key.

Both work while gateways run on the data folder. They take a new root key within a second, and a new key for seals
within five minutes, or at once after SIGHUP. docs/keys.md says more.
`;

const ACTIONS: Record<string, (config: Config) => Promise<void>> = {
  rotate: rotateRoot,
  'rotate-seals': rotateSeals,
};

export async function main(args: string[]): Promise<void> {
  const { values, positionals } = parseOptions('key', {
    args,
    options: { help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const name = positionals.join(' ');
  if (name === '') {
    console.log(`The root key is ${whereRootKeyIs(await loadSettings())}`);
    return;
  }
  const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
  if (!action) throw new Error(`There is no command "key ${name}". ${tryHelp('key')}`);
  await action(await loadSettings());
  // The threads of the store end with the process.
  process.exit();
}

async function rotateRoot(config: Config): Promise<void> {
  const key = await rotateRootKey(config);
  // Standard output has only the key, so that a script can store it.
  console.log(key);
  process.stderr.write(
    `This is the new root key. It is also in ${keptRootKey(config)?.path}.\n` +
      'Running gateways take it within a second and then refuse the earlier key.\n',
  );
}

async function rotateSeals(config: Config): Promise<void> {
  if (config.storage.kind === 'memory')
    throw new Error('With storage in memory, every start makes a new key for seals. Restart the gateway.');
  console.log(`The new key for seals has the id ${await rotateSealKey(config)}.`);
}

function whereRootKeyIs(config: Config): string {
  const kept = keptRootKey(config);
  if (config.rootKey !== undefined) return 'set by CLAWHOLD_ROOT_KEY, or by root_key in clawhold.yaml.';
  if (config.storage.kind === 'memory') return 'shown at every start: storage in memory does not keep it.';
  if (kept) return `in ${kept.path}.`;
  const rotate = ownCommand(process.env)('key', 'rotate');
  return `in no file. The first start makes it and writes the file. If the file was removed, make a new key: ${rotate}`;
}
