import type { SessionId, TurnId } from '../core/ids.ts';
import type { Item } from '../core/items.ts';
import type { TurnPolicy } from '../core/policy.ts';
import type { HistoryUse } from '../core/receipt.ts';
import type { Tenant } from '../core/request.ts';
import type { BranchPosition, BranchTurn, Notes, Session, StateRef } from '../core/turn.ts';
import type { Lease } from './leases.ts';
import type { QueuedAsk } from './next-request.ts';

/** What a turn that is about to run needs of its session. */
export interface ResumeRequest {
  tenant: Tenant;
  /** The session, as `locate` found it. */
  session: SessionId;
  state: StateRef;
  /** The id of the turn. */
  turn: TurnId;
  input: Item[];
  instructions?: string;
  /** How many tokens of history the turn can use (`context/assemble.ts`). */
  window: number;
  /** Whether the turn is kept. One that is not kept reads the session, makes none and takes no lease. */
  writes: boolean;
  whenBusy: TurnPolicy['whenBusy'];
  /** Milliseconds to wait for the session while other turns write to it; `Infinity` for a queued turn. */
  waitMs: number;
  /** Absent where no answer is asked for. */
  asks?: QueuedAsk;
  /** Estimates the tokens of a turn that is not stored. */
  tokensOf(items: readonly Item[]): number;
}

/** What a turn continues, and what it adds. */
export interface Found extends Notes {
  /** The new turn's session. */
  id: SessionId;
  /** The session's record; absent for a chain of responses that no caller has named. */
  session: Session | undefined;
  parent: TurnId | null;
  /** The part of the parent's branch that the window reaches, and its root; empty where there is no parent. */
  branch: BranchTurn[];
  /** What the turn adds, with its tool pairs repaired. */
  input: Item[];
  /** The number of the turn's line. */
  line: number;
  lineChange?: BranchPosition['lineChange'];
  history?: HistoryUse;
}

/** A session as a turn finds it. */
export type Resumed =
  /** No history, no record. */
  | ({ kind: 'stateless' } & Found)
  /** The turn follows an older turn, or a chain without a record, or could not wait: the head does not move. */
  | ({ kind: 'beside' } & Found)
  /** The turn is on a side line. `leave` lets the next turn of this line begin. */
  | ({ kind: 'side'; leave(): void } & Found)
  /** The turn follows the head, with the right to move it from `from`. `branch` reaches back `window` tokens. */
  | ({ kind: 'head'; lease: Lease; from: TurnId | null; window: number } & Found & { session: Session });
