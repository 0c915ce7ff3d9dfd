import type { Counter } from '../metrics/registry.ts';
import type { Signal, TelemetrySettings } from './settings.ts';

/** What waits at most; more is dropped and counted. */
const MOST_WAITING = 4_096;
const MOST_WAITING_CHARS = 16 * 1024 * 1024;
/** What one export has. Collectors refuse requests that are very large. */
const MOST_AT_ONCE = 512;
const MOST_AT_ONCE_CHARS = 4 * 1024 * 1024;
const EVERY_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** How long the last export may take when the gateway stops. */
const LAST_MS = 2_000;

/** Counts what was sent and what was dropped. */
export interface TelemetryCounts {
  sent: Counter;
  dropped: Counter;
}

/** What an outbox works with. */
export interface OutboxParts<Entry> {
  signal: Signal;
  url: string;
  settings: Pick<TelemetrySettings, 'timeoutMs' | 'compresses'>;
  /** Asked at each export. */
  headers(): Readonly<Record<string, string>>;
  /** The body of an export. */
  body(entries: Entry[]): string;
  counts: TelemetryCounts;
}

/**
 * Sends the entries of one signal in batches, one at a time. Never throws. Where the collector does not take a batch,
 * the batch is dropped and counted, and the next one waits; the pause doubles up to a minute. So a collector that is
 * down costs a bounded queue and a request a minute.
 */
export class Outbox<Entry> {
  private readonly waiting: Entry[] = [];
  /** Of the entries that are texts. */
  private waitingChars = 0;
  private pauseMs = 0;
  private notBefore = 0;
  private sending: Promise<void> | undefined;
  private readonly timer: Timer;

  constructor(private readonly parts: OutboxParts<Entry>) {
    this.timer = setInterval(() => this.flush(), EVERY_MS);
    this.timer.unref();
  }

  put(entry: Entry): void {
    const chars = charsOf(entry);
    if (this.waiting.length >= MOST_WAITING || this.waitingChars + chars > MOST_WAITING_CHARS) {
      this.parts.counts.dropped.add(1, this.parts.signal, 'full');
      return;
    }
    this.waiting.push(entry);
    this.waitingChars += chars;
  }

  /** Sends what waits, within a bounded time, and nothing after it. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    this.notBefore = 0;
    const all = async () => {
      while (this.waiting.length > 0 && this.pauseMs === 0) await this.flush();
      await this.sending;
    };
    await Promise.race([all(), Bun.sleep(LAST_MS)]);
  }

  private flush(): Promise<void> | undefined {
    if (this.sending || this.waiting.length === 0 || performance.now() < this.notBefore) return this.sending;
    const batch = this.take();
    this.sending = this.send(batch).finally(() => {
      this.sending = undefined;
      if (this.waiting.length >= MOST_AT_ONCE) void this.flush();
    });
    return this.sending;
  }

  /** The oldest entries, and at least one. */
  private take(): Entry[] {
    let chars = 0;
    let count = 0;
    for (const entry of this.waiting) {
      chars += charsOf(entry);
      if (count === MOST_AT_ONCE || (count > 0 && chars > MOST_AT_ONCE_CHARS)) break;
      count++;
    }
    const batch = this.waiting.splice(0, count);
    for (const entry of batch) this.waitingChars -= charsOf(entry);
    return batch;
  }

  private async send(batch: Entry[]): Promise<void> {
    const { signal, counts } = this.parts;
    const rejected = await this.post(batch).catch(() => undefined);
    if (rejected === undefined) {
      counts.dropped.add(batch.length, signal, 'not_taken');
      this.pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(EVERY_MS, 2 * this.pauseMs));
      this.notBefore = performance.now() + this.pauseMs;
      return;
    }
    this.pauseMs = 0;
    counts.sent.add(batch.length - rejected, signal);
    if (rejected > 0) counts.dropped.add(rejected, signal, 'rejected');
  }

  /** Resolves to how many entries the collector rejected, or to `undefined` where it took none. */
  private async post(batch: Entry[]): Promise<number | undefined> {
    const { url, settings, headers, body } = this.parts;
    const text = body(batch);
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(settings.compresses && { 'content-encoding': 'gzip' }),
        ...headers(),
      },
      body: settings.compresses ? Bun.gzipSync(text) : text,
      signal: AbortSignal.timeout(settings.timeoutMs),
      redirect: 'error',
    });
    if (!response.ok) {
      await response.body?.cancel();
      return undefined;
    }
    return rejectedIn(await response.text(), batch.length);
  }
}

const charsOf = (entry: unknown): number => (typeof entry === 'string' ? entry.length : 0);

/** `partialSuccess` of the reply. Collectors may reply with nothing, or with another content type. */
function rejectedIn(text: string, most: number): number {
  try {
    const { partialSuccess = {} } = JSON.parse(text) as { partialSuccess?: Record<string, unknown> };
    const { rejectedSpans, rejectedDataPoints, rejectedLogRecords } = partialSuccess;
    const rejected = Number(rejectedSpans ?? rejectedDataPoints ?? rejectedLogRecords ?? 0);
    return Math.min(most, Math.max(0, rejected || 0));
  } catch {
    return 0;
  }
}
