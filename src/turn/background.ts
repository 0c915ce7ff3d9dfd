import { Fault } from '../core/errors.ts';

/**
 * Places for turns that nobody waits for. They run a few at a time, in the order in which their sessions came
 * free; as many may be accepted and wait.
 */
export class Background {
  private running = 0;
  private accepted = 0;
  private readonly waiting: Array<() => void> = [];

  constructor(
    private readonly places: number,
    private readonly queue: number,
  ) {}

  get counts(): { running: number; accepted: number } {
    return { running: this.running, accepted: this.accepted };
  }

  /** Accepts one more turn, until `done` is called; `queue_full` where too many were accepted before it. */
  accept(): () => void {
    if (this.accepted >= this.places + this.queue) {
      throw new Fault('queue_full', `${this.accepted} background turns wait already.`, { retryAfter: 5 });
    }
    return this.readmit();
  }

  /** Accepts a turn that was accepted before, by a process that has died. */
  readmit(): () => void {
    this.accepted++;
    return () => this.accepted--;
  }

  /** Settles when there is a place; `leave` frees it. */
  async enter(): Promise<() => void> {
    if (this.running >= this.places) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.running++;
    return () => {
      const next = this.waiting.shift();
      if (next) next();
      else this.running--;
    };
  }
}
