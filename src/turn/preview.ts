import { type Assembled, assemble, type Budget, historyWindow } from '../context/assemble.ts';
import { itemsTokens } from '../context/tokens.ts';
import type { Candidate } from '../core/candidate.ts';
import { Fault } from '../core/errors.ts';
import { newTurnId } from '../core/ids.ts';
import { ownInstructions } from '../core/opening.ts';
import type { Caller } from '../core/request.ts';
import type { Ask } from '../core/turn.ts';
import { candidatesOf, choose } from '../routing/choose.ts';
import { budgetOf } from './answer/prompt.ts';
import type { TurnPath } from './path.ts';
import { recall } from './start/recall.ts';
import { contextWishOf } from './start/start.ts';

/** A request whose prompt is only looked at. Without a model, the limits of an unknown model apply. */
export type PreviewedAsk = Omit<Ask, 'model'> & { model: string | undefined };

/** The prompt that a request would have. */
export interface Preview {
  /** The first candidate; absent without a model. */
  candidate?: Candidate;
  budget: Budget;
  context: Assembled;
}

/**
 * The estimated tokens of the prompt for an ask, with the history, instructions and tools. Items that would be left
 * out are not counted. Writes nothing. Rejects if the ask cannot start; a history that is too large does not reject
 * and is counted.
 */
export async function countInput(ask: PreviewedAsk, caller: Caller, path: TurnPath): Promise<number> {
  const { budget, context } = await assembled(ask, caller, path);
  const { tokens, droppedTokens } = context;
  return budget.policy === 'full' ? tokens + droppedTokens : tokens;
}

/** The prompt for an ask. Writes nothing. Rejects if the ask cannot start, also where the history does not fit. */
export async function previewContext(ask: PreviewedAsk, caller: Caller, path: TurnPath): Promise<Preview> {
  const preview = await assembled(ask, caller, path);
  const { budget, context } = preview;
  if (budget.policy !== 'full' || context.droppedTokens === 0) return preview;
  const message = `The conversation has about ${context.tokens + context.droppedTokens} tokens with this request; the model has room for ${budget.context - budget.answer}.`;
  throw new Fault('context_length_exceeded', message);
}

/** Reads the session without a lease. A history that is refused for its length is cut here. */
async function assembled(ask: PreviewedAsk, caller: Caller, path: TurnPath): Promise<Preview> {
  const { tenant } = caller;
  const { model } = ask;
  const chosen = model === undefined ? undefined : choose({ ...ask, model }, caller, path);
  const candidate = chosen && candidatesOf(chosen)[0];
  const wish = contextWishOf(ask, caller.rules, chosen?.alias, path.settings);
  const budget = budgetOf(candidate ?? { protocol: ask.vocabulary }, ask, wish);
  const state = await path.sessions.stateOf(tenant, ask, false);
  const session = await path.sessions.locate(tenant, { state, input: ask.input }, false);
  const id = newTurnId(session, path.clock());
  const resumed = await path.sessions.resume({
    tenant,
    session,
    state,
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
  const recalled = await recall({ tenant, ask, session: resumed, budgets: [budget] }, path);
  const context = assemble({
    ...ask,
    branch,
    input,
    opening,
    recalled,
    ownInstructions: ownInstructions({ id, input, opening, parent }),
    budget: budget.policy === 'full' ? { ...budget, policy: 'truncate' } : budget,
    open: (seal) => path.seals.open(seal, tenant),
  });
  return { candidate, budget, context };
}
