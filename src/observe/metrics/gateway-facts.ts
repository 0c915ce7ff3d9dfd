import type { Candidate } from '../../core/candidate.ts';

/** What the gateway holds at this moment, read by gauges and alerts. Every reader is cheap and never throws. */
export interface GatewayFacts {
  version: string;
  /** Turns that run in this process. */
  running(): number;
  /** The age in milliseconds of the oldest turn that runs and does not wait for anything. 0: none. */
  oldestTurnMs(): number;
  /** What waits: turns for their session, turns of the background for a slot. */
  queues(): { session: number; background: number };
  /** Calls of claws that run or wait. */
  calls(): number;
  /** Leases of sessions. */
  leases(): number;
  /** Background turns that run or wait. */
  background(): number;
  /** Turns that hold a share of their callers' limits. */
  holds(): number;
  /** The candidates whose breaker is not closed. */
  broken(): readonly { candidate: Candidate; state: 'open' | 'half-open' }[];
  /** Bytes of the file system of the data folder; absent where nothing is written to disk. */
  disk(): { free: number; size: number } | undefined;
  /** Bytes of the database, and of the journal of this folder. */
  files(): { database: number; journal: number } | undefined;
}
