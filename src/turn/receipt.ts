import type { Candidate } from '../routing/candidate.ts';
import type { HistoryUse } from '../session/history.ts';

/** Why a turn went as it did; known with its first delta. */
export interface Receipt {
  candidate: Pick<Candidate, 'provider' | 'model'>;
  /** Calls that failed before this one, over all candidates. */
  retries: number;
  history?: HistoryUse;
  /** Estimated tokens of the prompt, and of the history that did not fit. */
  context?: { tokens: number; keptTurns: number; droppedTokens: number };
}
