import { parseArgs } from 'node:util';
import { version } from '../../package.json';
import type { Config } from '../config/config.ts';
import { type RunningGateway, startGateway } from '../main.ts';
import { addressOf } from './chat/connection.ts';
import { onInterrupt } from './interrupts.ts';
import { keptRootKey, shortPath } from './root-key.ts';
import { loadSettings } from './settings.ts';
import { type Style, styleFor } from './style.ts';

const HELP = `clawhold start: start the gateway

Options
  --port <number>    instead of CLAWHOLD_PORT (default 2529)
  --host <address>   instead of CLAWHOLD_HOST (default 127.0.0.1); 0.0.0.0 listens on all interfaces
  --data <folder>    instead of CLAWHOLD_DATA_DIR (default ./clawhold-data)
  --config <file>    instead of CLAWHOLD_CONFIG (default ./clawhold.yaml, if it exists)
  --help             show this help

Provider keys come from their usual variables (OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY…); clawhold doctor
lists which were found. The first start makes the root key, shows it and writes it into the file root-key of the
data folder, unless CLAWHOLD_ROOT_KEY is set. clawhold key --help says more.
SIGHUP makes a running gateway read its configuration again.
Ctrl-C stops the gateway after running turns have ended; a second Ctrl-C stops it at once.
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
      console.error(
        `\nStopping. Running turns have up to ${seconds} s to end. Press Ctrl-C again to stop at once.`,
      );
      await gateway.stop();
      console.error('Stopped.');
      process.exit(0);
    },
    () => process.exit(130),
  );
  process.on('SIGHUP', () => reload(gateway));
  console.error(banner(gateway, config, styleFor(process.stderr, process.env)));
}

/** Reads the configuration again. One that cannot be used changes nothing. */
async function reload(gateway: RunningGateway): Promise<void> {
  try {
    const waiting = await gateway.reconfigure(await loadSettings());
    console.error('The configuration was read again and is in effect.');
    if (waiting.length > 0)
      console.error(`These settings take effect at the next start: ${waiting.join(', ')}.`);
  } catch (error) {
    console.error(`The configuration has errors; nothing was changed:\n${(error as Error).message}`);
  }
}

/** Sets options as environment variables, so that only the configuration decides precedence. False: show the help. */
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
      `Port ${config.port} on ${config.host} is in use, perhaps by a gateway that is already running. ` +
        'Run clawhold doctor, or use another port: clawhold start --port 2530',
    );
  }
}

function banner(gateway: RunningGateway, config: Config, style: Style): string {
  const { newRootKey, providers, recovered } = gateway;
  const url = addressOf(config.host, Number(new URL(gateway.url).port));
  const on = providers.filter(({ state }) => state === 'on').map(({ id }) => id);
  const sessions =
    config.storage.kind === 'memory' ? 'memory (lost when the gateway stops)' : shortPath(config.dataDir);
  const lines = [
    `${style.bold('Clawhold')} ${version} listens on ${style.cyan(url)}`,
    '',
    `  Claws      ${['local', ...on].join(', ')}`,
    `  Sessions   ${sessions}`,
  ];
  const kept = keptRootKey(config);
  if (newRootKey) lines.push(`  Root key   ${style.bold(newRootKey)}`);
  if (kept) lines.push(`  ${newRootKey ? '        ' : 'Root key'}   in ${kept.path}`);
  if (on.length === 0)
    lines.push(
      '',
      'No provider is set up, so only the built-in local/recall answers. Set a key, for example OPENAI_API_KEY, and restart.',
    );
  if (recovered > 0)
    lines.push('', `Took over ${recovered} turn(s) that were running when the gateway last stopped.`);
  const key = kept ? `$(cat ${kept.path})` : (newRootKey ?? '$CLAWHOLD_ROOT_KEY');
  lines.push(
    '',
    'Try it:',
    style.dim(exampleRequest(url, key)),
    '',
    'Chat with it in another terminal: npm run chat. Ctrl-C stops the gateway.',
    '',
  );
  return lines.join('\n');
}

function exampleRequest(url: string, key: string): string {
  const body = '{"model":"local/recall","messages":[{"role":"user","content":"My name is Ada."}]}';
  return [
    `  curl ${url}/v1/chat/completions -H "authorization: Bearer ${key}" \\`,
    `    -H 'x-session-id: trip' -H 'content-type: application/json' \\`,
    `    -d '${body}'`,
  ].join('\n');
}
