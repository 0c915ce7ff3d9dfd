import type { Delta } from '../core/delta.ts';
import type { Fault } from '../core/errors.ts';
import type { Asked, Session, Turn } from '../core/turn.ts';
import type { Receipt } from './receipt.ts';

/** Thrown into a claw to stop a turn that its caller no longer wants. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled';
}

export interface LiveTurnParts {
  asked: Asked;
  /** Whether it is recorded. */
  keep: boolean;
  /** Whether it can be fetched by its id; one that cannot may be kept all the same, for its idempotency key. */
  shown: boolean;
  /** Absent where the turn's session has no record. */
  session?: Session;
  /** It waits for its session or for a free place. */
  queued?: boolean;
}

/**
 * A turn as its readers see it, running or ended. Any number of them follow it from any delta; their coming
 * and going changes nothing.
 */
export class LiveTurn {
  readonly asked: Asked;
  readonly keep: boolean;
  readonly shown: boolean;
  session?: Session;
  state: 'queued' | 'running' | 'ended';
  /** Everything so far, in order. Those of a turn that is kept are journaled before they appear here. */
  readonly log: Delta[] = [];
  /** How it is answered; absent before the first delta. */
  receipt?: Receipt;
  /** Who reads along and would have it stop when the last of them leaves. */
  clients = 0;
  /**
   * Settles with the first delta, or when the turn is put off until a claw is back. Rejects with the `Fault`
   * or `Cancelled` that left it without any delta.
   */
  readonly begun: Promise<void>;
  /** Settles when the turn is recorded, however it ended; rejects if it could not be recorded. */
  readonly ended: Promise<Turn>;

  private readonly begin = Promise.withResolvers<void>();
  private readonly finish = Promise.withResolvers<Turn>();
  private readonly controller = new AbortController();
  private news: PromiseWithResolvers<void> | undefined;

  constructor({ asked, keep, shown, session, queued }: LiveTurnParts) {
    this.asked = asked;
    this.keep = keep;
    this.shown = shown;
    this.session = session;
    this.state = queued ? 'queued' : 'running';
    this.begun = this.begin.promise;
    this.ended = this.finish.promise;
    // A turn without readers may fail without anybody to tell.
    this.begun.catch(() => {});
    this.ended.catch(() => {});
  }

  /** Aborted when the turn should stop; the reason is a `Cancelled` or a `Fault`. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Stops the claw at once. What came so far is kept. No effect on a turn that has ended. */
  stop(reason: Cancelled | Fault): void {
    this.controller.abort(reason);
  }

  /** A claw has begun to answer. Called before the first `publish`, and again when another one takes over. */
  start(receipt: Receipt): void {
    this.state = 'running';
    this.receipt = receipt;
    this.begin.resolve();
  }

  /** No claw can be reached; the turn waits until one can. */
  defer(): void {
    this.state = 'queued';
    this.begin.resolve();
  }

  publish(deltas: readonly Delta[]): void {
    for (const delta of deltas) this.log.push(delta);
    this.wake();
  }

  /** `failure` is what left the turn without a first delta, if that is so. */
  end(turn: Turn, failure?: unknown): void {
    this.state = 'ended';
    if (failure === undefined) this.begin.resolve();
    else this.begin.reject(failure);
    this.finish.resolve(turn);
    this.wake();
  }

  /** The outcome could not be recorded: readers must not take the answer for whole. */
  fail(fault: Fault): void {
    this.state = 'ended';
    this.begin.reject(fault);
    this.finish.reject(fault);
    this.wake();
  }

  /** Settles when there are more than `seen` deltas: true; or when no more will come: false. */
  async more(seen: number): Promise<boolean> {
    while (this.log.length <= seen) {
      if (this.state === 'ended') return false;
      this.news ??= Promise.withResolvers<void>();
      await this.news.promise;
    }
    return true;
  }

  private wake(): void {
    this.news?.resolve();
    this.news = undefined;
  }
}
