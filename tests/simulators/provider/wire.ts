import type { Socket } from 'bun';

/** One parsed HTTP request. */
export type WireRequest = {
  method: string;
  /** Path without the query. */
  path: string;
  query: URLSearchParams;
  /** Names are in lower case. Repeated headers are joined with a comma. */
  headers: Record<string, string>;
  body: string;
};

export type WireServer = { port: number; stop(): void };

type Handler = (request: WireRequest, exchange: Exchange) => void;

const REASONS: Record<number, string> = {
  200: 'OK',
  204: 'No Content',
  400: 'Bad Request',
  401: 'Unauthorized',
};

/**
 * The answer to one request. It writes raw bytes, because a simulator of failing providers must break a connection
 * at an exact byte, before or after the headers, and an HTTP server would handle that as its own error.
 */
export class Exchange {
  #connection: Connection;
  #disconnectListeners: (() => void)[] = [];
  finished = false;
  disconnected = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Calls the listener when the client disconnects before the answer is complete. */
  onDisconnect(listener: () => void): void {
    this.#disconnectListeners.push(listener);
  }

  /** Sends a whole answer with its content-length. */
  reply(status: number, headers: string, body: string): void {
    this.#write(`${head(status, headers)}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    this.#finish();
  }

  /** Declares the length of `body`, but sends only its first half. */
  replyHalf(status: number, headers: string, body: string): void {
    const half = body.slice(0, Math.floor(body.length / 2));
    this.#write(`${head(status, headers)}content-length: ${Buffer.byteLength(body)}\r\n\r\n${half}`);
  }

  /** Sends a whole chunked answer in one write, which is the cheapest way. */
  replyStream(headers: string, body: string): void {
    this.#write(`${head(200, headers)}transfer-encoding: chunked\r\n\r\n${chunk(body)}0\r\n\r\n`);
    this.#finish();
  }

  begin(headers: string): void {
    this.#write(`${head(200, headers)}transfer-encoding: chunked\r\n\r\n`);
  }

  send(text: string): void {
    if (text !== '') this.#write(chunk(text));
  }

  end(): void {
    this.#write('0\r\n\r\n');
    this.#finish();
  }

  /** Closes the connection after all written bytes, so that the client sees an unfinished answer. */
  cut(): void {
    this.finished = true;
    this.#connection.closeWhenFlushed();
  }

  /** Destroys the connection at once. */
  reset(): void {
    this.finished = true;
    this.#connection.terminate();
  }

  connectionClosed(): void {
    if (this.finished || this.disconnected) return;
    this.disconnected = true;
    for (const listener of this.#disconnectListeners) listener();
  }

  #write(text: string): void {
    if (!this.disconnected) this.#connection.write(text);
  }

  #finish(): void {
    if (this.finished || this.disconnected) return;
    this.finished = true;
    this.#connection.next();
  }
}

function head(status: number, headers: string): string {
  return `HTTP/1.1 ${status} ${REASONS[status] ?? 'Status'}\r\n${headers}`;
}

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

class Connection {
  #socket: Socket<Connection>;
  #handler: Handler;
  #received: Buffer[] = [];
  #receivedBytes = 0;
  #awaitedBytes = 0;
  #unsent: Buffer[] = [];
  #closing = false;
  #exchange: Exchange | undefined;

  constructor(socket: Socket<Connection>, handler: Handler) {
    this.#socket = socket;
    this.#handler = handler;
  }

  receive(data: Buffer): void {
    this.#received.push(Buffer.from(data));
    this.#receivedBytes += data.length;
    this.#parse();
  }

  /** Handles the next request. A client that pipelines may have sent it already. */
  next(): void {
    this.#exchange = undefined;
    if (this.#receivedBytes > 0) queueMicrotask(() => this.#parse());
  }

  write(text: string): void {
    const bytes = Buffer.from(text);
    if (this.#unsent.length > 0) {
      this.#unsent.push(bytes);
      return;
    }
    const sent = Math.max(0, this.#socket.write(bytes));
    if (sent < bytes.length) this.#unsent.push(bytes.subarray(sent));
  }

  drain(): void {
    while (this.#unsent.length > 0) {
      const bytes = this.#unsent[0]!;
      const sent = Math.max(0, this.#socket.write(bytes));
      if (sent < bytes.length) {
        this.#unsent[0] = bytes.subarray(sent);
        return;
      }
      this.#unsent.shift();
    }
    if (this.#closing) this.#socket.end();
  }

  closeWhenFlushed(): void {
    this.#closing = true;
    if (this.#unsent.length === 0) this.#socket.end();
  }

  terminate(): void {
    this.#socket.terminate();
  }

  closed(): void {
    this.#exchange?.connectionClosed();
    this.#unsent = [];
  }

  #parse(): void {
    if (this.#exchange || this.#receivedBytes < this.#awaitedBytes) return;
    const bytes = this.#received.length === 1 ? this.#received[0]! : Buffer.concat(this.#received);
    const headEnd = bytes.indexOf('\r\n\r\n');
    if (headEnd < 0) {
      this.#keep(bytes);
      return;
    }
    const parsed = parseHead(bytes.toString('latin1', 0, headEnd));
    const body = readBody(bytes, headEnd + 4, parsed.headers);
    if ('awaited' in body) {
      // curl waits for this before it sends a large body.
      if (parsed.headers.expect && this.#awaitedBytes === 0) this.write('HTTP/1.1 100 Continue\r\n\r\n');
      this.#awaitedBytes = body.awaited;
      this.#keep(bytes);
      return;
    }
    this.#awaitedBytes = 0;
    this.#keep(bytes.subarray(body.end));
    this.#exchange = new Exchange(this);
    this.#handler({ ...parsed, body: body.text }, this.#exchange);
  }

  #keep(rest: Buffer): void {
    this.#received = rest.length > 0 ? [rest] : [];
    this.#receivedBytes = rest.length;
  }
}

function parseHead(text: string): Omit<WireRequest, 'body'> {
  const lines = text.split('\r\n');
  const [method = '', target = '/'] = lines[0]!.split(' ');
  const headers: Record<string, string> = {};
  for (let at = 1; at < lines.length; at++) {
    const line = lines[at]!;
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  return { method, path, query: new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1)), headers };
}

type Body = { text: string; end: number } | { awaited: number };

function readBody(bytes: Buffer, start: number, headers: Record<string, string>): Body {
  if (headers['transfer-encoding']?.includes('chunked')) return readChunks(bytes, start);
  const end = start + Number(headers['content-length'] ?? 0);
  return bytes.length < end ? { awaited: end } : { text: bytes.toString('utf8', start, end), end };
}

function readChunks(bytes: Buffer, start: number): Body {
  const pieces: Buffer[] = [];
  let at = start;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return { awaited: bytes.length + 1 };
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    const end = lineEnd + 2 + size + 2;
    if (bytes.length < end) return { awaited: end };
    if (size === 0) return { text: Buffer.concat(pieces).toString(), end };
    pieces.push(bytes.subarray(lineEnd + 2, end - 2));
    at = end;
  }
}

export function listen(port: number, handler: Handler): WireServer {
  const server = Bun.listen<Connection>({
    hostname: '127.0.0.1',
    port,
    socket: {
      open(socket) {
        socket.data = new Connection(socket, handler);
        socket.setNoDelay(true);
      },
      data: (socket, data) => socket.data.receive(data),
      drain: (socket) => socket.data.drain(),
      close: (socket) => socket.data?.closed(),
      error: () => undefined,
    },
  });
  return { port: server.port, stop: () => server.stop(true) };
}
