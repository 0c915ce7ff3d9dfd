import { Fault } from '../../core/errors.ts';
import type { OperationArgs, OperationName, OperationResult } from './operations.ts';
import {
  type Call,
  type DatabaseUse,
  type GroupOutcome,
  type Reply,
  type Request,
  type Result,
  receivedOutcome,
  sentCalls,
  UNSYNCED,
} from './thread-protocol.ts';

/** A call, and who waits for its answer. */
interface Asked {
  call: Call;
  resolve(value: unknown): void;
  reject(reason: Fault): void;
}

/**
 * Calls that are sent to the thread in groups. One group is under way at a time; what is asked meanwhile makes up the
 * next one, so that groups grow with the load. Groups begin at least `gatherMs` apart; a call that comes later than
 * that after the last group never waits.
 */
interface CallQueue {
  readonly gatherMs: number;
  waiting: Asked[];
  underway: boolean;
  sentAt: number;
}

/** Starts the thread of a store. */
export type StartWorker = () => Worker;

export const startWorker: StartWorker = () => new Worker(new URL('./worker.ts', import.meta.url).href);

/**
 * The caller's side of a store's thread. Calls that need no sync have a queue of their own: they are quick, and every
 * turn waits for a lease before it begins, so they do not gather and do not share a group with what is synced. When the
 * thread dies, what had no answer yet is rejected, and the next call starts a new thread.
 */
export class StoreThread {
  private worker: Worker | undefined;
  private readonly unsynced = newQueue(0);
  private readonly others: CallQueue;
  /** The groups under way, in the order in which they will be answered. */
  private groups: Array<{ queue: CallQueue; asked: Asked[] }> = [];
  private opening: PromiseWithResolvers<void> | undefined;
  private closing: PromiseWithResolvers<void> | undefined;
  /** Calls answered and transactions committed so far. */
  readonly counts = { calls: 0, transactions: 0 };

  constructor(
    private readonly database: DatabaseUse,
    private readonly start: StartWorker,
    gatherMs = 0,
  ) {
    this.others = newQueue(gatherMs);
  }

  /** Resolves once the database is open; rejects with the reason why it cannot be. */
  open(): Promise<void> {
    this.opening = Promise.withResolvers();
    this.connect();
    return this.opening.promise;
  }

  call<Name extends OperationName>(name: Name, ...args: OperationArgs<Name>): Promise<OperationResult<Name>> {
    if (this.closing) return Promise.reject(unavailable('it is closed'));
    const queue = UNSYNCED.has(name) ? this.unsynced : this.others;
    return new Promise((resolve, reject) => {
      if (queue.waiting.length === 0) this.schedule(queue);
      queue.waiting.push({ call: { name, args }, resolve: resolve as Asked['resolve'], reject });
    });
  }

  /** Resolves when everything asked before is answered and the file is closed. */
  close(): Promise<void> {
    if (this.closing) return this.closing.promise;
    this.closing = Promise.withResolvers();
    for (const queue of this.queues) this.send(queue);
    this.finish();
    return this.closing.promise;
  }

  private connect(): Worker {
    const worker = this.start();
    worker.onmessage = ({ data }: MessageEvent<Reply>) => this.receive(data);
    const died = (reason: string) => (worker === this.worker ? this.disconnect(reason) : undefined);
    worker.addEventListener('error', (event) => died(`its thread died: ${event.message}`));
    worker.addEventListener('close', () => died('its thread died'));
    this.worker = worker;
    this.post({ open: this.database });
    return worker;
  }

  private get queues(): CallQueue[] {
    return [this.unsynced, this.others];
  }

  private schedule(queue: CallQueue): void {
    const send = () => this.send(queue);
    // A message to another thread costs more than what it asks for: those of one turn of the event loop share one.
    if (queue === this.unsynced) return void setImmediate(send);
    const wait = queue.sentAt + queue.gatherMs - performance.now();
    if (queue.gatherMs === 0 || wait <= 0) queueMicrotask(send);
    else setTimeout(send, Math.ceil(wait));
  }

  private send(queue: CallQueue): void {
    const asked = queue.waiting;
    if (queue.underway || asked.length === 0) return;
    if (!this.worker) this.connect();
    this.post(sentCalls(asked.map(({ call }) => call)));
    this.groups.push({ queue, asked });
    queue.waiting = [];
    queue.underway = true;
    queue.sentAt = performance.now();
  }

  /** Closes the file once there is nothing left to do. */
  private finish(): void {
    if (!this.closing || this.queues.some(({ underway, waiting }) => underway || waiting.length > 0)) return;
    if (this.worker) this.post({ close: true });
    else this.closing.resolve();
  }

  private post(request: Request): void {
    this.worker?.postMessage(request);
  }

  private receive(reply: Reply): void {
    if (typeof reply === 'string' || 'results' in reply) this.answer(receivedOutcome(reply));
    else if ('opened' in reply) this.opening?.resolve();
    else if ('refused' in reply) this.disconnect(reply.refused);
    else this.disconnect('it is closed');
  }

  private answer({ results, transactions }: GroupOutcome): void {
    this.counts.calls += results.length;
    this.counts.transactions += transactions;
    const { queue, asked } = this.groups.shift()!;
    queue.underway = false;
    if (queue.waiting.length > 0) this.schedule(queue);
    else this.finish();
    for (const [index, one] of asked.entries()) answer(one, results[index]!);
  }

  private disconnect(reason: string): void {
    this.worker?.terminate();
    this.worker = undefined;
    const unanswered = [...this.groups.flatMap(({ asked }) => asked)];
    this.groups = [];
    for (const queue of this.queues) {
      unanswered.push(...queue.waiting);
      queue.waiting = [];
      queue.underway = false;
    }
    for (const { reject } of unanswered) reject(unavailable(reason));
    this.opening?.reject(new Error(reason));
    this.closing?.resolve();
  }
}

const newQueue = (gatherMs: number): CallQueue => ({
  gatherMs,
  waiting: [],
  underway: false,
  sentAt: -Infinity,
});

function answer(asked: Asked, result: Result): void {
  if ('code' in result) asked.reject(new Fault(result.code, result.message));
  else asked.resolve(result.value);
}

function unavailable(reason: string): Fault {
  return new Fault('store_unavailable', `The session store failed: ${reason}.`);
}
