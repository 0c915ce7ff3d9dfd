/** What became of a configuration that a running gateway read again. */
export type Reload =
  /**
   * It is in effect. Settings are named as the file writes them, and never with their values. Those in `restart`
   * differ from the running gateway and take effect only at its next start.
   */
  | { state: 'applied'; changed: readonly string[]; restart: readonly string[] }
  /** It has mistakes, so the earlier one stays as a whole. One line for each mistake, without secrets. */
  | { state: 'rejected'; problems: readonly string[] };
