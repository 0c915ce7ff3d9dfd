/** What a provider's reply says about the rate limits of the credential that it was called with. */
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
