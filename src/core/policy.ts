/** What a turn does when something goes wrong. The configuration, keys and request headers use these words. */
export const POLICY_WORDS = {
  /** When the client that asked for the turn disconnects: the turn runs on and is recorded, or stops. */
  onDisconnect: ['run_on', 'cancel'],
  /** While another turn writes to the session: wait for it, or fork from the session's head. */
  whenBusy: ['wait', 'fork'],
  /** While no candidate can be reached: fail, or keep the turn until one can. */
  whenDown: ['fail', 'defer'],
  /** When an answer broke off and cannot be continued: begin it again and announce which parts are void, or fail. */
  whenBroken: ['restart', 'fail'],
} as const;

/** The name of a policy in code; its header and its setting are derived from it. */
export type PolicyField = keyof typeof POLICY_WORDS;

/** What one turn does when something goes wrong. */
export type TurnPolicy = { readonly [Field in PolicyField]: (typeof POLICY_WORDS)[Field][number] };

/** The policy of a configuration or a key. Without `whenBroken`, the dialect of the request decides. */
export type PolicyDefaults = Omit<TurnPolicy, 'whenBroken'> & Partial<Pick<TurnPolicy, 'whenBroken'>>;
