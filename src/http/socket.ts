import type { Fault } from '../core/errors.ts';
import type { Caller } from '../core/turn.ts';

/** What a WebSocket was opened with: the headers of its upgrade hold for all that is asked on it. */
export interface SocketOpening {
  headers: Headers;
  caller: Caller;
  /** Tells of a request that failed, `durationMs` after it was begun. */
  onFailure(fault: Fault, durationMs: number): void;
}

/** The path that takes WebSockets, beside what else it takes. */
export interface SocketRoute {
  path: string;
  /** The largest message, in bytes. */
  messageLimit: number;
  /** A client has come through the door. */
  open(socket: Socket, opening: SocketOpening): SocketReader;
  /** Nothing more is to be begun, for this reason; sockets close when what is under way on them has ended. */
  retire(reason: Fault): void;
}

export interface SocketReader {
  message(text: string): void;
}

/** The server's end of the line, as `Bun.ServerWebSocket` has it. */
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

/** An open WebSocket. A slow client holds up who sends, so that what waits for it stays small. */
export class Socket {
  private readonly leaving = new AbortController();
  private readonly keepAlive: ReturnType<typeof setInterval>;
  private room: PromiseWithResolvers<void> | undefined;

  constructor(private readonly wire: Wire) {
    // Nobody has to answer: some clients read only while they wait for something.
    this.keepAlive = setInterval(() => this.wire.ping(), PING_MS);
  }

  /** Aborted when the connection is closed, by whom it may be. */
  get gone(): AbortSignal {
    return this.leaving.signal;
  }

  /** Whether everything that was sent has left. */
  get hasRoom(): boolean {
    return this.room === undefined;
  }

  /** Sends one message now. */
  say(message: string): void {
    if (this.gone.aborted) return;
    if (this.wire.send(message) === NO_ROOM) this.room ??= Promise.withResolvers();
  }

  /** Sends messages; settles when there is room for more, or nobody to read it. */
  async send(messages: readonly string[]): Promise<void> {
    for (let sent = 0; sent < messages.length && !this.gone.aborted; ) {
      await this.room?.promise;
      this.wire.cork(() => {
        while (sent < messages.length && this.hasRoom) this.say(messages[sent++]!);
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

/** A request that becomes a WebSocket, and what has become of it. */
export interface Upgraded {
  opening: SocketOpening;
  socket?: Socket;
  reader?: SocketReader;
}

/** Hands what happens on WebSockets to those who read them. */
export function socketHandlers(route: SocketRoute): Bun.WebSocketHandler<Upgraded> {
  return {
    maxPayloadLength: route.messageLimit,
    // `Socket` sees to both: it pings, and sends nothing while there is no room.
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
