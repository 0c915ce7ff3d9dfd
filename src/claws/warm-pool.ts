import type { Connect, Fetch } from './http-claw.ts';

export interface WarmPoolParts {
  connect: Connect;
  fetch: Fetch;
  /** Opens a connection for `fetch` to a URL. Throws where it cannot (see `open`). */
  preconnect(url: string): void;
  /** Asked whenever a connection would be opened. */
  isEnabled(): boolean;
  /** How often connections are opened again; less than the time for which `connect` trusts an origin. */
  everyMs?: number;
}

const EVERY_MS = 45_000;
/** After this time without a call, no connection is kept ready. */
const USED_MS = 10 * 60_000;
/** For a request that only opens a connection. */
const OPEN_MS = 10_000;

/**
 * Connections that are ready before a request needs them: one to each base URL when it becomes known, and from then
 * on to those that were called lately, because providers close idle connections after about a minute. A base URL
 * that is never called gets no second connection. Nothing is sent that costs money or holds a key.
 */
export class WarmPool {
  private known: ReadonlySet<string> = new Set();
  /** By base URL; milliseconds since the epoch. */
  private readonly calledAt = new Map<string, number>();
  private readonly opening = new Set<string>();
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(private readonly parts: WarmPoolParts) {
    this.timer = setInterval(() => this.refresh(), parts.everyMs ?? EVERY_MS);
    this.timer.unref();
  }

  /** The `connect` of the parts, which also learns which base URLs are called. */
  readonly connect: Connect = (baseUrl, signal, options) => {
    if (!options?.anew) this.calledAt.set(baseUrl, Date.now());
    return this.parts.connect(baseUrl, signal, options);
  };

  /** Takes the base URLs of all claws that can be called. Those that are new get a connection. */
  update(baseUrls: Iterable<string>): void {
    const before = this.known;
    this.known = new Set(this.parts.isEnabled() ? baseUrls : []);
    for (const url of this.known) if (!before.has(url)) void this.open(url);
  }

  close(): void {
    clearInterval(this.timer);
  }

  private refresh(): void {
    const oldest = Date.now() - USED_MS;
    for (const [url, at] of this.calledAt) {
      if (at < oldest || !this.known.has(url)) this.calledAt.delete(url);
      else void this.open(url);
    }
  }

  /** Never rejects: where this fails, the next call reports it. */
  private async open(baseUrl: string): Promise<void> {
    if (this.opening.has(baseUrl)) return;
    this.opening.add(baseUrl);
    try {
      await this.parts.connect(baseUrl, AbortSignal.timeout(OPEN_MS), { anew: true });
      await this.fill(new URL(baseUrl).origin);
    } catch {
    } finally {
      this.opening.delete(baseUrl);
    }
  }

  /**
   * Bun's `preconnect` does nothing while a connection is ready. It refuses URLs with the usual port of their scheme
   * (github.com/oven-sh/bun/issues/19626). There, a request without a key and without an effect opens the connection.
   */
  private async fill(origin: string): Promise<void> {
    try {
      this.parts.preconnect(origin);
    } catch {
      const init = { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(OPEN_MS) } as const;
      await (await this.parts.fetch(`${origin}/`, init)).arrayBuffer();
    }
  }
}
