import type { Call } from './calls.ts';
import type { Question } from './question.ts';

/**
 * What became of a turn whose client lived through a kill: it was whole in the log or the journal; what had
 * come of it was gone on with; nothing had come and it was run again; it was begun for the first time after
 * the kill; or it was closed, openly, with what had come.
 */
export type Fate = 'whole' | 'rescued' | 'rerun' | 'begun' | 'closed';

export function fateOf(
  question: Question,
  calls: readonly Call[],
  createdAt: number,
  killedAt: number,
): Fate {
  if (question.end !== 'completed') return 'closed';
  if (createdAt >= killedAt) return 'begun';
  const since = calls.filter(({ at }) => at >= killedAt);
  if (since.length === 0) return 'whole';
  return since.some(({ context }) => context.length > question.context.length) ? 'rescued' : 'rerun';
}
