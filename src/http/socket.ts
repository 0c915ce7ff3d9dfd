import { Fault } from '../core/errors.ts';
import type { Caller } from '../core/request.ts';

/** The request that opened a WebSocket. Its headers hold for all requests on the socket. */
export interface SocketOpening {
  headers: Headers;
  caller: Caller;
  /** To be called for each request on the socket that failed, `durationMs` after it began. */
  onFailure(fault: Fault, durationMs: number): void;
}

/** A path that takes WebSockets; it may take other requests, too. */
export interface SocketRoute {
  path: string;
  /** The largest message, in bytes. Bun's server takes it when it starts; it does not change afterwards. */
  messageLimit: number;
  /** A caller has opened a socket. */
  open(socket: Socket, opening: SocketOpening): SocketReader;
  /** Begins no more requests, for this reason; sockets close when the requests that run on them have ended. */
  retire(reason: Fault): void;
}

/** Gets what the client of a WebSocket sends. */
export interface SocketReader {
  message(text: string): void;
}

/** The server's end of the connection: a part of `Bun.ServerWebSocket`. */
export interface Wire {
  send(message: string): number;
  cork(write: () => void): unknown;
  getBufferedAmount(): number;
  ping(): number;
  close(code: number, reason: string): void;
}

/** Proxies close connections that are silent for long. */
const PING_MS = 15_000;

/** The status that Bun gives a message which has to wait for its client. */
const NO_ROOM = -1;

/** An open WebSocket. A slow client holds up the sender, so that few messages wait in memory. */
export class Socket {
  private readonly leaving = new AbortController();
  private readonly keepAlive: ReturnType<typeof setInterval>;
  private room: PromiseWithResolvers<void> | undefined;

  constructor(private readonly wire: Wire) {
    // No pong is required: some clients read only while they wait for a message.
    this.keepAlive = setInterval(() => this.wire.ping(), PING_MS);
  }

  /** Aborted when the connection is closed, by either end. */
  get gone(): AbortSignal {
    return this.leaving.signal;
  }

  /** Whether everything that was sent has left. */
  get hasRoom(): boolean {
    return this.room === undefined;
  }

  /** Sends one message now. */
  sendNow(message: string): void {
    if (this.gone.aborted) return;
    if (this.wire.send(message) === NO_ROOM) this.room ??= Promise.withResolvers();
  }

  /** Sends messages; resolves when there is room for more, or when the connection is closed. */
  async send(messages: readonly string[]): Promise<void> {
    for (let sent = 0; sent < messages.length && !this.gone.aborted; ) {
      await this.room?.promise;
      this.wire.cork(() => {
        while (sent < messages.length && this.hasRoom) this.sendNow(messages[sent++]!);
      });
    }
    await this.room?.promise;
  }

  close(code: number, reason: string): void {
    if (!this.gone.aborted) this.wire.close(code, reason);
  }

  /** Called by the server: what waited for the client has left. */
  drained(): void {
    if (this.wire.getBufferedAmount() > 0) return;
    this.room?.resolve();
    this.room = undefined;
  }

  /** Called by the server. */
  closed(): void {
    clearInterval(this.keepAlive);
    this.leaving.abort();
    this.room?.resolve();
    this.room = undefined;
  }
}

/**
 * A request to open a WebSocket that has lost a header: proxies remove `Connection` and `Upgrade` unless they
 * are configured to keep them.
 */
export const isHalfUpgrade = ({ method, headers }: Request, path: string, socketPath: string): boolean =>
  method === 'GET' && path === socketPath && headers.has('sec-websocket-key');

/** RFC 9110, section 15.5.22: the reply names the protocol that is required. */
export function upgradeLost(path: string): Fault {
  const message = `The request for a WebSocket at ${path} came without \`Upgrade: websocket\`: a proxy removed it.`;
  return new Fault('websocket_upgrade_missing', message, {
    headers: { upgrade: 'websocket', connection: 'upgrade' },
  });
}

/** A request that becomes a WebSocket; `socket` and `reader` are there once it is open. */
export interface Upgraded {
  opening: SocketOpening;
  socket?: Socket;
  reader?: SocketReader;
}

/** Connects Bun's WebSockets with their readers. */
export function socketHandlers(route: SocketRoute): Bun.WebSocketHandler<Upgraded> {
  return {
    maxPayloadLength: route.messageLimit,
    // `Socket` does both: it pings, and sends nothing while there is no room.
    idleTimeout: 0,
    backpressureLimit: 0,
    open(wire) {
      const { data } = wire;
      data.socket = new Socket(wire);
      data.reader = route.open(data.socket, data.opening);
    },
    message({ data }, message) {
      data.reader!.message(message.toString());
    },
    drain({ data }) {
      data.socket!.drained();
    },
    close({ data }) {
      data.socket!.closed();
    },
  };
}
