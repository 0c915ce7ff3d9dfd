import type { Delta } from '../core/delta.ts';
import type { Fault } from '../core/errors.ts';
import type { Intent, Session, Turn } from '../core/turn.ts';
import type { Receipt } from './receipt.ts';

/** Thrown into a claw to stop a turn that its caller no longer wants. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled';
}

/**
 * A turn that is running, apart from whoever reads it. Any number of readers follow it from any delta;
 * their leaving changes nothing.
 */
export class LiveTurn {
  /** Everything so far, in order. Those of a turn that is kept are journaled before they appear here. */
  readonly log: Delta[] = [];
  /** Settles before the first delta, or rejects with the `Fault` or `Cancelled` that left the turn without any. */
  readonly begun: Promise<Receipt>;
  /** Settles when the turn is recorded, however it ended; rejects if it could not be recorded. */
  readonly ended: Promise<Turn>;

  private readonly begin = Promise.withResolvers<Receipt>();
  private readonly finish = Promise.withResolvers<Turn>();
  private readonly controller = new AbortController();
  private news: PromiseWithResolvers<void> | undefined;
  private over = false;

  constructor(
    readonly intent: Intent,
    /** Whether it is recorded; one that is not ends with its client. */
    readonly keep: boolean,
    /** Absent where the turn's session has no record. */
    readonly session?: Session,
  ) {
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

  /** Called once, before the first `publish`. */
  start(receipt: Receipt): void {
    this.begin.resolve(receipt);
  }

  publish(deltas: readonly Delta[]): void {
    this.log.push(...deltas);
    this.wake();
  }

  /** `failure` is what left the turn without a first delta, if that is so. */
  end(turn: Turn, failure?: unknown): void {
    this.over = true;
    if (failure !== undefined) this.begin.reject(failure);
    this.finish.resolve(turn);
    this.wake();
  }

  /** The outcome could not be recorded: readers must not take the answer for whole. */
  fail(fault: Fault): void {
    this.over = true;
    this.begin.reject(fault);
    this.finish.reject(fault);
    this.wake();
  }

  /** Settles when there are more than `seen` deltas: true; or when no more will come: false. */
  async more(seen: number): Promise<boolean> {
    while (this.log.length <= seen) {
      if (this.over) return false;
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
