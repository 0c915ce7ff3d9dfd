import { itemsTokens } from '../context/tokens.ts';
import { newTurnId } from '../core/ids.ts';
import type { Item } from '../core/items.ts';
import type { Intent, Outcome, Session, Tenant, Turn } from '../core/turn.ts';
import { digestItems, EMPTY_DIGEST } from '../session/digest.ts';
import { slimIntent } from '../session/large-content.ts';
import { commit } from './record.ts';
import type { TurnPath } from './run.ts';

/** Adds items to a session without asking a model: a turn that has input alone. */
export async function append(tenant: Tenant, session: Session, items: Item[], path: TurnPath): Promise<Turn> {
  const resumed = await path.sessions.resumeForAppend(tenant, { id: session.id }, items);
  try {
    const now = path.clock();
    const tip = resumed.branch.at(-1);
    const intent: Intent = {
      id: newTurnId(session.id, now),
      tenant,
      session: session.id,
      parent: resumed.parent,
      createdAt: now,
      dialect: 'responses',
      input: resumed.input,
      settings: {},
      metadata: {},
      standing: {
        branchTokens: tip?.totalTokens ?? 0,
        inputTokens: itemsTokens(resumed.input),
        digest: digestItems(tip?.digest ?? EMPTY_DIGEST, resumed.input),
        moveHead: resumed.moveHead,
      },
    };
    const outcome: Outcome = { state: 'completed', completedAt: now, output: [], finish: [] };
    await commit(await slimIntent(intent, path.blobs), outcome, path);
    return { ...intent, ...outcome };
  } finally {
    resumed.lease?.release();
  }
}
