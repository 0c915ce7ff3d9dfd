import { Fault } from '../core/errors.ts';

/** Milliseconds. */
export interface Timeouts {
  firstTokenMs: number;
  idleMs: number;
  totalMs: number;
}

/**
 * Bounds one call in time: until its first delta, between deltas, and in all. When a limit passes, the
 * signal aborts with `provider_timeout`. One timer per call, however many deltas there are.
 */
export class Deadline {
  private readonly controller = new AbortController();
  private readonly startedAt: number;
  private heardAt: number | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly limits: Timeouts,
    private readonly outer: AbortSignal,
  ) {
    this.startedAt = performance.now();
    if (outer.aborted) this.controller.abort(outer.reason);
    outer.addEventListener('abort', this.stop);
    this.arm();
  }

  /** Aborted by a limit or by the outer signal, with the reason of whichever came first. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** The provider has been heard of. */
  touch(): void {
    this.heardAt = performance.now();
  }

  /** Ends the watch. */
  clear(): void {
    clearTimeout(this.timer);
    this.outer.removeEventListener('abort', this.stop);
  }

  private readonly stop = (): void => this.controller.abort(this.outer.reason);

  private readonly check = (): void => {
    const { at, message } = this.next();
    if (performance.now() >= at) this.controller.abort(new Fault('provider_timeout', message));
    else this.arm();
  };

  private arm(): void {
    const wait = this.next().at - performance.now();
    // The first token may come at any moment, and the shorter limit holds from then on.
    this.timer = setTimeout(this.check, Math.max(1, Math.min(wait, this.limits.idleMs)));
  }

  private next(): { at: number; message: string } {
    const { firstTokenMs, idleMs, totalMs } = this.limits;
    const total = {
      at: this.startedAt + totalMs,
      message: `The answer was not complete within ${totalMs} ms.`,
    };
    const quiet =
      this.heardAt === undefined
        ? {
            at: this.startedAt + firstTokenMs,
            message: `The provider sent nothing within ${firstTokenMs} ms.`,
          }
        : { at: this.heardAt + idleMs, message: `The provider fell silent for ${idleMs} ms.` };
    return quiet.at < total.at ? quiet : total;
  }
}
