import type { Candidate } from './candidate.ts';
import type { ContextPolicy } from './context-policy.ts';
import type { FailedCall } from './errors.ts';
import type { RouteReason, Strategy } from './routing.ts';

/** How a session used the items of a request; sent in the header `x-clawhold-history`. */
export type HistoryUse =
  /** The session had no turn before this one. */
  | 'started'
  /** The items were new; they follow the session's head. */
  | 'appended'
  /** The items began with the session's whole history; the rest was appended. */
  | 'matched'
  /** The items differ from the session's history from some point on; a new branch begins there. */
  | 'forked'
  /** The request is on a line beside the main one: it did not wait, and the session's head stays. */
  | 'side';

/** How a turn was answered: the candidate, its retries and its context. Known with the first delta. */
export interface Receipt {
  candidate: Pick<Candidate, 'provider' | 'model'>;
  /** Calls that failed before this one, over all candidates. */
  retries: number;
  history?: HistoryUse;
  /** The types of the tools that were left out, because the answering provider lacks them. */
  droppedTools?: readonly string[];
  /**
   * The ids of reasoning items of the request that the answering provider did not get: the seal could not be
   * opened, or the reasoning is of another provider.
   */
  droppedReasoning?: readonly string[];
  /** The settings that the answering provider did not get, because its API has none like them. */
  droppedSettings?: readonly string[];
  /** The answer is that of the alias's last resort. */
  isDegraded?: boolean;
  /** Why this candidate answers. */
  route?: {
    /** The alias that the request named, as its caller wrote it. */
    alias?: string;
    strategy: Strategy;
    /** `fallback`: an earlier candidate failed, or the conversation did not fit it. */
    reason: RouteReason | 'fallback';
  };
  /** The calls that failed, in order. */
  failed?: readonly FailedCall[];
  context?: ContextReceipt;
  /** Milliseconds from the arrival of the request to the first delta. */
  firstDeltaMs?: number;
  /** Estimated tokens of the prompt that the provider's prompt cache probably held. */
  expectedCacheRead?: number;
}

/** How a turn was answered, as it is stored with the turn, beside `answeredBy` and `isDegraded`. */
export type StoredReceipt = Omit<Receipt, 'candidate' | 'isDegraded'>;

/**
 * How the tokens of a prompt are known before its call: counted by the model's tokenizer; or estimated from its
 * characters, and corrected by what the model's provider has counted before.
 */
export type TokenCount = 'o200k' | 'cl100k' | 'calibration' | 'estimate';

/** What of a session is in the answering candidate's prompt. Counts of tokens are those that the model probably makes. */
export interface ContextReceipt {
  policy: ContextPolicy;
  /** Tokens that the candidate accepts, and those of them that are reserved for the answer. */
  limit: number;
  reserved: number;
  /** Tokens of the whole prompt. */
  tokens: number;
  /** Before the calls of this model corrected the estimate. Absent in turns of earlier versions, as `countedBy`. */
  estimated?: number;
  countedBy?: TokenCount;
  keptTurns: number;
  /** Tokens of history that are left out. */
  droppedTokens: number;
  /** The same before the estimate was corrected: equal cuts have equal numbers. Absent in turns of earlier versions. */
  cut?: number;
  /** Tokens of the parts of turns that are left out otherwise, and the ids of the items that they are from. */
  recalledTokens?: number;
  pinned?: readonly string[];
  retrieved?: readonly RetrievedItem[];
}

/** An item of which a part is in the prompt, because it was found for the request. */
export interface RetrievedItem {
  id: string;
  /** Comparable with the scores of the same receipt. */
  score: number;
}
