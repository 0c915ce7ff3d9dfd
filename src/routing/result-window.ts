/** What a call says about its provider. */
export type CallResult =
  | 'ok'
  /** The answer began late. */
  | 'slow'
  /** The provider failed. */
  | 'failed'
  /** The provider refused the gateway's credential. */
  | 'refused'
  /** Nothing: the call was aborted, or its failure is about the request or the model. */
  | 'ignored';

const BUCKETS = 10;

/** Counts in each bucket: calls, failures, slow calls. */
const COUNTS = 3;

/**
 * Counts the results of the calls of the last `windowMs`, in ten buckets: a result is forgotten after nine to ten
 * tenths of the window. A change of `windowMs` begins an empty window.
 */
export class ResultWindow {
  private readonly counts = new Uint32Array(BUCKETS * COUNTS);
  private bucketMs = 0;
  /** The number of the newest bucket since the beginning of the clock. */
  private newest = 0;

  record(result: Exclude<CallResult, 'ignored'>, now: number, windowMs: number): void {
    this.advance(now, windowMs);
    const at = (this.newest % BUCKETS) * COUNTS;
    this.counts[at]! += 1;
    if (result === 'slow') this.counts[at + 2]! += 1;
    else if (result !== 'ok') this.counts[at + 1]! += 1;
  }

  get sums(): { calls: number; failures: number; slow: number } {
    const sums = { calls: 0, failures: 0, slow: 0 };
    for (let at = 0; at < this.counts.length; at += COUNTS) {
      sums.calls += this.counts[at]!;
      sums.failures += this.counts[at + 1]!;
      sums.slow += this.counts[at + 2]!;
    }
    return sums;
  }

  /** Empties the buckets whose time has passed. */
  private advance(now: number, windowMs: number): void {
    const bucketMs = windowMs / BUCKETS;
    if (bucketMs !== this.bucketMs) {
      this.bucketMs = bucketMs;
      this.counts.fill(0);
      this.newest = Math.floor(now / bucketMs);
      return;
    }
    const newest = Math.floor(now / bucketMs);
    const passed = Math.min(newest - this.newest, BUCKETS);
    for (let step = 1; step <= passed; step++) {
      const at = ((this.newest + step) % BUCKETS) * COUNTS;
      this.counts.fill(0, at, at + COUNTS);
    }
    if (passed > 0) this.newest = newest;
  }
}
