import { Fault } from '../../core/errors.ts';

/** How many background turns there may be. */
export interface SlotLimits {
  /** How many background turns run at once. */
  running: number;
  /** How many more may be accepted and wait. */
  waiting: number;
}

/**
 * Slots for background turns. They run a few at a time, in the order in which their sessions became
 * free; a limited number may be accepted and wait.
 */
export class Slots {
  private running = 0;
  private accepted = 0;
  private isSlowed = false;
  private readonly waiting: Array<() => void> = [];

  constructor(private limits: SlotLimits) {}

  /** New limits apply to later turns; with more slots, waiting turns may enter at once. */
  reconfigure(limits: SlotLimits): void {
    this.limits = limits;
    this.fill();
  }

  /** While it is slowed, turns that run go on, and the others run one at a time: none waits for ever. */
  slow(isSlowed: boolean): void {
    this.isSlowed = isSlowed;
    this.fill();
  }

  get counts(): { running: number; accepted: number } {
    return { running: this.running, accepted: this.accepted };
  }

  /** Accepts one more turn, until the returned function is called; `queue_full` where too many were accepted. */
  accept(): () => void {
    if (this.accepted >= this.limits.running + this.limits.waiting) {
      throw new Fault('queue_full', `${this.accepted} background turns wait already.`, { retryAfter: 5 });
    }
    return this.readmit();
  }

  /** Accepts a turn that a process accepted before it died. */
  readmit(): () => void {
    this.accepted++;
    return () => this.accepted--;
  }

  /** Resolves when there is a slot; the returned function frees it. */
  async enter(): Promise<() => void> {
    const entered = new Promise<void>((resolve) => this.waiting.push(resolve));
    this.fill();
    await entered;
    return () => {
      this.running--;
      this.fill();
    };
  }

  private fill(): void {
    const most = this.isSlowed ? 1 : this.limits.running;
    while (this.running < most && this.waiting.length > 0) {
      this.running++;
      this.waiting.shift()!();
    }
  }
}
