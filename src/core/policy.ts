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
  /** Where a model lacks a tool of the request: leave the tool out, or let another model answer. */
  dropTools: [true, false],
} as const;

/** The name of a policy in code; its header and its setting are derived from it. */
export type PolicyField = keyof typeof POLICY_WORDS;

type Words = { readonly [Field in PolicyField]: (typeof POLICY_WORDS)[Field][number] };

/** What one turn does when something goes wrong. Without `dropTools`, no tool is left out. */
export type TurnPolicy = Omit<Words, 'dropTools'> & Partial<Pick<Words, 'dropTools'>>;

/** The policy of a configuration or a key. Without `whenBroken`, the dialect of the request decides. */
export type PolicyDefaults = Omit<TurnPolicy, 'whenBroken'> & Partial<Pick<TurnPolicy, 'whenBroken'>>;
