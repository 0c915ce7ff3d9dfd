import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT_KEY, temporaryDirectory } from '../harness/gateway.ts';

/** `clawhold start` as a child process: its output and its exit code. */
export interface GatewayProcess {
  /** Rejects with the output if the process ends before it listens. */
  url: Promise<string>;
  exited: Promise<number>;
  /** Resolves to all of standard error when the process has ended. */
  stderr: Promise<string>;
  terminate(): void;
  /** Has no effect after the process has ended. */
  kill(): void;
}

export interface ProcessOptions {
  dataDir: string;
  provider?: string;
  env?: Record<string, string>;
}

const PROGRAM = join(import.meta.dir, '../../src/cli/clawhold.ts');

export function startProcess({ dataDir, provider, env }: ProcessOptions): GatewayProcess {
  const cwd = temporaryDirectory();
  const child = Bun.spawn([process.execPath, PROGRAM, 'start'], {
    cwd,
    env: {
      PATH: process.env.PATH ?? '',
      CLAWHOLD_PORT: '0',
      CLAWHOLD_DATA_DIR: dataDir,
      CLAWHOLD_ROOT_KEY: ROOT_KEY,
      CLAWHOLD_DETECT: 'false',
      CLAWHOLD_WORKERS: '1',
      CLAWHOLD_LOG_LEVEL: 'error',
      ...(provider && { GROQ_API_KEY: 'sk-simulated', GROQ_BASE_URL: `${provider}/v1` }),
      ...env,
    },
    stdout: 'ignore',
    stderr: 'pipe',
  });
  const url = Promise.withResolvers<string>();
  const read = async () => {
    let text = '';
    for await (const chunk of child.stderr) {
      text += new TextDecoder().decode(chunk);
      const found = /listens on (http:\S+)/.exec(text)?.[1];
      if (found) url.resolve(found);
    }
    url.reject(new Error(text));
    return text;
  };
  url.promise.catch(() => {});
  const exited = child.exited.finally(() => rmSync(cwd, { recursive: true }));
  return {
    url: url.promise,
    exited,
    stderr: read(),
    terminate: () => child.kill('SIGTERM'),
    kill: () => child.kill(9),
  };
}
