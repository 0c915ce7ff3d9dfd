import { writeSync } from 'node:fs';
import type { Config } from '../config/config.ts';
import { configFiles } from '../config/load.ts';
import { watchFiles } from '../config/watch.ts';
import { thisMachine, workerCount } from '../config/worker-count.ts';
import type { RunningGateway } from '../main.ts';
import type { RunningWorkers } from '../supervisor.ts';
import { type Banner, bannerText, recoveredText } from './banner.ts';
import { stateOf } from './doctor/address.ts';
import { onInterrupt } from './interrupts.ts';
import { parseOptions } from './options.ts';
import { type OwnCommand, ownCommand } from './own-command.ts';
import { reloadText } from './reload.ts';
import { loadSettings } from './settings.ts';
import { styleFor } from './style.ts';

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
The gateway reads its configuration file again when it changes, at SIGHUP, and for clawhold reload.
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
  const command = ownCommand(process.env);
  if (!readOptions(args)) {
    console.log(HELP);
    return;
  }
  // Installed before the start, because the start may take a while. A change during the start is read after it.
  let isStale = false;
  let reload = () => {
    isStale = true;
  };
  process.on('SIGHUP', () => reload());
  const watch = watchFiles(configFiles(process.cwd(), process.env), () => reload());
  const config = await loadSettings();
  const workers = workerCount(config, thisMachine());
  await expectFreePort(config, command);
  const running = workers > 1 ? await startSeveral(config, workers) : await startOne(config);
  onInterrupt(
    async (signal) => {
      const seconds = config.shutdown.drainMs / 1000;
      const again = signal === 'SIGINT' ? ' Press Ctrl-C again to stop at once.' : '';
      say(`\nStopping. Running turns have up to ${seconds} s to end.${again}`);
      watch.close();
      await running.stop();
      say('Stopped.');
      process.exit(0);
    },
    () => {
      running.kill();
      process.exit(130);
    },
  );
  const gateway = await running.ready;
  reload = () => void reloadAndSay(running);
  if (isStale) reload();
  const style = styleFor(process.stderr, process.env);
  const hasKeyboard = process.stdin.isTTY === true;
  say(bannerText({ gateway, config, workers, env: process.env, command, hasKeyboard, style }));
  const recovered = recoveredText(await running.recovered);
  if (recovered !== '') say(`${recovered}\n`);
}

/** What `start` has started: this process as the gateway, or workers. */
interface Running extends Pick<RunningWorkers, 'reload' | 'stop' | 'kill'> {
  /** Resolves when requests are served. */
  ready: Promise<Banner['gateway']>;
  recovered: RunningGateway['recovered'];
}

async function startOne(config: Config): Promise<Running> {
  const { startGateway } = await import('../main.ts');
  const gateway = await startGateway(config, process.env, { load: loadSettings });
  return {
    ready: Promise.resolve(gateway),
    recovered: gateway.recovered,
    reload: () => gateway.reload(),
    stop: () => gateway.stop(),
    kill() {},
  };
}

async function startSeveral(config: Config, count: number): Promise<Running> {
  const { startWorkers } = await import('../supervisor.ts');
  const workers = startWorkers(config, {
    count,
    command: [process.execPath, process.argv[1]!, 'worker'],
    load: loadSettings,
    say,
    // On a terminal, a worker writes lines for people.
    output: process.stdout.isTTY ? undefined : passOn(Bun.stdout.writer()),
  });
  const recovered = workers.ready.then((facts) => facts.recovered);
  recovered.catch(() => {});
  return { ...workers, recovered };
}

/** Writes to standard error. The gateway runs on when the terminal is closed; writing then fails. */
function say(text: string): void {
  try {
    writeSync(2, `${text}\n`);
  } catch {}
}

/** A reader that is slow or gone never holds the supervisor up. */
const passOn = (sink: Bun.FileSink) => (lines: Uint8Array) => {
  try {
    sink.write(lines);
    const flushed = sink.flush();
    if (flushed instanceof Promise) flushed.catch(() => {});
  } catch {}
};

async function reloadAndSay(gateway: Pick<RunningGateway, 'reload'>): Promise<void> {
  try {
    say(reloadText(await gateway.reload()));
  } catch (error) {
    say(`The configuration could not be read: ${(error as Error).message}`);
  }
}

/** Sets options as environment variables, so that only the configuration decides precedence. False: show the help. */
function readOptions(args: string[]): boolean {
  const { values } = parseOptions('start', { args, options: OPTIONS });
  for (const name of ['port', 'host', 'data', 'config'] as const) {
    const value = values[name];
    if (value !== undefined) process.env[VARIABLES[name]] = value;
  }
  return !values.help;
}

/** Refuses a taken port before anything is written. Otherwise, a root key would be made and never shown. */
async function expectFreePort(config: Config, command: OwnCommand): Promise<void> {
  const address = config.port === 0 ? ({ state: 'free' } as const) : await stateOf(config, command);
  if (address.state !== 'free') throw new Error(`${address.message}. ${address.remedy}`);
}
