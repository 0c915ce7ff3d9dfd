import { join } from 'node:path';

/** A program on a pseudo-terminal (`script` of util-linux), and what it has shown. */
export interface OnTerminal {
  /** All text on the screen so far. */
  shown(): string;
  /** Resolves when the text is on the screen; rejects when the program ends before. */
  sees(words: string | RegExp): Promise<void>;
  type(keys: string): void;
  /** The process id of the command. */
  pid(): Promise<number>;
  /** Closes the terminal: the kernel sends SIGHUP to the processes on it. */
  close(): Promise<void>;
  exited: Promise<number>;
}

export const HAS_TERMINAL = Bun.which('script') !== null;

export const ENTRY = join(import.meta.dir, '../../src/cli/clawhold.ts');

/** The environment of a gateway for a test: no keys of this machine, any free port, data in `cwd`. */
export function startEnvironment(cwd: string, env: Record<string, string> = {}): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    LANG: 'C.UTF-8',
    BUN_CONFIG_MAX_HTTP_REQUESTS: '65336',
    CLAWHOLD_PORT: '0',
    CLAWHOLD_DATA_DIR: join(cwd, 'data'),
    CLAWHOLD_DETECT: 'false',
    ...env,
  };
}

/** Runs a shell command on a pseudo-terminal. */
export function onTerminal(command: string, cwd: string, env: Record<string, string>): OnTerminal {
  const pidFile = join(cwd, 'pid');
  const child = Bun.spawn(['script', '-qec', `echo $$ > '${pidFile}'; ${command}`, '/dev/null'], {
    cwd,
    env: { TERM: 'xterm', SHELL: '/bin/sh', NO_COLOR: '1', ...env },
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  let text = '';
  let more = Promise.withResolvers<boolean>();
  void (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) {
      text += decoder.decode(chunk, { stream: true });
      more.resolve(true);
      more = Promise.withResolvers();
    }
    more.resolve(false);
  })();
  return {
    shown: () => text,
    async sees(words) {
      while (!(typeof words === 'string' ? text.includes(words) : words.test(text)))
        if (!(await more.promise)) throw new Error(`never appeared: ${words}\n${text}`);
    },
    pid: async () => Number(await Bun.file(pidFile).text()),
    type(keys) {
      child.stdin.write(keys);
      child.stdin.flush();
    },
    async close() {
      child.kill(9);
      await child.exited;
    },
    exited: child.exited,
  };
}
