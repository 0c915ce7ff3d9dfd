import type { Call } from './calls.ts';
import type { Question } from './question.ts';

/**
 * What happened to a turn whose client was waiting during a kill. `whole`: the log or the journal had it whole.
 * `rescued`: its partial answer was continued. `rerun`: it had no output and was run again. `begun`: no provider
 * was called for it before the kill. `closed`: it was ended as incomplete, with the partial answer.
 */
export type Fate = 'whole' | 'rescued' | 'rerun' | 'begun' | 'closed';

export function fateOf(question: Question, calls: readonly Call[], killedAt: number): Fate {
  if (question.end !== 'completed') return 'closed';
  const callsAfterKill = calls.filter(({ at }) => at >= killedAt);
  if (callsAfterKill.length === 0) return 'whole';
  if (callsAfterKill.length === calls.length) return 'begun';
  return callsAfterKill.some(({ context }) => context.length > question.context.length) ? 'rescued' : 'rerun';
}
