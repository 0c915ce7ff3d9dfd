import { historyRoom } from '../../context/token-budget.ts';
import { isKept } from '../../core/turn.ts';
import type { Reach } from '../answer/contexts.ts';
import type { RunningTurn, TurnPath } from '../path.ts';

/** The share of the history that every candidate gets, from which on a session's past is made ahead of its need. */
const AHEAD = 0.5;

/**
 * Lets the past of a session be made in the background when its turn is committed, so that the turn that outgrows its
 * smallest candidate need not wait. Only for the main lines of sessions that have a record: the vectors of others could
 * not be erased with them.
 */
export function indexAhead(
  { intent, session, live }: RunningTurn,
  { budgets }: Reach,
  { indexer }: Pick<TurnPath, 'indexer'>,
): void {
  const policy = budgets[0]?.policy;
  if (policy !== 'auto' && policy !== 'retrieve') return;
  // A turn without output is beside its branch.
  if (session.kind !== 'head' || !isKept(intent.retention) || live.log.length === 0) return;
  const { branchTokens, inputTokens } = intent.position;
  const history = branchTokens + inputTokens;
  const room = Math.min(...budgets.map((budget) => historyRoom(history, 0, budget).room));
  if (history < AHEAD * room) return;
  const { tenant, session: id, rules } = intent;
  indexer.note({ tenant, session: id, tip: intent.id, edits: session.session.edits, rules });
}
