import { Fault } from '../core/errors.ts';
import type { Connect } from './http-claw.ts';

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
  return async (baseUrl, signal) => {
    if ((warm.get(baseUrl) ?? 0) > Date.now() - WARM_MS) return;
    const { hostname, port, protocol } = new URL(baseUrl);
    const host = hostname.replace(/^\[|\]$/g, '');
    await tryConnection(host, Number(port) || (protocol === 'https:' ? 443 : 80), limitMs(), signal);
    warm.set(baseUrl, Date.now());
  };
}

async function tryConnection(
  hostname: string,
  port: number,
  limitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const givenUp = Promise.withResolvers<'late' | 'aborted'>();
  const timer = setTimeout(givenUp.resolve, limitMs, 'late');
  const abort = () => givenUp.resolve('aborted');
  signal.addEventListener('abort', abort);
  const connection = Bun.connect({ hostname, port, socket: { data() {}, error() {} } });
  try {
    const first = await Promise.race([connection, givenUp.promise]);
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
    throw new Fault('provider_unreachable', `No connection to ${hostname}:${port} could be opened.`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    connection.then(
      (socket) => socket.end(),
      () => {},
    );
  }
}
