import { DeadSockets, deadSocketsOfProcess } from '../claws/dead-sockets.ts';
import { HttpClient } from '../claws/http/client.ts';
import { fetched } from '../claws/http/fetched.ts';
import { hasProxy, type Reach, reachWithin } from '../claws/http/reach.ts';
import type { Post } from '../claws/http/transport.ts';
import { WarmPool } from '../claws/warm-pool.ts';
import type { Config } from '../config/config.ts';

/** The way to the providers, which all claws share. */
export interface ProviderNetwork {
  post: Post;
  reach: Reach;
  /** `DeadSockets.check` */
  checkSocket(signal: AbortSignal): Promise<void>;
  /** How long it took lately to connect to an origin, in milliseconds. */
  connectMs(origin: string): number | undefined;
  /** Takes the base URLs of all claws that can be called. */
  update(baseUrls: Iterable<string>): void;
  close(): void;
}

/** `config` is asked whenever a setting is needed. */
export function openNetwork(
  config: () => Config,
  env: Readonly<Record<string, string | undefined>>,
): ProviderNetwork {
  const connectTimes = new Map<string, number>();
  const measured = (origin: string, ms: number) => void connectTimes.set(origin, ms);
  const connectMs = () => config().timeouts.connectMs;
  const client = new HttpClient({ connectMs, measured });
  const sockets = new DeadSockets({
    post: hasProxy(env) ? fetched(fetch) : client.post,
    read: deadSocketsOfProcess,
  });
  const pool = new WarmPool({
    open: client.ready,
    calledAt: client.calledAt,
    // A proxy opens the connections.
    isEnabled: () => config().preconnect && !hasProxy(env),
  });
  return {
    post: sockets.post,
    reach: reachWithin(connectMs, env, measured),
    checkSocket: sockets.check,
    connectMs: (origin) => connectTimes.get(origin),
    update: (baseUrls) => pool.update(baseUrls),
    close() {
      pool.close();
      client.close();
    },
  };
}
