import type { Finish } from './delta.ts';
import type { ErrorCode } from './error-catalogue.ts';
import type { TurnError } from './errors.ts';
import type { Item } from './items.ts';
import type { StoredReceipt } from './receipt.ts';
import type { NanoDollars, Usage } from './usage.ts';

/** The state of a turn, running or ended. */
export type TurnState = 'queued' | 'running' | Outcome['state'];

/** The provider that answered. */
export interface AnsweredBy {
  provider: string;
  /** The wire protocol of the call: the form of `outputNatives` and `extra`. */
  protocol: string;
  /** The model as the provider named it. Where the provider named none, the model that was asked for. */
  model: string;
  /** The model's name in the call, where the provider named it otherwise. */
  calledModel?: string;
  /** `Candidate.instance`. */
  instance?: string;
  /** The provider's id of the answer. */
  id?: string;
}

/** How a turn ended. */
type Ending =
  | { state: 'completed' | 'cancelled'; error?: undefined }
  /** Cut by a limit or a content filter (`finish` says which), or because the gateway stopped (`error`). */
  | { state: 'incomplete'; error?: TurnError }
  | { state: 'failed'; error: TurnError };

/** How a turn ended, and its results. */
export type Outcome = Ending & {
  /** Milliseconds since the epoch. */
  completedAt: number;
  /** Absent when no claw gave a delta. */
  answeredBy?: AnsweredBy;
  output: Item[];
  /** What belongs to an output item for its own provider, by index. */
  outputNatives?: Record<number, unknown>;
  /** The provider's own ids of calls that have another id here, by index. */
  callIds?: Record<number, string>;
  /** Further choices of a request with `n` > 1; not part of the session's context. */
  alternates?: Item[][];
  /** The answer is that of the alias's last resort. */
  isDegraded?: true;
  /** Absent when no claw gave a delta, and for turns of earlier versions. */
  receipt?: StoredReceipt;
  finish: Finish[];
  usage?: Usage;
  /** By our prices. Absent when the model has no known price. */
  cost?: NanoDollars;
  /** The cost is not exact: see `Attempt.costEstimated`. */
  costEstimated?: true;
  /**
   * All calls that gave a part of the answer; `usage` and `cost` are their sums. Absent if one whole call made
   * the answer and the provider reports no cost.
   */
  attempts?: Attempt[];
  /** Fields of the provider's envelope that have no canonical form. */
  extra?: Record<string, unknown>;
  /** Where the turn comes from, if no model was asked for it here. It costs nothing again. */
  origin?: Origin;
};

/** Where a copied or imported turn comes from. */
export interface Origin {
  /** `import`: from a file; `fork`: a copy of a turn; `edit`: a copy with a changed item. */
  kind: 'import' | 'fork' | 'edit';
  /** The turn that was copied, or the conversation or message of the file, as it is named there. */
  from?: string;
  /** The form of the file. */
  form?: string;
}

/** One of several calls that made an answer. */
export interface Attempt {
  provider: string;
  /** The model's name at the provider. */
  model: string;
  usage: Usage;
  /** The provider did not report usage: tokens are estimated from what was sent and received. */
  estimated?: true;
  /** By our prices; the provider's own number is in `usage.reportedCost`. */
  cost?: NanoDollars;
  /** The tokens are estimated, or the price of the service tier that answered is not known. */
  costEstimated?: true;
  /** Why the call broke off; absent for the call that ended normally. */
  error?: ErrorCode;
}

/** Whether the turn's answer broke off: the turn failed, was cancelled, or ended when the gateway stopped. */
export const isBroken = ({ state, error }: Pick<Outcome, 'state' | 'error'>): boolean =>
  state === 'cancelled' || error !== undefined;
