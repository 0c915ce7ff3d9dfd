import type { RunningTurnFacts } from './turns.ts';
import type { LastMinute } from './watch.ts';

/** What happens at this moment in one process. */
export interface LiveFacts {
  running(): RunningTurnFacts[];
  lastMinute(): LastMinute;
}

/**
 * The other processes of this gateway. One that does not answer soon is left out, so that operators see the others
 * while one is stuck.
 */
export interface LiveElsewhere {
  running(): Promise<RunningTurnFacts[]>;
  lastMinute(): Promise<LastMinute[]>;
  /** Lets the other processes ask for what happens in this one. */
  answer(facts: LiveFacts): void;
}
