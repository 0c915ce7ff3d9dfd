import { Fault } from '../core/errors.ts';
import { newTurnId } from '../core/ids.ts';
import type { Item } from '../core/items.ts';
import type { Intent, Outcome, Session, Tenant, Turn } from '../core/turn.ts';
import { slimIntent } from '../session/large-content.ts';
import { commit } from './record.ts';
import type { TurnPath } from './run.ts';
import { standingOf } from './standing.ts';

/**
 * Adds items to a session without asking a model: a turn that has input alone. Rejects with `session_busy`
 * where the session's head was moved meanwhile by another process; sent again, the items follow the new head.
 */
export async function append(tenant: Tenant, session: Session, items: Item[], path: TurnPath): Promise<Turn> {
  const resumed = await path.sessions.resumeForAppend(tenant, { id: session.id }, items);
  try {
    const now = path.clock();
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
      standing: standingOf(resumed),
    };
    const outcome: Outcome = { state: 'completed', completedAt: now, output: [], finish: [] };
    const { isHead } = await commit(await slimIntent(intent, path.blobs), outcome, path);
    // Another process moved the head, or the session is gone: the items are in the log, but nobody would see them.
    if (!isHead) {
      throw new Fault('session_busy', 'Somebody else wrote to the conversation at the same moment.', {
        retryAfter: 1,
      });
    }
    return { ...intent, ...outcome };
  } finally {
    resumed.lease?.release();
  }
}
