import { type BodyFraming, bodyFraming } from './framing.ts';
import { type Head, MOST_HEAD_BYTES, parseHead } from './head.ts';
import {
  type AnswerChunks,
  type Chunk,
  end,
  type HttpAnswer,
  malformed,
  REDIRECTS,
  TransportError,
} from './transport.ts';

/** What an exchange needs of its connection. */
export interface Line {
  /** Closes the connection at once. */
  destroy(): void;
  /** The answer is complete. For `reusableMs`, the connection may carry another request. */
  complete(reusableMs: number): void;
  /** No more bytes are taken until `resume`. */
  pause(): void;
  resume(): void;
}

/** So many bytes wait for their reader before no more are taken from the connection. */
const MOST_WAITING_BYTES = 256 * 1_024;
/** Answers before the answer (RFC 9110, section 15.2). */
const MOST_INTERIM = 16;

const NONE = Buffer.alloc(0);
const HEAD_END = Buffer.from('\r\n\r\n');

/** One request on one connection, and its answer as it comes. */
export class Exchange implements AnswerChunks {
  /** Something of the answer has come. */
  hasBegun = false;
  /** Of the connection, after the answer. */
  private reusableMs = 0;
  private interim = 0;
  /** The part of a head that has come. */
  private beginning: Buffer = NONE;
  private framing: BodyFraming | undefined;
  private hasEnded = false;
  private failure: { error: unknown } | undefined;
  /** What has come and is not read. */
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  private isPaused = false;
  private reader: PromiseWithResolvers<Chunk> | undefined;
  /** Absent once it is settled. */
  private answered: PromiseWithResolvers<HttpAnswer> | undefined = Promise.withResolvers<HttpAnswer>();

  constructor(
    private readonly line: Line,
    private readonly signal: AbortSignal,
  ) {
    signal.addEventListener('abort', this.abort);
  }

  /** Rejects where no answer comes (`Post`). To be taken before anything comes. */
  get answer(): Promise<HttpAnswer> {
    return this.answered!.promise;
  }

  /** Bytes have come on the connection. */
  take(bytes: Buffer): void {
    this.hasBegun = true;
    try {
      const body = this.framing ? bytes : this.afterHead(bytes);
      if (body) this.takeBody(body);
    } catch (error) {
      this.fail(error);
      this.line.destroy();
    }
  }

  /** The connection was closed; `isWhole`: with a regular end of what the server sends. */
  closed(isWhole: boolean, cause?: unknown): void {
    if (isWhole && this.framing?.mayClose) {
      this.finish();
      this.deliverEnd();
    } else
      this.fail(new TransportError('ConnectionClosed', 'The provider closed the connection.', { cause }));
  }

  fail(error: unknown): void {
    if (this.hasEnded) return;
    this.settle();
    this.failure = { error };
    this.answered?.reject(error);
    this.answered = undefined;
    this.reader?.reject(error);
    this.reader = undefined;
  }

  read(): Chunk | Promise<Chunk> {
    if (this.signal.aborted) throw this.signal.reason;
    if (this.waiting.length > 0) return { done: false, value: this.takeWaiting() };
    if (this.failure) throw this.failure.error;
    if (this.hasEnded) return end();
    if (this.isPaused) {
      this.isPaused = false;
      this.line.resume();
    }
    this.reader = Promise.withResolvers();
    return this.reader.promise;
  }

  cancel(): void {
    this.waiting = [];
    if (this.hasEnded) return;
    this.fail(new TransportError('ConnectionClosed', 'The answer is not read any further.'));
    this.line.destroy();
  }

  private readonly abort = (): void => {
    this.waiting = [];
    this.fail(this.signal.reason);
    this.line.destroy();
  };

  private takeWaiting(): Buffer {
    const { waiting } = this;
    this.waiting = [];
    this.waitingBytes = 0;
    return waiting.length === 1 ? waiting[0]! : Buffer.concat(waiting);
  }

  /** What follows the head of the answer in these bytes; `undefined` while the head is not complete. */
  private afterHead(bytes: Buffer): Buffer | undefined {
    let rest = bytes;
    for (;;) {
      const before = this.beginning.length;
      const all = before === 0 ? rest : Buffer.concat([this.beginning, rest]);
      const at = all.indexOf(HEAD_END, Math.max(0, before - 3));
      if ((at === -1 ? all.length : at) > MOST_HEAD_BYTES) {
        throw malformed(`The head of the answer has more than ${MOST_HEAD_BYTES} bytes.`);
      }
      if (at === -1) {
        this.beginning = all;
        return undefined;
      }
      this.beginning = NONE;
      const head = parseHead(all.toString('latin1', 0, at));
      rest = all.subarray(at + HEAD_END.length);
      if (head.status >= 200) {
        this.open(head);
        return rest;
      }
      if (head.status === 101) throw new TransportError('UnrequestedUpgrade', 'The provider upgraded.');
      if (++this.interim > MOST_INTERIM) throw malformed('The provider sent too many interim answers.');
      if (rest.length === 0) return undefined;
    }
  }

  private open(head: Head): void {
    const { status, headers } = head;
    if (REDIRECTS.has(status)) {
      throw new TransportError('UnexpectedRedirect', `The provider redirects (${status}).`);
    }
    this.reusableMs = head.reusableMs;
    this.framing = bodyFraming(head.framing);
    this.answered?.resolve({ status, headers, chunks: this });
    this.answered = undefined;
  }

  private takeBody(bytes: Buffer): void {
    const framing = this.framing!;
    const body = framing.take(bytes);
    // What ends the reader's wait must not see an end that has not come to the connection.
    if (framing.hasEnded) this.finish(framing.extra);
    if (body.length > 0) this.deliver(body);
    else if (this.hasEnded) this.deliverEnd();
  }

  private deliver(body: Buffer): void {
    if (this.reader) {
      this.reader.resolve({ done: false, value: body });
      this.reader = undefined;
      return;
    }
    this.waiting.push(body);
    this.waitingBytes += body.length;
    if (this.hasEnded || this.isPaused || this.waitingBytes <= MOST_WAITING_BYTES) return;
    this.isPaused = true;
    this.line.pause();
  }

  private deliverEnd(): void {
    this.reader?.resolve(end());
    this.reader = undefined;
  }

  private finish(extra = 0): void {
    if (this.hasEnded) return;
    this.settle();
    // Bytes that nobody asked for may be an answer to someone else's request.
    this.line.complete(extra === 0 ? this.reusableMs : 0);
  }

  private settle(): void {
    this.hasEnded = true;
    this.signal.removeEventListener('abort', this.abort);
  }
}
