import { isIP } from 'node:net';
import type { Socket, SocketHandler } from 'bun';
import { Fault } from '../../core/errors.ts';
import { Connection, type ConnectionEvents } from './connection.ts';
import { TransportError } from './transport.ts';

/** Where connections lead to. */
export interface Endpoint {
  /** Without the brackets of an IPv6 address. */
  hostname: string;
  port: number;
  isSecure: boolean;
}

/** Where connections for a URL of `http:` or `https:` lead to. */
export function endpointOf({ hostname, port, protocol }: URL): Endpoint {
  const isSecure = protocol === 'https:';
  return {
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port) || (isSecure ? 443 : 80),
    isSecure,
  };
}

/** How a connection is opened. */
export interface DialOptions {
  /** For TCP and TLS together. */
  limitMs: number;
  signal: AbortSignal;
  /** A TLS session of an earlier connection to the same endpoint, for a shorter handshake (RFC 8446, section 2.2). */
  session: Buffer | undefined;
  events: DialEvents;
}

/** What becomes of connections to one endpoint. All of them share it: many may be open. */
export interface DialEvents extends ConnectionEvents {
  /** How long it took to open the TCP connection, in milliseconds. */
  measured(ms: number): void;
  /** A TLS session that the next connection may offer. */
  resumable(session: Buffer): void;
}

/**
 * Opens a connection. TLS certificates and host names are verified as `fetch` does it, with `NODE_EXTRA_CA_CERTS` and
 * `NODE_TLS_REJECT_UNAUTHORIZED`; nothing is sent before. Rejects with `provider_unreachable` or `provider_timeout`
 * where no TCP connection can be opened, with the error of TLS, or with the reason of the signal.
 */
export async function dial(endpoint: Endpoint, options: DialOptions): Promise<Connection> {
  const { hostname, port, isSecure } = endpoint;
  const { signal, limitMs, session, events } = options;
  const dialling = new Dialling(isSecure, session, events);
  const { connected } = dialling;
  const abort = () => dialling.stop(signal.reason);
  const timer = setTimeout(() => dialling.stop(late(endpoint, limitMs)), limitMs);
  signal.addEventListener('abort', abort);
  try {
    Bun.connect({
      hostname,
      port,
      data: dialling,
      socket: HANDLERS,
      ...(isSecure && { tls: tlsOf(hostname) }),
    }).catch((error) => dialling.stop(unreachable(endpoint, error)));
    return await connected;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}

const ALPN = Buffer.from('\x08http/1.1');

const tlsOf = (hostname: string) => ({
  // A name of a server is not an address (RFC 6066, section 3).
  ...(isIP(hostname) === 0 && { serverName: hostname }),
  ALPNProtocols: ALPN,
});

/** A connection that is being opened, and then the way from its socket to it. */
class Dialling {
  connection: Connection | undefined;
  private socket: Socket<Dialling> | undefined;
  private hasStopped = false;
  private readonly startedAt = performance.now();
  /** Absent once it is settled. */
  private result: PromiseWithResolvers<Connection> | undefined = Promise.withResolvers<Connection>();

  constructor(
    private readonly isSecure: boolean,
    private readonly session: Buffer | undefined,
    readonly events: DialEvents,
  ) {}

  /** To be taken before the dialling begins. */
  get connected(): Promise<Connection> {
    return this.result!.promise;
  }

  opened(socket: Socket<Dialling>): void {
    this.socket = socket;
    if (this.hasStopped) return void socket.terminate();
    this.events.measured(performance.now() - this.startedAt);
    if (!this.isSecure) this.ready(socket);
    else if (this.session) socket.setSession(this.session);
  }

  secured(socket: Socket<Dialling>, failure: Error | null): void {
    if (failure && process.env.NODE_TLS_REJECT_UNAUTHORIZED !== '0') this.stop(failure);
    else if (!this.hasStopped) this.ready(socket);
  }

  stop(reason: unknown): void {
    if (this.connection || this.hasStopped) return;
    this.hasStopped = true;
    this.socket?.terminate();
    this.result?.reject(reason);
    this.result = undefined;
  }

  private ready(socket: Socket<Dialling>): void {
    this.connection = new Connection(socket, this.events);
    this.result?.resolve(this.connection);
    this.result = undefined;
  }
}

/** Bun calls `session` with each session ticket of a TLS server; its types do not have it yet. */
type Handlers = SocketHandler<Dialling> & { session(socket: Socket<Dialling>, session: Buffer): void };

const HANDLERS: Handlers = {
  open: (socket) => socket.data.opened(socket),
  handshake: (socket, _, failure) => socket.data.secured(socket, failure),
  session: ({ data }, session) => data.events.resumable(session),
  data: ({ data }, bytes) => data.connection?.received(bytes),
  drain: ({ data }) => data.connection?.drained(),
  end: ({ data }) => data.connection?.peerEnded(),
  error: ({ data }, error) => data.connection?.failed(error),
  close({ data }, error) {
    data.connection?.closed(error);
    data.stop(
      new TransportError('ConnectionClosed', 'The provider closed the connection.', { cause: error }),
    );
  },
  // The promise of `Bun.connect` rejects, too.
  connectError() {},
};

const addressOf = ({ hostname, port }: Endpoint): string => `${hostname}:${port}`;

/** `provider_timeout`: no connection within the limit. */
export const late = (endpoint: Endpoint, limitMs: number): Fault =>
  new Fault('provider_timeout', `${addressOf(endpoint)} did not accept a connection within ${limitMs} ms.`);

/** `provider_unreachable`: no connection at all. */
export const unreachable = (endpoint: Endpoint, cause: unknown): Fault =>
  new Fault('provider_unreachable', `No connection to ${addressOf(endpoint)} could be opened.`, { cause });
