import { Fault } from '../../core/errors.ts';
import type { Operations } from './operations.ts';
import type { Call, DatabaseUse, OperationName, Reply, Request, Result } from './thread-protocol.ts';

interface Pending {
  resolve(value: unknown): void;
  reject(reason: Fault): void;
}

export type StartWorker = () => Worker;

export const startWorker: StartWorker = () => new Worker(new URL('./worker.ts', import.meta.url).href);

/**
 * The near side of a store's thread. One group of calls is under way at a time; whatever is asked
 * meanwhile makes up the next one, so that groups grow with the load. Groups begin at least `gatherMs`
 * apart; a call that comes later than that after the last group never waits.
 * When the thread dies, what had no answer yet is rejected, and the next call starts a new thread.
 */
export class StoreThread {
  private worker: Worker | undefined;
  private waiting: Call[] = [];
  /** Who asked the calls under way, and then those in `waiting`. */
  private pending: Pending[] = [];
  private underway = false;
  private sentAt = 0;
  private opening: PromiseWithResolvers<void> | undefined;
  private closing: PromiseWithResolvers<void> | undefined;
  /** Calls answered and transactions committed so far. */
  readonly counts = { calls: 0, transactions: 0 };

  constructor(
    private readonly database: DatabaseUse,
    private readonly start: StartWorker,
    private readonly gatherMs = 0,
  ) {}

  /** Resolves once the database is open; rejects with the reason why it cannot be. */
  open(): Promise<void> {
    this.opening = Promise.withResolvers();
    this.connect();
    return this.opening.promise;
  }

  call<N extends OperationName>(
    name: N,
    ...args: Parameters<Operations[N]>
  ): Promise<ReturnType<Operations[N]>> {
    if (this.closing) return Promise.reject(unavailable('it is closed'));
    return new Promise((resolve, reject) => {
      if (this.waiting.length === 0) this.schedule();
      this.waiting.push({ name, args });
      this.pending.push({ resolve: resolve as Pending['resolve'], reject });
    });
  }

  /** Resolves when everything asked before is answered and the file is closed. */
  close(): Promise<void> {
    if (this.closing) return this.closing.promise;
    this.closing = Promise.withResolvers();
    this.send();
    return this.closing.promise;
  }

  private connect(): Worker {
    const worker = this.start();
    worker.onmessage = ({ data }: MessageEvent<Reply>) => this.receive(data);
    const died = (reason: string) => {
      if (worker === this.worker) this.disconnect(reason);
    };
    worker.addEventListener('error', (event) => died(`its thread died: ${event.message}`));
    worker.addEventListener('close', () => died('its thread died'));
    this.worker = worker;
    this.post({ open: this.database });
    return worker;
  }

  private schedule(): void {
    const wait = this.sentAt + this.gatherMs - performance.now();
    if (this.gatherMs === 0 || wait <= 0) queueMicrotask(this.send);
    else setTimeout(this.send, Math.ceil(wait));
  }

  private readonly send = (): void => {
    if (this.underway) return;
    if (this.waiting.length > 0) {
      if (!this.worker) this.connect();
      this.post({ calls: this.waiting });
      this.waiting = [];
      this.underway = true;
      this.sentAt = performance.now();
    } else if (this.closing) {
      if (this.worker) this.post({ close: true });
      else this.closing.resolve();
    }
  };

  private post(request: Request): void {
    this.worker?.postMessage(request);
  }

  private receive(reply: Reply): void {
    if ('results' in reply) {
      this.counts.calls += reply.results.length;
      this.counts.transactions += reply.transactions;
      const answered = this.pending.splice(0, reply.results.length);
      this.underway = false;
      if (this.waiting.length > 0) this.schedule();
      else if (this.closing) this.send();
      for (const [index, pending] of answered.entries()) settle(pending, reply.results[index]!);
    } else if ('opened' in reply) this.opening?.resolve();
    else if ('refused' in reply) this.disconnect(reply.refused);
    else this.disconnect('it is closed');
  }

  private disconnect(reason: string): void {
    this.worker?.terminate();
    this.worker = undefined;
    this.waiting = [];
    this.underway = false;
    const pending = this.pending;
    this.pending = [];
    for (const { reject } of pending) reject(unavailable(reason));
    this.opening?.reject(new Error(reason));
    this.closing?.resolve();
  }
}

function settle(pending: Pending, result: Result): void {
  if ('value' in result) pending.resolve(result.value);
  else pending.reject(new Fault(result.code, result.message));
}

function unavailable(reason: string): Fault {
  return new Fault('store_unavailable', `The session store failed: ${reason}.`);
}
