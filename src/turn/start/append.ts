import { Fault } from '../../core/errors.ts';
import { newTurnId, type TurnId } from '../../core/ids.ts';
import type { Item } from '../../core/items.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { Once, RequestIdentity } from '../../core/request.ts';
import { type AppendIntent, type Session, type Turn, turnOf } from '../../core/turn.ts';
import { hydratedTurn, offload } from '../../session/stored-turn.ts';
import type { TurnPath } from '../path.ts';
import { appendToLog } from '../record/commit.ts';
import { positionOf } from './start.ts';

/** Which items to add, and to which session. */
export interface AppendRequest {
  session: Session;
  items: Item[];
  /** Stored with the turn. */
  metadata?: Record<string, string>;
  identity?: RequestIdentity;
  /** The items with the content of stored items. Not called for a retry. */
  resolved?(): Promise<Item[]>;
}

/**
 * Adds items to a session without asking a model: a turn that has only input. Rejects with `session_busy`
 * where another process moved the session's head at the same moment; a retry appends the items to the new head.
 */
export function append(request: AppendRequest, path: TurnPath): Promise<Once<Turn>> {
  const { session, identity } = request;
  return path.idempotency.runOnce(identity, session.tenant, {
    find: async (target) => {
      const row = await path.log.readTurn(session.tenant, target as TurnId);
      return row && hydratedTurn(row, path.blobs);
    },
    run: async (claim) => {
      const items = request.resolved ? await request.resolved() : request.items;
      const createdAt = path.clock();
      const id = newTurnId(session.id, createdAt);
      await claim(id);
      return write(id, createdAt, { ...request, items }, path);
    },
  });
}

async function write(
  id: TurnId,
  createdAt: number,
  { session: { tenant, id: session }, items, metadata, identity }: AppendRequest,
  path: TurnPath,
): Promise<Turn> {
  await using held = new AsyncDisposableStack();
  const resumed = await path.sessions.resumeForAppend(tenant, session, items, path.settings.sessionWaitMs);
  const lease = resumed.kind === 'head' ? resumed.lease : undefined;
  if (lease) held.defer(() => lease.release());
  const intent: AppendIntent = {
    kind: 'append',
    id,
    tenant,
    session,
    createdAt,
    dialect: 'responses',
    input: resumed.input,
    ...(metadata && { metadata }),
    position: positionOf(id, resumed),
    fingerprint: identity?.fingerprint,
  };
  const outcome: Outcome = { state: 'completed', completedAt: createdAt, output: [], finish: [] };
  const stored = { ...intent, input: await offload(intent.input, intent, path.blobs) };
  const ended = { type: 'turn-ended', intent, outcome } as const;
  const { head } = await appendToLog(
    { intent: stored, outcome, deltas: [], token: lease?.token, events: [ended] },
    path,
  );
  lease?.committed();
  // The items are in the log, but on no branch.
  if (head !== 'moved') {
    throw new Fault('session_busy', 'Another process wrote to the conversation at the same moment.', {
      retryAfter: 1,
    });
  }
  return turnOf(intent, outcome);
}
