/** A context policy says what a prompt has of a history that does not fit its model. The configuration and headers use these words. */
export const CONTEXT_POLICIES = ['full', 'truncate', 'retrieve', 'auto'] as const;

/**
 * - `full`: all of it; a history that does not fit is an error.
 * - `truncate`: the latest turns.
 * - `retrieve`: standing instructions, and the parts of older turns that are about the question.
 * - `auto`: standing instructions, the latest turns, and parts of older turns that are about the question.
 */
export type ContextPolicy = (typeof CONTEXT_POLICIES)[number];

/** How a prompt is made from a history. */
export interface ContextWish {
  policy: ContextPolicy;
  /** The most tokens of history in a prompt, unless the policy is `full`. Absent: by the model's price. */
  historyTokens?: number;
}
