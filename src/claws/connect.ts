import { Fault } from '../core/errors.ts';
import type { Connect } from './http-claw.ts';

/** An origin that answered this recently has a pooled connection or will take one. */
const WARM_MS = 60_000;

/**
 * A time limit for making a connection, which `fetch` does not have: an origin not heard of lately is
 * first tried with a bare TCP connection. Behind an HTTP proxy origins cannot be tried, so none are.
 */
export function connectWithin(limitMs: number, env: Record<string, string | undefined>): Connect {
  if (env.HTTPS_PROXY || env.HTTP_PROXY || env.https_proxy || env.http_proxy) return async () => {};
  const warm = new Map<string, number>();
  return async (baseUrl, signal) => {
    if ((warm.get(baseUrl) ?? 0) > Date.now() - WARM_MS) return;
    const { hostname, port, protocol } = new URL(baseUrl);
    const host = hostname.replace(/^\[|\]$/g, '');
    await tryConnection(host, Number(port) || (protocol === 'https:' ? 443 : 80), limitMs, signal);
    warm.set(baseUrl, Date.now());
  };
}

async function tryConnection(
  hostname: string,
  port: number,
  limitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const given = Promise.withResolvers<'late' | 'stopped'>();
  const timer = setTimeout(given.resolve, limitMs, 'late');
  const stop = () => given.resolve('stopped');
  signal.addEventListener('abort', stop);
  const connection = Bun.connect({ hostname, port, socket: { data() {}, error() {} } });
  try {
    const first = await Promise.race([connection, given.promise]);
    signal.throwIfAborted();
    if (first === 'late') {
      throw new Fault(
        'provider_timeout',
        `${hostname}:${port} did not accept a connection within ${limitMs} ms.`,
      );
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof Fault) throw error;
    throw new Fault('provider_unreachable', `No connection to ${hostname}:${port} could be made.`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    connection.then(
      (socket) => socket.end(),
      () => {},
    );
  }
}
