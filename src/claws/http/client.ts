import type { Connection, Written } from './connection.ts';
import { type DialEvents, dial, type Endpoint, endpointOf } from './dial.ts';
import { requestHead } from './head.ts';
import type { HttpAnswer, Post, PostRequest } from './transport.ts';

/** What `HttpClient` works with. */
export interface HttpClientParts {
  /** How long it may take to open a connection. Asked at each one. */
  connectMs(): number;
  /** How long it took to open a TCP connection to an origin, in milliseconds. */
  measured?(origin: string, ms: number): void;
}

/** How many connections to one origin wait for requests, at most. */
const MOST_IDLE = 1_024;
/** How long a connection that has not been used yet may wait. Servers close it after about a minute. */
const UNUSED_MS = 50_000;
const SWEEP_MS = 5_000;
/** URLs whose parts are kept. Some protocols have the model in the path. */
const MOST_TARGETS = 1_000;

/**
 * Sends requests over HTTP/1.1 (RFC 9112), on connections that it keeps open. How many requests run at once is bounded
 * by their senders. A request is sent once: where a kept connection turns out to be closed, the request fails, and the
 * other kept connections of its origin are closed.
 */
export class HttpClient {
  private readonly origins = new Map<string, Origin>();
  private readonly targets = new Map<string, Target>();
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly parts: HttpClientParts) {}

  /** Sends a request (`Post`). */
  readonly post: Post = (request) => {
    const { signal, body, fresh } = request;
    if (signal.aborted) return Promise.reject(signal.reason);
    let target: Target;
    let written: Written;
    try {
      target = this.targetOf(request.url);
      const size = Buffer.byteLength(body);
      const { authorization } = target;
      const headers = authorization ? { authorization, ...request.headers } : request.headers;
      const head = requestHead(target.begin, headers, size);
      written = { head, body, bytes: head.length + size };
    } catch (error) {
      return Promise.reject(error);
    }
    const { origin } = target;
    origin.calledAt = Date.now();
    const idle = fresh ? undefined : origin.take();
    return idle ? idle.send(written, signal) : this.onNew(origin, written, request);
  };

  /** Opens a connection to the origin of a URL, unless one is waiting there already. Rejects as `post` does. */
  readonly ready = async (url: string, signal: AbortSignal): Promise<void> => {
    const { origin } = this.targetOf(url);
    if (!origin.hasIdle()) (await this.open(origin, signal)).rest(UNUSED_MS);
  };

  /** When the origin of a URL was last called, in milliseconds since the epoch; `undefined` for never. */
  readonly calledAt = (url: string): number | undefined =>
    this.origins.get(URL.parse(url)?.origin ?? '')?.calledAt;

  /** Closes all connections that wait for requests. */
  close(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    for (const origin of this.origins.values()) origin.closeIdle();
  }

  private async onNew(origin: Origin, written: Written, { signal }: PostRequest): Promise<HttpAnswer> {
    const connection = await this.open(origin, signal);
    if (signal.aborted) {
      connection.destroy();
      throw signal.reason;
    }
    return connection.send(written, signal);
  }

  private open({ endpoint, session, events }: Origin, signal: AbortSignal): Promise<Connection> {
    return dial(endpoint, { signal, limitMs: this.parts.connectMs(), session, events });
  }

  private readonly eventsOf = (origin: Origin): DialEvents => ({
    measured: (ms) => this.parts.measured?.(origin.name, ms),
    resumable: (session) => {
      origin.session = session;
    },
    free: (connection) => {
      origin.keep(connection);
      this.timer ??= setInterval(() => this.sweep(), SWEEP_MS).unref();
    },
    stale: () => origin.closeIdle(),
  });

  /** Closes connections that have waited for long enough. */
  private sweep(): void {
    let idle = 0;
    for (const origin of this.origins.values()) idle += origin.sweep();
    if (idle > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private targetOf(url: string): Target {
    const known = this.targets.get(url);
    if (known) return known;
    const parsed = new URL(url);
    const { origin: name, host, protocol, pathname, search, username, password } = parsed;
    if (protocol !== 'http:' && protocol !== 'https:') throw new TypeError(`${protocol} is not HTTP`);
    let origin = this.origins.get(name);
    if (!origin) {
      origin = new Origin(name, endpointOf(parsed), this.eventsOf);
      this.origins.set(name, origin);
    }
    const target = {
      origin,
      begin: `POST ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n`,
      ...((username !== '' || password !== '') && { authorization: basic(username, password) }),
    };
    if (this.targets.size >= MOST_TARGETS) this.targets.clear();
    this.targets.set(url, target);
    return target;
  }
}

/** The parts of a URL that requests need. */
interface Target {
  origin: Origin;
  /** The first lines of a request. */
  begin: string;
  /** Of the user that the URL names; a request with credentials of its own keeps them. */
  authorization?: string;
}

/** RFC 7617, section 2. */
const basic = (...credentials: string[]): string =>
  `Basic ${Buffer.from(credentials.map(decodeURIComponent).join(':')).toString('base64')}`;

/** A server, with its connections that wait for requests. */
class Origin {
  /** In milliseconds since the epoch. */
  calledAt: number | undefined;
  /** Of its last TLS connection. */
  session: Buffer | undefined;
  /** The last one was used last. */
  private idle: Connection[] = [];

  readonly events: DialEvents;

  constructor(
    readonly name: string,
    readonly endpoint: Endpoint,
    eventsOf: (origin: Origin) => DialEvents,
  ) {
    this.events = eventsOf(this);
  }

  take(): Connection | undefined {
    for (let next = this.idle.pop(); next; next = this.idle.pop()) {
      if (next.isReady(performance.now())) return next;
      next.destroy();
    }
    return undefined;
  }

  keep(connection: Connection): void {
    if (this.idle.length < MOST_IDLE) this.idle.push(connection);
    else connection.destroy();
  }

  hasIdle(): boolean {
    const next = this.take();
    if (next) this.idle.push(next);
    return next !== undefined;
  }

  closeIdle(): void {
    for (const connection of this.idle) connection.destroy();
    this.idle = [];
  }

  /** How many connections still wait. */
  sweep(): number {
    if (this.idle.length === 0) return 0;
    const now = performance.now();
    const { idle } = this;
    this.idle = idle.filter((connection) => connection.isReady(now));
    for (const connection of idle) if (!connection.isReady(now)) connection.destroy();
    return this.idle.length;
  }
}
