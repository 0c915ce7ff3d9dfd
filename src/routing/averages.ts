/** A moving average. The first values count equally, so that one odd value at the start does not stay for long. */
export class MovingAverage {
  value: number | undefined;
  private count = 0;

  /** `weight` of the newest value, from 0 to 1. */
  constructor(private readonly weight: number) {}

  add(value: number, weight = this.weight): void {
    this.count++;
    const before = this.value ?? value;
    this.value = before + Math.max(weight, 1 / this.count) * (value - before);
  }
}

const RECENT = 64;
/** With fewer values, a quantile says too little. */
const ENOUGH = 10;
/** The quantile is computed again after as many new values: it is read far more often than it changes. */
const STALE_AFTER = 8;

/** The 95th percentile of the last 64 values. */
export class RecentTimes {
  private values: Float64Array | undefined;
  private count = 0;
  private computedAt = 0;
  private computed: number | undefined;

  add(value: number): void {
    this.values ??= new Float64Array(RECENT);
    this.values[this.count++ % RECENT] = value;
  }

  /** Undefined before the tenth value. */
  get p95(): number | undefined {
    if (!this.values || this.count < ENOUGH) return undefined;
    if (this.computed === undefined || this.count - this.computedAt >= STALE_AFTER) {
      const sorted = this.values.slice(0, Math.min(this.count, RECENT)).sort();
      this.computed = sorted[Math.ceil(0.95 * sorted.length) - 1];
      this.computedAt = this.count;
    }
    return this.computed;
  }
}
