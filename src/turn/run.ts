import { faultOf } from '../core/errors.ts';
import { newSessionId, newTurnId, type SessionId, type TurnId } from '../core/ids.ts';
import type { Caller, Once, RequestIdentity } from '../core/request.ts';
import {
  type Ask,
  type Asked,
  askedOf,
  isBackground,
  isKept,
  outlivesClient,
  turnOf,
  type WaitingIntent,
} from '../core/turn.ts';
import { choose } from '../routing/choose.ts';
import { answer } from './answer/answer.ts';
import { largestWindow } from './answer/prompt.ts';
import { findAnswer } from './live/find-turn.ts';
import { LiveTurn } from './live/live-turn.ts';
import type { RunningTurn, TurnPath } from './path.ts';
import { commit, commitLater } from './record/commit.ts';
import { settleTurn } from './record/settle.ts';
import { close } from './start/close.ts';
import { enqueue } from './start/queue.ts';
import {
  assembleTurn,
  candidatesFor,
  enterSlot,
  isLeftToSuccessor,
  journalIntent,
  resume,
  type Start,
} from './start/start.ts';

/** A request for a turn. */
export interface TurnRequest {
  ask: Ask;
  caller: Caller;
  identity?: RequestIdentity;
}

/**
 * Starts a turn, or finds the turn that an earlier request with the same identity started. Resolves when the
 * turn's intent is journaled; from there the turn runs to its one outcome, whether or not anybody reads it.
 * Rejects with what kept it from starting; nothing is recorded then.
 */
export function createTurn(request: TurnRequest, path: TurnPath): Promise<Once<LiveTurn>> {
  const { tenant } = request.caller;
  return path.idempotency.runOnce(request.identity, tenant, {
    find: (target) => findAnswer(tenant, target as TurnId, path),
    run: async (claim) => {
      // Refuses a model that cannot be called before a session is created for the turn.
      const candidates = choose(request.ask, path.directory, path.capabilities);
      const intent = await accept(request, path);
      await claim(intent.id);
      const start: Start = isBackground(intent.delivery)
        ? await enqueue(intent, path)
        : { by: 'caller', intent, candidates, live: new LiveTurn(intent) };
      void runTurn(start, path);
      await start.live.accepted;
      return start.live;
    },
  });
}

/**
 * The path of a turn, for every turn that asks a model: a caller's, a queued one, one that a dead process left.
 * Never rejects: what happens becomes the turn's outcome, or the failure of its start.
 */
export async function runTurn(start: Start, path: TurnPath): Promise<void> {
  const { live } = start;
  let turn: RunningTurn | undefined;
  // Owns the session's lease and the turn's slot: both are released when the turn has ended, however it ends.
  await using held = new AsyncDisposableStack();
  try {
    const window = largestWindow(candidatesFor(start, path), start.intent);
    const session = await resume(start, window, held, path);
    await enterSlot(start, held, path);
    const assembled = assembleTurn(start, session, window, candidatesFor(start, path));
    turn = await journalIntent(start, assembled, path);
    const failure = await answer(turn, path);
    if (isLeftToSuccessor(turn.intent, failure)) return live.fail(faultOf(failure));
    const outcome = settleTurn(turn, failure, path);
    await commit(turn, outcome, failure, path);
    live.end(turnOf(turn.intent, outcome), turn.folded.by ? undefined : failure);
  } catch (error) {
    if (turn) commitLater(turn, error, path);
    else await close(start, error, path);
  }
}

/** Gives the turn its id, and with it its session. */
async function accept({ ask, caller, identity }: TurnRequest, path: TurnPath): Promise<WaitingIntent> {
  const located = path.sessions.locate(caller.tenant, ask, isKept(ask.retention));
  const session = typeof located === 'string' ? located : await located;
  const createdAt = path.clock();
  const isDeferrable = outlivesClient(ask.retention) && ask.policy.whenDown === 'defer';
  const deferredUntil = isDeferrable ? createdAt + path.settings.deferMs : undefined;
  return {
    ...waitingIntent(ask, caller, session, createdAt),
    deferredUntil,
    fingerprint: identity?.fingerprint,
  };
}

/** Throws what `createTurn` would refuse; otherwise the turn as it would begin. It does not run. */
export async function checkTurn(ask: Ask, caller: Caller, path: TurnPath): Promise<Asked> {
  choose(ask, path.directory, path.capabilities);
  if (ask.state.kind === 'response') await path.sessions.expect(caller.tenant, ask.state);
  const now = path.clock();
  return askedOf(waitingIntent(ask, caller, newSessionId(now), now));
}

function waitingIntent(ask: Ask, caller: Caller, session: SessionId, createdAt: number): WaitingIntent {
  const { tenant, key, requestId } = caller;
  const id = newTurnId(session, createdAt);
  return { ...ask, kind: 'waiting', id, tenant, session, createdAt, key, requestId };
}
