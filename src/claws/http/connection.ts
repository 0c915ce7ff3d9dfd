import type { Socket } from 'bun';
import { Exchange, type Line } from './exchange.ts';
import type { HttpAnswer } from './transport.ts';

/** What becomes of a connection. */
export interface ConnectionEvents {
  /** It may carry the next request. */
  free(connection: Connection): void;
  /** It failed before its second or later answer began: the server had closed it. */
  stale(): void;
}

/** A request as it is written. */
export interface Written {
  /** ASCII. */
  head: string;
  body: string;
  /** Of both, in UTF-8. */
  bytes: number;
}

/** Longer requests are encoded before they are written, because a part of them may have to wait. */
const LONG_BYTES = 16_384;

/** Both in one buffer, without a text of both: a long body is in memory often enough. */
function encoded(head: string, body: string, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  buffer.write(body, buffer.write(head, 'latin1'));
  return buffer;
}

/** A connection to a server: it carries one request at a time. */
export class Connection implements Line {
  isOpen = true;
  /** On the clock of `performance.now()`. */
  private idleUntil = 0;
  private exchange: Exchange | undefined;
  /** The part of the request that the kernel has not taken yet. */
  private unsent: Buffer | undefined;
  private isReused = false;
  private hasPeerEnded = false;
  private error: unknown;

  constructor(
    private readonly socket: Pick<Socket, 'write' | 'ref' | 'unref' | 'terminate' | 'pause' | 'resume'>,
    private readonly events: ConnectionEvents,
  ) {}

  send({ head, body, bytes }: Written, signal: AbortSignal): Promise<HttpAnswer> {
    this.exchange = new Exchange(this, signal);
    const { answer } = this.exchange;
    this.socket.ref();
    if (bytes > LONG_BYTES) this.writeBytes(encoded(head, body, bytes));
    else {
      const text = head + body;
      const written = this.socket.write(text);
      if (written < bytes) this.unsent = Buffer.from(text).subarray(Math.max(0, written));
    }
    return answer;
  }

  private writeBytes(bytes: Buffer): void {
    const written = Math.max(0, this.socket.write(bytes));
    this.unsent = written < bytes.length ? bytes.subarray(written) : undefined;
  }

  drained(): void {
    if (this.unsent) this.writeBytes(this.unsent);
  }

  received(bytes: Buffer): void {
    if (this.exchange) this.exchange.take(bytes);
    // A server that speaks without a question closes the connection, or is confused.
    else this.destroy();
  }

  peerEnded(): void {
    this.hasPeerEnded = true;
  }

  failed(error: unknown): void {
    this.error = error;
  }

  closed(error: unknown): void {
    this.isOpen = false;
    const { exchange } = this;
    if (!exchange) return;
    this.exchange = undefined;
    if (this.isReused && !exchange.hasBegun) this.events.stale();
    const cause = error ?? this.error;
    exchange.closed(this.hasPeerEnded && cause === undefined, cause);
  }

  complete(reusableMs: number): void {
    this.exchange = undefined;
    // After an early answer, the rest of the request would be read as the next one.
    if (!this.isOpen || reusableMs === 0 || this.unsent || this.hasPeerEnded) this.destroy();
    else {
      this.isReused = true;
      this.rest(reusableMs);
    }
  }

  /** Waits for a request, for so long; the process need not stay for that. */
  rest(ms: number): void {
    this.idleUntil = performance.now() + ms;
    this.socket.unref();
    this.events.free(this);
  }

  /** May carry the next request. */
  isReady(now: number): boolean {
    return this.isOpen && now < this.idleUntil;
  }

  destroy(): void {
    this.isOpen = false;
    this.exchange = undefined;
    this.unsent = undefined;
    this.socket.terminate();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }
}
