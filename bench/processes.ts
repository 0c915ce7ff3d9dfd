import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Job, Message, Outcome } from './load/job.ts';

/**
 * Every part runs in its own process. The measured program has the first core; simulator and load generator
 * share the second, so that they take no CPU time from the measured program.
 */

export interface Server {
  pid: number;
  port: number;
  stop(): Promise<void>;
}

export interface Gateway extends Server {
  dataDir: string;
  /** The headers that every request needs. */
  headers: Record<string, string>;
  /** Kills the process and keeps its data. */
  kill(): Promise<void>;
}

export interface GatewayOptions {
  /** Port of the provider simulator. */
  provider: number;
  /** Default: a new directory, deleted when the gateway stops. A given directory is kept. */
  dataDir?: string;
  yaml?: string;
  /** More arguments for Bun, for profiling. */
  bunArguments?: readonly string[];
}

export const ROOT_KEY = 'sk-claw-bench-root-0123456789';

const canPin = availableParallelism() > 1 && Bun.which('taskset') !== null;
export const PINNED = canPin;
const SOURCES = process.env.BENCH_SOURCES ?? join(import.meta.dir, '..');

/** Binds a command to one core, if the machine can do that. */
export function pinned(core: 'measured' | 'other', command: string[]): string[] {
  return canPin ? ['taskset', '-c', core === 'measured' ? '0' : '1', ...command] : command;
}

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'clawhold-bench-'));
}

export async function startSimulator(): Promise<Server> {
  const program = join(import.meta.dir, '../tests/simulators/provider/main.ts');
  const child = Bun.spawn(pinned('other', [process.execPath, program, '--keep', '10']), {
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const port = Number(await firstMatch(child.stdout, /127\.0\.0\.1:(\d+)/));
  return { pid: child.pid, port, stop: () => end(child, 'SIGKILL') };
}

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const cwd = temporaryDirectory();
  const dataDir = options.dataDir ?? join(cwd, 'data');
  await Bun.write(join(cwd, 'clawhold.yaml'), options.yaml ?? '');
  const child = Bun.spawn(gatewayCommand(options.bunArguments), {
    cwd,
    env: gatewayEnvironment(dataDir, options.provider),
    stdout: Bun.file(join(cwd, 'log')),
    stderr: 'pipe',
  });
  const port = Number(await firstMatch(child.stderr, /listens on http:\S+:(\d+)/));
  return {
    pid: child.pid,
    port,
    dataDir,
    headers: { authorization: `Bearer ${ROOT_KEY}` },
    kill: () => end(child, 'SIGKILL'),
    async stop() {
      await end(child, 'SIGTERM');
      rmSync(cwd, { recursive: true, force: true });
    },
  };
}

export function gatewayCommand(bunArguments: readonly string[] = []): string[] {
  return pinned('measured', [process.execPath, ...bunArguments, builtProgram(), 'start']);
}

/** What an operator starts. */
export function starterCommand(): string[] {
  builtProgram();
  return ['node', join(SOURCES, 'bin/clawhold.mjs'), 'start'];
}

let built = false;

/** Earlier versions, which `BENCH_SOURCES` may name, are not built. */
function builtProgram(): string {
  const build = join(SOURCES, 'bin/build.mjs');
  if (!existsSync(build)) return join(SOURCES, 'src/cli/clawhold.ts');
  if (!built && Bun.spawnSync(['node', build], { stderr: 'inherit' }).exitCode !== 0)
    throw new Error('The gateway cannot be built.');
  built = true;
  return join(SOURCES, 'dist/cli/clawhold.js');
}

export function gatewayEnvironment(dataDir: string, provider: number, port = 0): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    BUN_CONFIG_MAX_HTTP_REQUESTS: '65336',
    CLAWHOLD_PORT: String(port),
    CLAWHOLD_DATA_DIR: dataDir,
    // The earlier name of the root key: earlier versions, which `BENCH_SOURCES` may name, know only this one.
    CLAWHOLD_MASTER_KEY: ROOT_KEY,
    CLAWHOLD_DETECT: 'false',
    OPENAI_API_KEY: 'sk-simulated',
    OPENAI_BASE_URL: `http://127.0.0.1:${provider}/v1`,
  };
}

export interface LoadGenerator {
  /** Rejects when a request fails, because a measurement with failures is useless. */
  run(job: Job, opened?: () => void): Promise<Outcome>;
  stop(): Promise<void>;
}

export function startLoad(): LoadGenerator {
  let onMessage: ((message: Message) => void) | undefined;
  const child = Bun.spawn(pinned('other', [process.execPath, join(import.meta.dir, 'load/main.ts')]), {
    stdio: ['ignore', 'inherit', 'inherit'],
    serialization: 'json',
    ipc: (message: Message) => onMessage?.(message),
  });
  return {
    async run(job, opened) {
      const { promise, resolve } = Promise.withResolvers<Outcome>();
      onMessage = (message) => ('outcome' in message ? resolve(message.outcome) : opened?.());
      child.send(job);
      const outcome = await promise;
      if (outcome.failures > 0) {
        throw new Error(`${outcome.failures} of ${outcome.requests} requests failed: ${outcome.failure}`);
      }
      return outcome;
    },
    stop: () => end(child, 'SIGKILL'),
  };
}

export async function end(child: Bun.Subprocess, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  await child.exited;
}

/** Resolves to the first match in a process's output. It reads on afterwards, so that the pipe never fills. */
export async function firstMatch(stream: ReadableStream<Uint8Array>, pattern: RegExp): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = '';
  void (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      text = (text + decoder.decode(chunk, { stream: true })).slice(-10_000);
      const found = pattern.exec(text)?.[1];
      if (found) resolve(found);
    }
    reject(new Error(`a process ended before it was ready: ${text}`));
  })();
  return promise;
}
