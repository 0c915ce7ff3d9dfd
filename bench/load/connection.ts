import type { Socket } from 'bun';

export interface Reply {
  status: number;
  /** When the first token arrived, in `performance.now()` time. 0 if none arrived or none was searched for. */
  firstTokenAt: number;
  events: number;
  bytes: number;
  /** The body of a failed answer, else empty. */
  text: string;
}

const END_OF_CHUNKS = '\r\n0\r\n\r\n';
const EVENT = 'data: {';
/** How much text is kept for the next packet: a mark may be split, but a whole mark must not be counted twice. */
const TAIL = END_OF_CHUNKS.length - 1;

/**
 * One keep-alive HTTP/1.1 connection with one request at a time. It parses as little as possible, so that the
 * generator uses much less CPU than the measured server.
 */
export class Connection {
  private head = '';
  private inBody = false;
  /** Remaining body bytes; -1 for a chunked body. */
  private remaining = 0;
  private tail = '';
  private reply = emptyReply();
  private waiting: PromiseWithResolvers<Reply> | undefined;

  private constructor(
    private readonly socket: Socket,
    private readonly firstToken: string,
  ) {}

  static async open(port: number, firstToken = ''): Promise<Connection> {
    let connection: Connection | undefined;
    const onClose = () => connection?.fail('the server closed the connection');
    const socket = await Bun.connect({
      hostname: '127.0.0.1',
      port,
      socket: { data: (_, data) => connection?.read(data), close: onClose, error: onClose, end: onClose },
    });
    connection = new Connection(socket, firstToken);
    return connection;
  }

  send(request: string): Promise<Reply> {
    this.reply = emptyReply();
    this.waiting = Promise.withResolvers();
    this.socket.write(request);
    return this.waiting.promise;
  }

  /** Whether the current stream has had its first token. */
  get begun(): boolean {
    return this.reply.firstTokenAt > 0;
  }

  close(): void {
    this.waiting = undefined;
    this.socket.end();
  }

  private read(data: Buffer): void {
    if (this.inBody) this.body(data, data.length);
    else {
      this.head += data.toString('latin1');
      const end = this.head.indexOf('\r\n\r\n');
      if (end !== -1) this.begin(this.head.slice(0, end), this.head.slice(end + 4));
    }
  }

  private begin(head: string, rest: string): void {
    this.reply.status = Number(head.slice(9, 12));
    const length = /content-length: *(\d+)/i.exec(head)?.[1];
    this.remaining = length === undefined ? -1 : Number(length);
    this.inBody = true;
    this.head = '';
    this.tail = '\r\n';
    this.body(rest, rest.length);
  }

  private body(data: Buffer | string, size: number): void {
    const { reply } = this;
    reply.bytes += size;
    const failed = reply.status !== 200;
    if (failed) reply.text += data.toString('latin1');
    if (this.remaining >= 0) {
      this.remaining -= size;
      if (this.remaining === 0) this.finish();
      return;
    }
    const text = this.tail + (typeof data === 'string' ? data : data.toString('latin1'));
    if (reply.firstTokenAt === 0 && this.firstToken !== '' && text.includes(this.firstToken)) {
      reply.firstTokenAt = performance.now();
    }
    for (let at = text.indexOf(EVENT); at !== -1; at = text.indexOf(EVENT, at + EVENT.length)) reply.events++;
    if (text.endsWith(END_OF_CHUNKS)) this.finish();
    // Too short to hold a mark that was counted already.
    else this.tail = text.slice(-TAIL);
  }

  private finish(): void {
    this.inBody = false;
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.resolve(this.reply);
  }

  private fail(text: string): void {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.resolve({ ...this.reply, status: 0, text });
  }
}

const emptyReply = (): Reply => ({ status: 0, firstTokenAt: 0, events: 0, bytes: 0, text: '' });
