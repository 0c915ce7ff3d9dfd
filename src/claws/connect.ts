import { Fault } from '../core/errors.ts';

/**
 * Resolves when the origin of a base URL accepts connections, rejects with `provider_unreachable` or
 * `provider_timeout`. With `anew`, what was known of the origin does not count.
 */
export type Connect = (baseUrl: string, signal: AbortSignal, options?: { anew: boolean }) => Promise<void>;

/**
 * An origin that accepted a connection this recently is not tried again: it has a pooled one or accepts
 * another.
 */
const WARM_MS = 60_000;

/**
 * A time limit for opening a connection, because `fetch` has none. An origin without a recent success is
 * first tried with a plain TCP connection. With an HTTP proxy in `env` no origin is tried, because the
 * proxy opens the connections.
 */
export function connectWithin(limitMs: () => number, env: Record<string, string | undefined>): Connect {
  if (env.HTTPS_PROXY || env.HTTP_PROXY || env.https_proxy || env.http_proxy) return async () => {};
  const warm = new Map<string, number>();
  /** By base URL. Calls that come together share one try. */
  const tries = new Map<string, Promise<void>>();
  const tryOnce = async (baseUrl: string): Promise<void> => {
    warm.delete(baseUrl);
    try {
      const { hostname, port, protocol } = new URL(baseUrl);
      const host = hostname.replace(/^\[|\]$/g, '');
      await tryConnection(host, Number(port) || (protocol === 'https:' ? 443 : 80), limitMs());
      warm.set(baseUrl, Date.now());
    } finally {
      tries.delete(baseUrl);
    }
  };
  return async (baseUrl, signal, { anew } = { anew: false }) => {
    if (!anew && (warm.get(baseUrl) ?? 0) > Date.now() - WARM_MS) return;
    const shared = tries.get(baseUrl) ?? tryOnce(baseUrl);
    tries.set(baseUrl, shared);
    await unlessAborted(shared, signal);
  };
}

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
