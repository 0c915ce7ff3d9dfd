import { Fault } from '../../core/errors.ts';

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
  const tryOnce = async ({ origin, hostname, port, protocol }: URL): Promise<void> => {
    try {
      const host = hostname.replace(/^\[|\]$/g, '');
      const startedAt = performance.now();
      await tryConnection(host, Number(port) || (protocol === 'https:' ? 443 : 80), limitMs());
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

async function tryConnection(hostname: string, port: number, limitMs: number): Promise<void> {
  const late = Promise.withResolvers<'late'>();
  const timer = setTimeout(late.resolve, limitMs, 'late' as const);
  const connection = Bun.connect({ hostname, port, socket: { data() {}, error() {} } });
  try {
    if ((await Promise.race([connection, late.promise])) !== 'late') return;
  } catch (error) {
    throw new Fault('provider_unreachable', `No connection to ${hostname}:${port} could be opened.`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    connection.then(
      (socket) => socket.end(),
      () => {},
    );
  }
  throw new Fault(
    'provider_timeout',
    `${hostname}:${port} did not accept a connection within ${limitMs} ms.`,
  );
}
