import { Fault } from '../core/errors.ts';

/** How many calls of one claw run at once (`bulkhead` of the configuration). */
export interface BulkheadSettings {
  /** The limit is never above `max`, and never below `min` where `min` is the smaller one. */
  readonly max: number;
  readonly min: number;
  /** How many further calls may wait. */
  readonly queue: number;
  /** How long a call may wait, in milliseconds. */
  readonly queueMs: number;
}

/** A call that waits for its turn. */
interface Waiter {
  admit(): void;
  refuse(): void;
}

/**
 * The limit follows the latency as in Gradient2 of Netflix's concurrency-limits: it shrinks while first tokens take
 * more than `TOLERANCE` times their usual time, and otherwise grows by its square root. It changes at most once per
 * `ADAPT_MS`, and only while at least half of it is used: otherwise it is not what bounds the calls.
 */
const TOLERANCE = 2;
const SMOOTHING = 0.2;
const ADAPT_MS = 500;
/** The weight of the newest latency in the average. */
const NEWEST = 0.1;

/**
 * Bounds the calls of one claw that run at once. Further calls wait in a bounded queue for a bounded time; tenants
 * take turns. A tenant that comes to a full queue takes the entry of the tenant that has the most in it. So a
 * slow claw holds a bounded number of turns, and one tenant cannot keep the others out of the queue.
 */
export class Bulkhead {
  /** Calls that run. */
  inFlight = 0;
  /** Calls that wait. */
  waiting = 0;
  private currentLimit: number;
  private max: number;
  /** First-token times against their usual time, as a moving average. */
  private ratio = 1;
  private adaptsAt = -Infinity;
  /** By tenant, in the order in which tenants are served. No queue is empty. */
  private readonly queues = new Map<string, Waiter[]>();

  constructor(
    private readonly settings: () => BulkheadSettings,
    private readonly now: () => number,
  ) {
    this.max = settings().max;
    this.currentLimit = this.max;
  }

  /** How many calls may run at this moment. */
  get limit(): number {
    this.bound();
    return Math.floor(this.currentLimit);
  }

  /**
   * Takes a slot for a call; `leave` must be called once for it. Returns nothing if the call may run at once;
   * otherwise a promise that resolves when it may. The promise rejects without a slot: with the signal's reason if
   * the signal aborts, with `claw_busy` if the wait was too long. Throws `claw_busy` if the queue is full.
   */
  enter(tenant: string, signal: AbortSignal): Promise<void> | undefined {
    const limit = this.limit;
    if (this.waiting > 0) this.admitWaiting();
    if (this.waiting === 0 && this.inFlight < limit) {
      this.inFlight++;
      return undefined;
    }
    signal.throwIfAborted();
    const { queue, queueMs } = this.settings();
    if (this.waiting >= queue && !this.makeRoom(tenant)) throw this.busy();
    return this.wait(tenant, signal, queueMs);
  }

  leave(): void {
    this.inFlight--;
    if (this.waiting > 0) this.admitWaiting();
  }

  /** A first token has come, or did not come in time: `ratio` is the time against the usual time. */
  observe(ratio: number): void {
    this.ratio += NEWEST * (ratio - this.ratio);
    const now = this.now();
    if (now < this.adaptsAt || 2 * this.inFlight < this.limit) return;
    this.adaptsAt = now + ADAPT_MS;
    const gradient = Math.max(0.5, Math.min(1, TOLERANCE / this.ratio));
    const wanted = this.currentLimit * gradient + Math.sqrt(this.currentLimit);
    this.currentLimit += SMOOTHING * (wanted - this.currentLimit);
    this.bound();
    if (this.waiting > 0) this.admitWaiting();
  }

  /** Keeps the limit within the settings. A limit at its old maximum follows the maximum. */
  private bound(): void {
    const { max, min } = this.settings();
    if (max !== this.max) {
      if (this.currentLimit >= this.max) this.currentLimit = max;
      this.max = max;
    }
    this.currentLimit = Math.min(max, Math.max(min, this.currentLimit));
  }

  private wait(tenant: string, signal: AbortSignal, queueMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const leaveQueue = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        this.remove(tenant, waiter);
      };
      const waiter: Waiter = {
        admit: () => {
          leaveQueue();
          this.inFlight++;
          resolve();
        },
        refuse: () => {
          leaveQueue();
          reject(this.busy());
        },
      };
      const abort = () => {
        leaveQueue();
        reject(signal.reason);
      };
      const timer = setTimeout(waiter.refuse, queueMs);
      signal.addEventListener('abort', abort);
      const queue = this.queues.get(tenant);
      if (queue) queue.push(waiter);
      else this.queues.set(tenant, [waiter]);
      this.waiting++;
    });
  }

  private remove(tenant: string, waiter: Waiter): void {
    const queue = this.queues.get(tenant)!;
    queue.splice(queue.indexOf(waiter), 1);
    if (queue.length === 0) this.queues.delete(tenant);
    this.waiting--;
  }

  /** Lets calls run while there are slots: one call of each tenant in turn. */
  private admitWaiting(): void {
    const { limit } = this;
    while (this.waiting > 0 && this.inFlight < limit) {
      const [tenant, queue] = this.queues.entries().next().value!;
      queue[0]!.admit();
      if (queue.length === 0) continue;
      this.queues.delete(tenant);
      this.queues.set(tenant, queue);
    }
  }

  /** Refuses the newest call of the tenant with the most waiting calls, where `tenant` would still have fewer. */
  private makeRoom(tenant: string): boolean {
    let longest: Waiter[] = [];
    for (const queue of this.queues.values()) if (queue.length > longest.length) longest = queue;
    if (longest.length <= (this.queues.get(tenant)?.length ?? 0) + 1) return false;
    longest.at(-1)!.refuse();
    return true;
  }

  private busy(): Fault {
    const { queueMs } = this.settings();
    const retryAfter = Math.max(1, Math.ceil(queueMs / 1_000));
    return new Fault('claw_busy', 'As many calls run at the provider as its limit allows.', { retryAfter });
  }
}
