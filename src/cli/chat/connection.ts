import type { Config } from '../../config/config.ts';
import { newKey } from '../../security/keys.ts';
import { ownCommand } from '../own-command.ts';
import { keptRootKey } from '../root-key.ts';
import { GatewayApi } from './gateway-api.ts';
import { GatewayError } from './gateway-error.ts';

/** A connection to a gateway that accepted the key. */
export interface Connection {
  api: GatewayApi;
  /** The models that can be called now. */
  models: string[];
  /** Whether the chat started this gateway; then `stop` ends it too. */
  own: boolean;
  stop(): Promise<void>;
}

export interface ConnectOptions {
  config: Config;
  env: Readonly<Record<string, string | undefined>>;
  /** From the command line. */
  url?: string;
  key?: string;
  /** Asks the user for a key. Absent without a terminal. */
  askKey?(problem: string): Promise<string | undefined>;
}

/** How long the chat's own gateway waits for running turns when the chat ends. */
const OWN_DRAIN_MS = 2_000;
const PROBE_MS = 1_500;

/**
 * Connects to the gateway at `url`. Without `url`: to the gateway that runs at the configured address. If none
 * runs there: starts one in this process, on a free port, with the configured data directory.
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { config } = options;
  const address = options.url === undefined ? addressOf(config.host, config.port) : normalise(options.url);
  if (options.url !== undefined || (await isGateway(address))) return connectTo(address, options);
  return startOwn(options);
}

/** The URL at which a client on this machine reaches a server that listens on `host`. */
export function addressOf(host: string, port: number): string {
  if (host === '0.0.0.0') return `http://127.0.0.1:${port}`;
  if (host === '::') return `http://[::1]:${port}`;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Accepts a URL that ends with `/v1`, as SDKs expect it, and one without a scheme. */
export function normalise(url: string): string {
  const whole = /^https?:\/\//.test(url) ? url : `http://${url}`;
  if (!URL.canParse(whole))
    throw new Error(`--url ${url} is not a valid address. Example: --url http://127.0.0.1:2529`);
  return whole.replace(/\/+$/, '').replace(/\/v1$/, '');
}

/** Whether a Clawhold gateway answers at this address, and not another program. */
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

function howToSetKey(env: ConnectOptions['env']): string {
  const command = ownCommand(env);
  return (
    `Set it with --key or CLAWHOLD_ROOT_KEY. This shows where the root key is: ${command('key')}. ` +
    `This replaces a lost one: ${command('key', 'rotate')}`
  );
}

const ATTEMPTS = 3;

async function connectTo(address: string, options: ConnectOptions): Promise<Connection> {
  const { askKey } = options;
  const keys = keysFor(address, options);
  const newerKey = options.key === undefined ? () => keyInFile(address, options.config) : undefined;
  // Without a key, the gateway is called too: it may not run at all.
  let key = keys.shift();
  for (let asked = 0; ; ) {
    const api = new GatewayApi(address, key, newerKey);
    try {
      return { api, models: await api.models(), own: false, stop: async () => {} };
    } catch (error) {
      if (!(error instanceof GatewayError) || error.status !== 401) throw error;
      const problem = `The gateway at ${address} ${key === undefined ? 'needs a key' : 'does not know this key'}.`;
      key = keys.shift() ?? (asked++ < ATTEMPTS ? await askKey?.(problem) : undefined);
      if (!key) throw new Error(`${problem} ${howToSetKey(options.env)}`);
    }
  }
}

/** The keys to try. The key in the data folder is sent only to the configured address, where its gateway is. */
function keysFor(address: string, { key, config }: ConnectOptions): string[] {
  if (key !== undefined) return [key];
  return [config.rootKey, keyInFile(address, config), config.keys[0]?.key].filter(
    (found) => found !== undefined,
  );
}

function keyInFile(address: string, config: Config): string | undefined {
  return address === addressOf(config.host, config.port) ? keptRootKey(config)?.key : undefined;
}

async function startOwn({ config, env }: ConnectOptions): Promise<Connection> {
  // Loaded only here: few commands need the gateway itself.
  const { startGateway } = await import('../../main.ts');
  const key = newKey();
  const gateway = await startGateway(
    {
      ...config,
      host: '127.0.0.1',
      port: 0,
      // Log lines would appear inside the chat. The chat shows failures itself.
      log: { level: 'silent' },
      shutdown: { drainMs: OWN_DRAIN_MS },
    },
    env,
    { rootKey: key },
  );
  const api = new GatewayApi(gateway.url, key);
  return { api, models: await api.models(), own: true, stop: () => gateway.stop() };
}
