import type { Assembled } from '../context/assemble.ts';
import { historyWindow } from '../context/token-budget.ts';
import { itemsTokens } from '../context/tokens.ts';
import type { Candidate } from '../core/candidate.ts';
import type { ContextPolicy } from '../core/context-policy.ts';
import { newTurnId } from '../core/ids.ts';
import type { ContextReceipt } from '../core/receipt.ts';
import type { Caller } from '../core/request.ts';
import type { Ask } from '../core/turn.ts';
import { candidatesOf, choose } from '../routing/choose.ts';
import { budgetOf, Contexts } from './answer/contexts.ts';
import type { TurnPath } from './path.ts';
import { recall } from './start/recall.ts';
import { contextWishOf } from './start/start.ts';

/** A request whose prompt is only looked at. */
export type PreviewedAsk = Omit<Ask, 'model'> & { model: string | undefined };

/** The prompt that a request would have. */
export interface Preview {
  /** The first candidate; absent without a model. */
  candidate?: Candidate;
  context: Assembled;
  receipt: ContextReceipt;
}

/**
 * The tokens of the prompt for an ask, with the history, instructions and tools: counted by the tokenizer of the
 * model, or estimated where none is known. Items that would be left out are not counted. Writes nothing. Rejects if
 * the ask cannot start; what is too large does not reject and is counted.
 */
export async function countInput(ask: PreviewedAsk, caller: Caller, path: TurnPath): Promise<number> {
  const { policy, receipt } = await previewed(ask, caller, path, true);
  return policy === 'full' ? receipt.tokens + receipt.droppedTokens : receipt.tokens;
}

/** The prompt for an ask. Writes nothing. Rejects if the ask cannot start, also where it does not fit. */
export function previewContext(ask: PreviewedAsk, caller: Caller, path: TurnPath): Promise<Preview> {
  return previewed(ask, caller, path);
}

/** Without a model, the limits of an unknown model apply. */
const noModel = ({ vocabulary }: PreviewedAsk): Candidate => ({
  provider: '',
  model: '',
  protocol: vocabulary,
});

/** Reads the session without a lease. A prompt that is only measured is not refused for its length. */
async function previewed(
  ask: PreviewedAsk,
  caller: Caller,
  path: TurnPath,
  isMeasured = false,
): Promise<Preview & { policy: ContextPolicy }> {
  const { tenant } = caller;
  const { model } = ask;
  const chosen = model === undefined ? undefined : choose({ ...ask, model }, caller, path);
  const candidate = chosen && candidatesOf(chosen)[0];
  const first = candidate ?? noModel(ask);
  const wish = contextWishOf(ask, caller.rules, chosen?.alias, path.settings);
  const budget = budgetOf(first, ask, wish, path.tokens.ratios.of(first));
  const state = await path.sessions.stateOf(tenant, ask, false);
  const session = await path.sessions.locate(tenant, { state, input: ask.input }, false);
  const id = newTurnId(session, path.clock());
  const window = historyWindow(budget);
  const resumed = await path.sessions.resume({
    tenant,
    session,
    state,
    turn: id,
    input: ask.input,
    instructions: ask.instructions,
    window,
    writes: false,
    whenBusy: 'fork',
    waitMs: 0,
    tokensOf: itemsTokens,
  });
  const { branch, input, opening, parent } = resumed;
  const { rules } = caller;
  const recalled = await recall({ tenant, rules, ask, session: resumed, budgets: [budget] }, path);
  const { seals, tokens } = path;
  const intent = { ...ask, id, tenant, createdAt: path.clock(), input, position: { opening, parent } };
  const contexts = new Contexts({ intent, branch, window, wish, isMeasured, recalled, seals, tokens });
  await contexts.countAll([first]);
  const { policy } = wish;
  return { policy, candidate, context: contexts.for(first), receipt: contexts.receipt(first) };
}
