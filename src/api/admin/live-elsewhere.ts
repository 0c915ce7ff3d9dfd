import type { ErrorCode } from '../../core/error-catalogue.ts';
import type { TurnId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';
import type { TurnView } from '../../core/turn-view.ts';
import type { Follower } from './live-events.ts';
import type { LastMinute } from './watch.ts';

/** A turn that has not ended. */
export interface RunningTurnFacts {
  turn: TurnId;
  tenant: Tenant;
  session: TurnView['asked']['session'];
  key: string;
  user?: string;
  /** As its caller named it. */
  model: string;
  createdAt: number;
  ageMs: number;
  /** `waiting`: for its session or for a slot. `deferred`: for a claw that can be reached. */
  state: 'waiting' | 'deferred' | 'calling' | 'answering';
  /** Why it is deferred. */
  code?: ErrorCode;
  /** The candidate that answers, as `provider/model`. */
  answering?: string;
  isKept: boolean;
}

/** What happens at this moment in one process. */
export interface LiveFacts {
  running(): RunningTurnFacts[];
  lastMinute(): LastMinute;
  /** Calls `follower` with every event from now on, until the returned function is called. */
  follow(follower: Follower): () => void;
}

/**
 * The other processes of this gateway. One that does not answer soon is left out, so that operators see the others
 * while one is stuck.
 */
export interface LiveElsewhere {
  running(): Promise<RunningTurnFacts[]>;
  lastMinute(): Promise<LastMinute[]>;
  /**
   * Calls `follower` with the events of the other processes, soon after they happen, until the returned function is
   * called. Processes that nobody follows tell nothing.
   */
  follow(follower: Follower): () => void;
  /** Lets the other processes ask for what happens in this one. */
  answer(facts: LiveFacts): void;
}
