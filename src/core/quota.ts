/**
 * How much of the rate limits is left, as a reply says it: a provider's reply for the credential that it was called
 * with, the gateway's reply for the caller.
 */
export interface Quota {
  requests?: Allowance;
  tokens?: Allowance;
}

/** How much of a rate limit is left. */
export interface Allowance {
  limit?: number;
  remaining: number;
  /** Milliseconds until the whole limit is available again. */
  resetsInMs: number;
}
