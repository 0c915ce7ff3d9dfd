import type { Socket } from 'bun';

export interface Reply {
  status: number;
  /** When the first token came, in `performance.now()` time; 0 if it was not looked for. */
  firstTokenAt: number;
  events: number;
  bytes: number;
  /** Only of an answer that failed. */
  text: string;
}

const END_OF_CHUNKS = '\r\n0\r\n\r\n';
const EVENT = 'data: {';
/** What the next packet may complete a mark with; too short to hold a whole one. */
const TAIL = END_OF_CHUNKS.length - 1;

/**
 * One keep-alive HTTP/1.1 connection, one request at a time. It reads only what it has to know, so that
 * the generator costs far less than the server that it measures.
 */
export class Connection {
  private head = '';
  private inBody = false;
  /** Body bytes still to come; -1 where the body is chunked. */
  private left = 0;
  private tail = '';
  private reply = emptyReply();
  private waiting: PromiseWithResolvers<Reply> | undefined;

  private constructor(
    private readonly socket: Socket,
    private readonly firstToken: string,
  ) {}

  static async open(port: number, firstToken = ''): Promise<Connection> {
    let connection: Connection | undefined;
    const gone = () => connection?.broken('the server closed the connection');
    const socket = await Bun.connect({
      hostname: '127.0.0.1',
      port,
      socket: { data: (_, data) => connection?.read(data), close: gone, error: gone, end: gone },
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

  /** Whether the stream that is being read has had its first token. */
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
    this.left = length === undefined ? -1 : Number(length);
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
    if (this.left >= 0) {
      this.left -= size;
      if (this.left === 0) this.whole();
      return;
    }
    const text = this.tail + (typeof data === 'string' ? data : data.toString('latin1'));
    if (reply.firstTokenAt === 0 && this.firstToken !== '' && text.includes(this.firstToken)) {
      reply.firstTokenAt = performance.now();
    }
    for (let at = text.indexOf(EVENT); at !== -1; at = text.indexOf(EVENT, at + EVENT.length)) reply.events++;
    if (text.endsWith(END_OF_CHUNKS)) this.whole();
    // Short enough to hold no whole event's mark again.
    else this.tail = text.slice(-TAIL);
  }

  private whole(): void {
    this.inBody = false;
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.resolve(this.reply);
  }

  private broken(text: string): void {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.resolve({ ...this.reply, status: 0, text });
  }
}

const emptyReply = (): Reply => ({ status: 0, firstTokenAt: 0, events: 0, bytes: 0, text: '' });
