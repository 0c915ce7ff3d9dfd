import { Fault } from '../core/errors.ts';
import { newTurnId, type TurnId } from '../core/ids.ts';
import type { Item } from '../core/items.ts';
import type { Intent, Outcome, Session, Tenant, Turn } from '../core/turn.ts';
import { slimIntent, wholeTurn } from '../session/large-content.ts';
import type { RequestIdentity } from './ask.ts';
import type { TurnPath } from './path.ts';
import { commit } from './record.ts';
import type { Once } from './repeats.ts';
import { standingOf } from './standing.ts';

/**
 * Adds items to a session without asking a model: a turn that has input alone. Rejects with `session_busy`
 * where the session's head was moved meanwhile by another process; sent again, the items follow the new head.
 */
export function append(
  tenant: Tenant,
  session: Session,
  items: Item[],
  path: TurnPath,
  identity?: RequestIdentity,
): Promise<Once<Turn>> {
  return path.repeats.once(identity, tenant, {
    find: async (target) => {
      const row = await path.store.readTurn(tenant, target as TurnId);
      return row && wholeTurn(row, path.blobs);
    },
    make: async (claim) => {
      const createdAt = path.clock();
      const id = newTurnId(session.id, createdAt);
      await claim(id);
      return write({ id, createdAt, fingerprint: identity?.fingerprint }, session, items, path);
    },
  });
}

interface Writing {
  id: TurnId;
  createdAt: number;
  fingerprint?: string;
}

async function write(
  { id, createdAt, fingerprint }: Writing,
  { tenant, id: session }: Session,
  items: Item[],
  path: TurnPath,
): Promise<Turn> {
  const resumed = await path.sessions.resumeForAppend(tenant, session, items, path.patience.sessionMs);
  let givenBack = false;
  try {
    const intent: Intent = {
      id,
      tenant,
      session,
      parent: resumed.parent,
      createdAt,
      dialect: 'responses',
      input: resumed.input,
      settings: {},
      metadata: {},
      standing: standingOf(resumed),
    };
    const outcome: Outcome = { state: 'completed', completedAt: createdAt, output: [], finish: [] };
    const slim = await slimIntent(intent, path.blobs);
    const { isHead } = await commit(
      { slim, outcome, deltas: [], token: resumed.lease?.token, fingerprint },
      path,
    );
    givenBack = true;
    // Another process moved the head, or the session is gone: the items are in the log, but nobody would see them.
    if (!isHead) {
      throw new Fault('session_busy', 'Somebody else wrote to the conversation at the same moment.', {
        retryAfter: 1,
      });
    }
    return { ...intent, ...outcome };
  } finally {
    resumed.lease?.release(givenBack);
  }
}
