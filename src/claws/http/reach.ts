import { type Endpoint, endpointOf, late, unreachable } from './dial.ts';

/** Resolves when the origin of a URL accepts a connection at this moment. */
export type Reach = (url: string, signal: AbortSignal) => Promise<void>;

/**
 * Tries whether an origin accepts connections, with a plain TCP connection that is closed at once. Tries that come
 * together share one. Rejects with `provider_unreachable` or `provider_timeout`. With an HTTP proxy in `env` no origin
 * is tried, because the proxy opens the connections. `measured` learns how long it took to connect, in milliseconds.
 */
export function reachWithin(
  limitMs: () => number,
  env: Record<string, string | undefined>,
  measured: (origin: string, ms: number) => void = () => {},
): Reach {
  if (hasProxy(env)) return async () => {};
  /** By origin. */
  const tries = new Map<string, Promise<void>>();
  const tryOnce = async (url: URL): Promise<void> => {
    const { origin } = url;
    try {
      const startedAt = performance.now();
      await tryConnection(endpointOf(url), limitMs());
      measured(origin, performance.now() - startedAt);
    } finally {
      tries.delete(origin);
    }
  };
  return async (url, signal) => {
    const parsed = new URL(url);
    const shared = tries.get(parsed.origin) ?? tryOnce(parsed);
    tries.set(parsed.origin, shared);
    await unlessAborted(shared, signal);
  };
}

/** Whether Bun's `fetch` uses an HTTP proxy. */
export const hasProxy = (env: Record<string, string | undefined>): boolean =>
  Boolean(env.HTTPS_PROXY || env.HTTP_PROXY || env.https_proxy || env.http_proxy);

/** Rejects with the signal's reason when it aborts first. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    await Promise.race([aborted.promise, work]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

async function tryConnection(endpoint: Endpoint, limitMs: number): Promise<void> {
  const { hostname, port } = endpoint;
  const timeout = Promise.withResolvers<'late'>();
  const timer = setTimeout(timeout.resolve, limitMs, 'late' as const);
  const connection = Bun.connect({ hostname, port, socket: { data() {}, error() {} } });
  try {
    if ((await Promise.race([connection, timeout.promise])) !== 'late') return;
  } catch (error) {
    throw unreachable(endpoint, error);
  } finally {
    clearTimeout(timer);
    connection.then(
      (socket) => socket.end(),
      () => {},
    );
  }
  throw late(endpoint, limitMs);
}
