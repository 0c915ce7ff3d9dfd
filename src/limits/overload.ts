import { Fault } from '../core/errors.ts';
import { OVERLOAD_LEVELS, type OverloadLevel } from '../core/overload.ts';

/** From which delay of the event loop on the gateway has each level, in milliseconds. */
export interface OverloadBounds {
  readonly busyMs: number;
  readonly heavyMs: number;
  readonly criticalMs: number;
}

/** How important a new request is: a background request is refused before an interactive one. */
export type Priority = 'interactive' | 'background';

/** The median of so many samples decides: one long pause, such as a sleep of the machine, has no effect. */
const SAMPLES = 5;
/** A level ends when the delay is below this share of its bound, so that the level does not change all the time. */
const ENDS_AT = 0.5;
/** Whole seconds after which a refused request may succeed. */
const RETRY_AFTER: Record<Priority, number> = { interactive: 2, background: 10 };

/** The overload of the gateway itself, from samples of the delay of its event loop. */
export class Overload {
  private now: OverloadLevel = 'calm';
  private readonly samples: number[] = new Array(SAMPLES).fill(0);

  constructor(
    private bounds: OverloadBounds,
    /** Called when the level has changed. */
    private readonly changed: (level: OverloadLevel, delayMs: number) => void,
  ) {}

  get level(): OverloadLevel {
    return this.now;
  }

  /** Takes effect with the next sample. */
  reconfigure(bounds: OverloadBounds): void {
    this.bounds = bounds;
  }

  /** By how many milliseconds the event loop was late. */
  sample(delayMs: number): void {
    this.samples.push(delayMs);
    this.samples.shift();
    const delay = this.samples.toSorted((a, b) => a - b)[SAMPLES >> 1]!;
    const level = this.levelAt(delay);
    if (level === this.now) return;
    this.now = level;
    this.changed(level, delay);
  }

  /** Throws `gateway_overloaded` where a new request of this priority is refused at the current level. */
  admit(priority: Priority): void {
    const refused = this.now === 'critical' || (this.now === 'heavy' && priority === 'background');
    if (!refused) return;
    const what = priority === 'background' ? 'background requests' : 'requests';
    throw new Fault('gateway_overloaded', `The gateway is overloaded and takes no new ${what} now.`, {
      retryAfter: RETRY_AFTER[priority],
    });
  }

  private levelAt(delay: number): OverloadLevel {
    const { busyMs, heavyMs, criticalMs } = this.bounds;
    const bounds = [0, busyMs, heavyMs, criticalMs];
    const current = OVERLOAD_LEVELS.indexOf(this.now);
    const reached = bounds.findLastIndex((bound) => delay >= bound);
    if (reached >= current) return OVERLOAD_LEVELS[reached]!;
    const kept = bounds.findLastIndex((bound, index) => index <= current && delay >= bound * ENDS_AT);
    return OVERLOAD_LEVELS[kept]!;
  }
}

const EVERY_MS = 100;

/**
 * Measures by how much a timer is late, ten times a second, until the returned function is called. Several
 * intervals that the event loop missed are one sample.
 */
export function watchEventLoop(sample: (delayMs: number) => void): () => void {
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    sample(Math.max(0, now - last - EVERY_MS));
    last = now;
  }, EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
