/** What the warm pool works with. */
export interface WarmPoolParts {
  /** Opens a connection to the origin of a URL, unless one is ready (`HttpClient.ready`). */
  open(url: string, signal: AbortSignal): Promise<void>;
  /** When the origin of a URL was last called, in milliseconds since the epoch. */
  calledAt(url: string): number | undefined;
  /** Asked whenever a connection would be opened. */
  isEnabled(): boolean;
  /** How often connections are opened again. */
  everyMs?: number;
}

const EVERY_MS = 45_000;
/** After this time without a call, no connection is kept ready. */
const USED_MS = 10 * 60_000;
/** For opening a connection. */
const OPEN_MS = 10_000;

/**
 * Connections that are ready before a request needs them: one to each base URL when it becomes known, and from then
 * on to those that were called lately, because providers close idle connections after about a minute. A base URL
 * that is never called gets no second connection. Nothing is sent that costs money or holds a key.
 */
export class WarmPool {
  private known: ReadonlySet<string> = new Set();
  private readonly opening = new Set<string>();
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(private readonly parts: WarmPoolParts) {
    this.timer = setInterval(() => this.refresh(), parts.everyMs ?? EVERY_MS);
    this.timer.unref();
  }

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
    for (const url of this.known) if ((this.parts.calledAt(url) ?? 0) >= oldest) void this.open(url);
  }

  /** Never rejects: where this fails, the next call reports it. */
  private async open(baseUrl: string): Promise<void> {
    if (this.opening.has(baseUrl)) return;
    this.opening.add(baseUrl);
    try {
      await this.parts.open(baseUrl, AbortSignal.timeout(OPEN_MS));
    } catch {
    } finally {
      this.opening.delete(baseUrl);
    }
  }
}
