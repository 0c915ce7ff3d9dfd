/** Tokens that a budget holds at most, and has at its start: as many as the standard retry mode of the AWS SDKs pays. */
const MOST = 100;
/** Time alone fills a budget up to here, one token per second, so that a claw with few calls can be retried. */
const FLOOR = 10;

/**
 * How many retries a claw may still get. Each first call adds a share of a token, each retry costs a token, so that
 * retries never exceed that share of the calls for long. `now` is a monotonic clock in milliseconds.
 */
export class RetryBudget {
  private tokens = MOST;
  private filledAt: number;

  constructor(private readonly now: () => number) {
    this.filledAt = now();
  }

  /** A first call is made. */
  add(share: number): void {
    this.tokens = Math.min(MOST, this.tokens + share);
  }

  /** Pays for a retry. False if the budget is used up. */
  take(): boolean {
    this.fill();
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }

  private fill(): void {
    const now = this.now();
    if (this.tokens < FLOOR) this.tokens = Math.min(FLOOR, this.tokens + (now - this.filledAt) / 1_000);
    this.filledAt = now;
  }
}
