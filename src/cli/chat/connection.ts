import type { Config } from '../../config/config.ts';
import { startGateway } from '../../main.ts';
import { newKey } from '../../security/keys.ts';
import { GatewayApi, Refused } from './gateway-api.ts';

/** A gateway to talk to, its key tried. */
export interface Connection {
  api: GatewayApi;
  /** What it can call now. */
  models: string[];
  /** Whether it was started for this chat and ends with it. */
  own: boolean;
  stop(): Promise<void>;
}

export interface ConnectOptions {
  config: Config;
  env: Readonly<Record<string, string | undefined>>;
  /** From the command line. */
  url?: string;
  key?: string;
  /** Asks the person for a key; absent where nobody can be asked. */
  askKey?(problem: string): Promise<string | undefined>;
}

/** Running turns get this long when a chat that started its own gateway ends. */
const OWN_DRAIN_MS = 2_000;
const PROBE_MS = 1_500;

/**
 * The gateway of `url`, else the one that runs where the configuration says, else one of its own on a
 * free port, in this process, with the configured data directory.
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { config } = options;
  const address = options.url === undefined ? addressOf(config.host, config.port) : clean(options.url);
  if (options.url !== undefined || (await isGateway(address))) return join(address, options);
  return startOwn(options);
}

/** Where a client on this machine reaches a server that listens on `host`. */
export function addressOf(host: string, port: number): string {
  if (host === '0.0.0.0') return `http://127.0.0.1:${port}`;
  if (host === '::') return `http://[::1]:${port}`;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** As people write it: with `/v1`, as SDKs take it, or without a scheme. */
function clean(url: string): string {
  const whole = /^https?:\/\//.test(url) ? url : `http://${url}`;
  if (!URL.canParse(whole))
    throw new Error(`--url ${url} is not an address; try --url http://127.0.0.1:2529`);
  return whole.replace(/\/+$/, '').replace(/\/v1$/, '');
}

/** Whether a gateway of ours answers there; another program on the port is none. */
export async function isGateway(address: string): Promise<boolean> {
  if (address.endsWith(':0')) return false;
  try {
    const response = await fetch(`${address}/health`, { signal: AbortSignal.timeout(PROBE_MS) });
    const body = (await response.json()) as { status?: unknown; store?: unknown };
    return typeof body.status === 'string' && typeof body.store === 'string';
  } catch {
    return false;
  }
}

const WHERE_KEYS_ARE =
  'Give it with --key or CLAWHOLD_MASTER_KEY; the root key was shown when the gateway first started.';
const ATTEMPTS = 3;

async function join(address: string, options: ConnectOptions): Promise<Connection> {
  const { config, askKey } = options;
  let key = options.key ?? config.masterKey ?? config.keys[0]?.key;
  for (let attempt = 0; ; attempt++) {
    const api = new GatewayApi(address, key);
    try {
      return { api, models: await api.models(), own: false, stop: async () => {} };
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 401) throw error;
      const problem =
        key === undefined
          ? `The gateway at ${address} asks for a key.`
          : `The gateway at ${address} does not know this key.`;
      key = attempt < ATTEMPTS ? await askKey?.(problem) : undefined;
      if (!key) throw new Error(`${problem} ${WHERE_KEYS_ARE}`);
    }
  }
}

async function startOwn({ config, env }: ConnectOptions): Promise<Connection> {
  const key = newKey();
  const gateway = await startGateway(
    {
      ...config,
      host: '127.0.0.1',
      port: 0,
      masterKey: key,
      // Its lines would end up in the middle of the conversation; failures are told there anyway.
      log: { level: 'silent' },
      shutdown: { drainMs: OWN_DRAIN_MS },
    },
    env,
  );
  const api = new GatewayApi(gateway.url, key);
  return { api, models: await api.models(), own: true, stop: () => gateway.stop() };
}
