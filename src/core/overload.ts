/**
 * How overloaded the gateway itself is, from not at all to the worst. `busy`: hedges and background work wait.
 * `heavy`: new background requests are refused, too. `critical`: all new requests for a turn are refused.
 */
export const OVERLOAD_LEVELS = ['calm', 'busy', 'heavy', 'critical'] as const;

/** One of the levels of overload. */
export type OverloadLevel = (typeof OVERLOAD_LEVELS)[number];
