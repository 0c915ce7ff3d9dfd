import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load.ts';
import { startGateway } from '../../src/main.ts';
import { inGoogleForm } from './google-request.ts';

export const ROOT_KEY = 'sk-claw-test-root-0123456789';
/** A key of another tenant than the root key's. */
export const OTHER_KEY = 'sk-claw-test-other-0123456789';

export interface TestGatewayOptions {
  /** Base URL of the provider simulator; turns on openai, anthropic, gemini, groq and deepseek. */
  provider?: string;
  /** Default: a new directory that `stop` removes. A given directory is kept. */
  dataDir?: string;
  /** More `CLAWHOLD_…` settings and provider variables. */
  env?: Record<string, string>;
  /** The content of `clawhold.yaml`. By default, it has the key of the second tenant. */
  yaml?: string;
}

export interface TestGateway {
  url: string;
  dataDir: string;
  /** Calls a path with the root key, or with `key`. */
  fetch(path: string, init?: RequestInit & { key?: string }): Promise<Response>;
  /** POSTs JSON. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  stop(): Promise<void>;
}

/** A gateway in the process of the test. */
export interface OwnGateway extends TestGateway {
  metricsUrl: string;
}

export interface SpawnedGateway extends TestGateway {
  pid: number;
  /** The log: what the process wrote to standard output. */
  log(): string;
  /** Kills the process with SIGKILL and removes no files. Resolves when the process has ended. */
  kill(): Promise<void>;
}

const DEFAULT_YAML = `keys:\n  - name: other\n    key: ${OTHER_KEY}\n    tenant: other\n`;

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'clawhold-'));
}

/** The environment of a gateway under test. It has no keys of this machine. */
function environment(options: TestGatewayOptions, dataDir: string): Record<string, string> {
  const { provider } = options;
  const keys = ['OPENAI', 'ANTHROPIC', 'GEMINI', 'GROQ', 'DEEPSEEK'];
  return {
    CLAWHOLD_PORT: '0',
    CLAWHOLD_DATA_DIR: dataDir,
    CLAWHOLD_ROOT_KEY: ROOT_KEY,
    CLAWHOLD_DETECT: 'false',
    CLAWHOLD_LOG_LEVEL: 'error',
    // Most tests are about one process, whatever the cores of the machine.
    CLAWHOLD_WORKERS: '1',
    // Tests call a broken model again and again, and each call must reach it.
    CLAWHOLD_BREAKER_LEAST_CALLS: '1000000',
    CLAWHOLD_BREAKER_PAUSE_MS: '0',
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

/**
 * Makes a connection for each request. The many servers of a test run get the ports of earlier ones, and a pooled
 * connection to an earlier server may still be there.
 */
export const fetchAnew: typeof fetch = Object.assign(
  (url: string | URL | Request, init?: BunFetchRequestInit) => fetch(url, { ...init, keepalive: false }),
  { preconnect: fetch.preconnect },
);

function client(url: string, dataDir: string) {
  const call = (to: string, { key = ROOT_KEY, ...asked }: RequestInit & { key?: string } = {}) => {
    const { path, init } = inGoogleForm(to, asked);
    const headers = new Headers(init.headers);
    if (!headers.has('authorization')) headers.set('authorization', `Bearer ${key}`);
    return fetchAnew(url + path, { ...init, headers });
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
export async function testGateway(options: TestGatewayOptions = {}): Promise<OwnGateway> {
  const cwd = temporaryDirectory();
  const dataDir = options.dataDir ?? join(cwd, 'data');
  await Bun.write(join(cwd, 'clawhold.yaml'), options.yaml ?? DEFAULT_YAML);
  const env = environment(options, dataDir);
  const gateway = await startGateway(await loadConfig({ cwd, env }), env);
  return {
    ...client(gateway.url, dataDir),
    metricsUrl: gateway.metricsUrl,
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

/** Resolves to the URL in the start banner. Reads on afterwards, so that the pipe never fills. */
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
