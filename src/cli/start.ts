import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { version } from '../../package.json';
import type { Config } from '../config/config.ts';
import { type RunningGateway, startGateway } from '../main.ts';
import { addressOf } from './chat/connection.ts';
import { onInterrupt } from './interrupts.ts';
import { loadSettings } from './settings.ts';
import { type Style, styleFor } from './style.ts';

const HELP = `clawhold start: start the gateway

Options
  --port <number>    instead of CLAWHOLD_PORT (2529)
  --host <address>   instead of CLAWHOLD_HOST (127.0.0.1); 0.0.0.0 for every interface
  --data <folder>    instead of CLAWHOLD_DATA_DIR (./clawhold-data)
  --config <file>    instead of CLAWHOLD_CONFIG (./clawhold.yaml, if there is one)
  --help             show this

Keys of providers come from their usual variables (OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY…); clawhold
doctor lists what was found. The first start makes a root key and shows it once, unless CLAWHOLD_MASTER_KEY has one.
Ctrl-C lets running turns end, then stops; a second Ctrl-C stops at once.
`;

const OPTIONS = {
  port: { type: 'string' },
  host: { type: 'string' },
  data: { type: 'string' },
  config: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const VARIABLES = {
  port: 'CLAWHOLD_PORT',
  host: 'CLAWHOLD_HOST',
  data: 'CLAWHOLD_DATA_DIR',
  config: 'CLAWHOLD_CONFIG',
} as const;

export async function main(args: string[]): Promise<void> {
  if (!readOptions(args)) {
    console.log(HELP);
    return;
  }
  const config = await loadSettings();
  const gateway = await start(config);
  onInterrupt(
    async () => {
      const seconds = config.shutdown.drainMs / 1000;
      console.error(`\nStopping: running turns get up to ${seconds} s. Ctrl-C again stops at once.`);
      await gateway.stop();
      console.error('Stopped.');
      process.exit(0);
    },
    () => process.exit(130),
  );
  console.error(banner(gateway, config, styleFor(process.stderr, process.env)));
}

/** Options become variables, so that one place decides what goes before what. False: show the help. */
function readOptions(args: string[]): boolean {
  try {
    const { values } = parseArgs({ args, options: OPTIONS });
    for (const name of ['port', 'host', 'data', 'config'] as const) {
      const value = values[name];
      if (value !== undefined) process.env[VARIABLES[name]] = value;
    }
    return !values.help;
  } catch (error) {
    throw new Error(`${(error as Error).message.split('. To specify')[0]} Try: clawhold start --help`);
  }
}

async function start(config: Config): Promise<RunningGateway> {
  try {
    return await startGateway(config, process.env);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new Error(
      `Port ${config.port} on ${config.host} is in use, perhaps by a gateway that runs already. ` +
        'Try clawhold doctor, or another port: clawhold start --port 2530',
    );
  }
}

function banner(gateway: RunningGateway, config: Config, style: Style): string {
  const { newRootKey, providers, recovered } = gateway;
  const url = addressOf(config.host, Number(new URL(gateway.url).port));
  const on = providers.filter(({ state }) => state === 'on').map(({ id }) => id);
  const kept = config.storage.kind === 'memory' ? 'memory, forgotten at the stop' : near(config.dataDir);
  const lines = [
    `${style.bold('Clawhold')} ${version} listens on ${style.cyan(url)}`,
    '',
    `  Claws      ${['local', ...on].join(', ')}`,
    `  Sessions   ${kept}`,
  ];
  if (newRootKey)
    lines.push(`  Root key   ${style.bold(newRootKey)}`, '             shown only now: keep it');
  if (on.length === 0)
    lines.push(
      '',
      'No provider key is set, so local/recall answers. Set OPENAI_API_KEY, for example, and restart.',
    );
  if (recovered > 0) lines.push('', `${recovered} turn(s) that the last stop cut off were closed and kept.`);
  const key = newRootKey ?? (config.masterKey === undefined ? '<your root key>' : '$CLAWHOLD_MASTER_KEY');
  lines.push(
    '',
    'Try it:',
    style.dim(example(url, key)),
    '',
    'npm run chat talks to it here. Ctrl-C stops.',
    '',
  );
  return lines.join('\n');
}

function near(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : `./${short}`;
}

function example(url: string, key: string): string {
  const body = '{"model":"local/recall","messages":[{"role":"user","content":"My name is Ada."}]}';
  return [
    `  curl ${url}/v1/chat/completions -H "authorization: Bearer ${key}" \\`,
    `    -H 'x-session-id: trip' -H 'content-type: application/json' \\`,
    `    -d '${body}'`,
  ].join('\n');
}
