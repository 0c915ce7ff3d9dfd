import { join } from 'node:path';

/** `clawhold` as a user runs it: with arguments and input, or on a pseudo-terminal. */

export const ENTRY = join(import.meta.dir, '../../src/cli/clawhold.ts');
/** Whether this machine has the program that makes pseudo-terminals. */
export const HAS_SCRIPT = Bun.which('script') !== null;

export type Env = Record<string, string>;

export interface RunOptions {
  env?: Env;
  input?: string;
}

export interface TerminalOptions {
  env?: Env;
  program?: string[];
  /** The width of the window. */
  columns?: number;
}

export interface CommandLine {
  clawhold(args: string[], options?: RunOptions): Promise<{ out: string; err: string; code: number }>;
  onTerminal(args: string[], options?: TerminalOptions): TestTerminal;
  /** The same for a shell command. */
  shellOnTerminal(command: string, env?: Env): TestTerminal;
}

/** Commands that run in the folder `cwd`. */
export function commandLine(cwd: string): CommandLine {
  return {
    clawhold: (args, options = {}) => run(cwd, args, options),
    onTerminal: (args, options = {}) => new TestTerminal(cwd, commandOf(args, options), options.env),
    shellOnTerminal: (command, env) => new TestTerminal(cwd, command, env),
  };
}

function commandOf(
  args: string[],
  { program = [process.execPath, ENTRY], columns }: TerminalOptions,
): string {
  const command = [...program, ...args].map((word) => `'${word}'`).join(' ');
  return `${columns === undefined ? '' : `stty cols ${columns}; `}exec ${command}`;
}

/** An environment without the provider keys of this machine, and with port 0, so that no gateway is found. */
export function environment(cwd: string, env: Env = {}): Env {
  return {
    PATH: process.env.PATH ?? '',
    LANG: 'C.UTF-8',
    BUN_CONFIG_MAX_HTTP_REQUESTS: '65336',
    CLAWHOLD_PORT: '0',
    CLAWHOLD_DATA_DIR: join(cwd, 'data'),
    CLAWHOLD_DETECT: 'false',
    CLAWHOLD_WORKERS: '1',
    ...env,
  };
}

async function run(cwd: string, args: string[], { env = {}, input = '' }: RunOptions) {
  const child = Bun.spawn([process.execPath, ENTRY, ...args], {
    cwd,
    env: environment(cwd, env),
    stdin: new Blob([input]),
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { out, err, code };
}

/** A command on a pseudo-terminal. The test types keys and waits for text on the screen. */
export class TestTerminal {
  private readonly child: Bun.Subprocess<'pipe', 'pipe', 'inherit'>;
  private text = '';
  private seen = 0;
  private output = Promise.withResolvers<boolean>();
  /** The exit code. */
  readonly exited: Promise<number>;

  constructor(
    private readonly cwd: string,
    command: string,
    env: Env = {},
  ) {
    const recordPid = `echo $$ > '${join(cwd, 'pid')}'; ${command}`;
    this.child = Bun.spawn(['script', '-qec', recordPid, '/dev/null'], {
      cwd,
      env: environment(cwd, { TERM: 'xterm', SHELL: '/bin/sh', NO_COLOR: '1', ...env }),
      stdin: 'pipe',
      stdout: 'pipe',
    });
    this.exited = this.child.exited;
    void this.read();
  }

  type(keys: string): void {
    this.child.stdin.write(keys);
    this.child.stdin.flush();
  }

  /** Resolves when `text` appears after the text of the previous call. */
  async sees(text: string | RegExp): Promise<void> {
    for (;;) {
      const rest = this.text.slice(this.seen);
      const at = typeof text === 'string' ? rest.indexOf(text) : rest.search(text);
      if (at !== -1) {
        this.seen += at + (typeof text === 'string' ? text.length : 1);
        return;
      }
      if (!(await this.output.promise)) throw new Error(`never appeared: ${text}\n${this.text}`);
    }
  }

  /** All text on the screen so far. */
  shown(): string {
    return this.text;
  }

  async signal(signal: NodeJS.Signals): Promise<void> {
    process.kill(await this.pid(), signal);
  }

  /** Closes the terminal window: the kernel sends SIGHUP to the command. */
  async close(): Promise<void> {
    this.child.kill(9);
    await this.exited;
  }

  /** Closes the terminal window. Resolves when the command has ended. */
  async hangUp(): Promise<void> {
    const pid = await this.pid();
    await this.close();
    // The command is not a child of this process, so poll for its end.
    while (isRunning(pid)) await Bun.sleep(10);
  }

  /** The process id of the command. */
  async pid(): Promise<number> {
    return Number(await Bun.file(join(this.cwd, 'pid')).text());
  }

  private async read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.child.stdout) {
      this.text += decoder.decode(chunk, { stream: true });
      this.output.resolve(true);
      this.output = Promise.withResolvers();
    }
    this.output.resolve(false);
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
