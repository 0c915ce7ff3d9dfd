import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load.ts';
import { startGateway } from '../../src/main.ts';

export const ROOT_KEY = 'sk-claw-test-root-0123456789';
/** A key of another tenant than the root key's. */
export const OTHER_KEY = 'sk-claw-test-other-0123456789';

export interface TestGatewayOptions {
  /** Base URL of the provider simulator; turns on openai, anthropic, gemini, groq and deepseek. */
  provider?: string;
  /** Kept after `stop` when given; otherwise a fresh one that is removed. */
  dataDir?: string;
  /** Further `CLAWHOLD_…` settings and provider variables. */
  env?: Record<string, string>;
  /** `clawhold.yaml`; has the second tenant's key by default. */
  yaml?: string;
}

export interface TestGateway {
  url: string;
  dataDir: string;
  /** Calls a path as the root key, or as another. */
  fetch(path: string, init?: RequestInit & { key?: string }): Promise<Response>;
  /** POSTs JSON. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  stop(): Promise<void>;
}

export interface SpawnedGateway extends TestGateway {
  pid: number;
  /** What the process wrote to standard output: its log. */
  log(): string;
  /** kill -9, and nothing else; settles when the process is gone. */
  kill(): Promise<void>;
}

const DEFAULT_YAML = `keys:\n  - name: other\n    key: ${OTHER_KEY}\n    tenant: other\n`;

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'clawhold-'));
}

/** Only what the test says: nothing of the machine's own keys reaches a gateway under test. */
function environment(options: TestGatewayOptions, dataDir: string): Record<string, string> {
  const { provider } = options;
  const keys = ['OPENAI', 'ANTHROPIC', 'GEMINI', 'GROQ', 'DEEPSEEK'];
  return {
    CLAWHOLD_PORT: '0',
    CLAWHOLD_DATA_DIR: dataDir,
    CLAWHOLD_MASTER_KEY: ROOT_KEY,
    CLAWHOLD_DETECT: 'false',
    CLAWHOLD_LOG_LEVEL: 'error',
    ...(provider && {
      ...Object.fromEntries(keys.map((name) => [`${name}_API_KEY`, 'sk-simulated'])),
      OPENAI_BASE_URL: `${provider}/v1`,
      ANTHROPIC_BASE_URL: provider,
      GEMINI_BASE_URL: provider,
      GROQ_BASE_URL: `${provider}/v1`,
      DEEPSEEK_BASE_URL: `${provider}/v1`,
    }),
    ...options.env,
  };
}

function client(url: string, dataDir: string) {
  const call = (path: string, { key = ROOT_KEY, ...init }: RequestInit & { key?: string } = {}) => {
    const headers = new Headers(init.headers);
    if (!headers.has('authorization')) headers.set('authorization', `Bearer ${key}`);
    return fetch(url + path, { ...init, headers });
  };
  return {
    url,
    dataDir,
    fetch: call,
    post: (path: string, body: unknown, headers: Record<string, string> = {}) =>
      call(path, {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
        headers: { 'content-type': 'application/json', ...headers },
      }),
  };
}

/** A gateway in this process. */
export async function testGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const cwd = temporaryDirectory();
  const dataDir = options.dataDir ?? join(cwd, 'data');
  await Bun.write(join(cwd, 'clawhold.yaml'), options.yaml ?? DEFAULT_YAML);
  const env = environment(options, dataDir);
  const gateway = await startGateway(await loadConfig({ cwd, env }), env);
  return {
    ...client(gateway.url, dataDir),
    async stop() {
      await gateway.stop();
      rmSync(cwd, { recursive: true, force: true });
    },
  };
}

/** A gateway in its own process, as `npm start` runs it. */
export async function spawnGateway(options: TestGatewayOptions = {}): Promise<SpawnedGateway> {
  const cwd = temporaryDirectory();
  const dataDir = options.dataDir ?? join(cwd, 'data');
  await Bun.write(join(cwd, 'clawhold.yaml'), options.yaml ?? DEFAULT_YAML);
  const child = Bun.spawn([process.execPath, join(import.meta.dir, '../../src/cli/clawhold.ts'), 'start'], {
    cwd,
    env: {
      PATH: process.env.PATH ?? '',
      BUN_CONFIG_MAX_HTTP_REQUESTS: '65336',
      ...environment(options, dataDir),
    },
    stdout: 'pipe',
    stderr: 'pipe',
  });
  let log = '';
  void (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) log += decoder.decode(chunk, { stream: true });
  })();
  const url = await firstUrl(child.stderr);
  return {
    ...client(url, dataDir),
    pid: child.pid,
    log: () => log,
    async kill() {
      child.kill(9);
      await child.exited;
    },
    async stop() {
      child.kill('SIGTERM');
      await child.exited;
      rmSync(cwd, { recursive: true, force: true });
    },
  };
}

/** Waits for the start's banner, and keeps draining what follows it. */
async function firstUrl(stderr: ReadableStream<Uint8Array>): Promise<string> {
  let text = '';
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  void (async () => {
    for await (const chunk of stderr) {
      text += new TextDecoder().decode(chunk);
      const url = /listens on (http:\S+)/.exec(text)?.[1];
      if (url) resolve(url);
    }
    reject(new Error(`the gateway did not start: ${text}`));
  })();
  return promise;
}
