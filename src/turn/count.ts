import { assemble, historyWindow } from '../context/assemble.ts';
import { itemsTokens } from '../context/tokens.ts';
import { newTurnId } from '../core/ids.ts';
import type { Caller } from '../core/request.ts';
import type { Ask } from '../core/turn.ts';
import { ownInstructions } from '../core/turn.ts';
import { choose } from '../routing/choose.ts';
import { budgetOf, type Limits } from './answer/prompt.ts';
import type { TurnPath } from './path.ts';

/** A request whose prompt is counted. Without a model, the limits of an unknown model apply. */
export type CountedAsk = Omit<Ask, 'model'> & { model: string | undefined };

/**
 * The estimated tokens of the prompt for an ask, with the history, instructions and tools. Items that
 * truncation would leave out are not counted. Reads the session without a lease, and writes nothing. Rejects if
 * the ask cannot start; a history that is too large does not reject and is counted.
 */
export async function countInput(ask: CountedAsk, caller: Caller, path: TurnPath): Promise<number> {
  const { tenant } = caller;
  const budget = { ...budgetOf(limitsOf(ask, caller, path), ask), overflow: 'truncate' } as const;
  const session = await path.sessions.locate(tenant, ask, false);
  const id = newTurnId(session, path.clock());
  const resumed = await path.sessions.resume({
    tenant,
    session,
    state: ask.state,
    turn: id,
    input: ask.input,
    instructions: ask.instructions,
    window: historyWindow(budget),
    writes: false,
    whenBusy: 'fork',
    waitMs: 0,
    tokensOf: itemsTokens,
  });
  const { branch, input, opening, parent } = resumed;
  const own = ownInstructions({ id, input, opening, parent });
  const { tokens, droppedTokens } = assemble({
    ...ask,
    branch,
    input,
    opening,
    ownInstructions: own,
    budget,
    open: (seal) => path.seals.open(seal, tenant),
  });
  return ask.overflow === 'truncate' ? tokens : tokens + droppedTokens;
}

/** The limits of the first candidate. */
function limitsOf({ model, ...ask }: CountedAsk, caller: Caller, path: TurnPath): Limits {
  if (model === undefined) return { protocol: ask.vocabulary };
  const { groups } = choose({ ...ask, model }, caller, path);
  return groups[0]!.members[0]!.candidate;
}
