import { slimIntent } from '../session/large-content.ts';
import type { Resumed } from '../session/sessions.ts';
import { close } from './close.ts';
import { execute, isLeftToSuccessor, prepare, resume } from './execute.ts';
import { waitingIntent } from './intent.ts';
import { LiveTurn } from './live-turn.ts';
import type { TurnPath, Wanted } from './path.ts';
import { toFault } from './settle.ts';

/** A turn that is accepted and journaled, and has not come to its session. */
export interface Queued extends Wanted {
  live: LiveTurn;
  /** Frees its place among the accepted. */
  done(): void;
}

/** Accepts a turn that runs later, as its session and its place among others allow. */
export async function enqueue(wanted: Wanted, path: TurnPath): Promise<LiveTurn> {
  const { ask, caller, accepted } = wanted;
  const session = await path.sessions.expect(caller.tenant, ask.state);
  const done = path.background.accept();
  try {
    const intent = waitingIntent(ask, caller, accepted);
    path.journal.begin(await slimIntent(intent, path.blobs));
    const live = new LiveTurn({ asked: intent, keep: true, shown: ask.shown, session, queued: true });
    path.running.add(live);
    void runQueued({ ...wanted, live, done }, path);
    return live;
  } catch (error) {
    done();
    throw error;
  }
}

/** Waits for the session, then for a place, and runs. Never throws: whatever happens becomes the turn's outcome. */
export async function runQueued(queued: Queued, path: TurnPath): Promise<void> {
  const { live, done } = queued;
  let leave: (() => void) | undefined;
  try {
    const resumed = await unlessStopped(live, resume(queued, Number.POSITIVE_INFINITY, path), giveUp);
    try {
      leave = await unlessStopped(live, path.background.enter(), (late) => late());
      const work = { ...(await prepare(queued, resumed, path)), live };
      live.session = resumed.session;
      live.state = 'running';
      await execute(work, path);
    } finally {
      giveUp(resumed);
    }
  } catch (error) {
    await closeUnstarted(queued, error, path).catch((failure) => live.fail(toFault(failure)));
  } finally {
    leave?.();
    done();
  }
}

/** The turn could not come to its session, or was stopped on the way. */
async function closeUnstarted({ live, ...wanted }: Queued, failure: unknown, path: TurnPath): Promise<void> {
  const intent = waitingIntent(wanted.ask, wanted.caller, wanted.accepted);
  if (isLeftToSuccessor(intent, failure)) throw failure;
  const slim = await slimIntent(intent, path.blobs);
  const outcome = await close({ slim, deltas: [], failure }, path);
  live.end({ ...intent, ...outcome }, failure);
}

/** No effect on a lease that has been released. */
const giveUp = ({ lease }: Resumed): void => lease?.release(false);

/** What is waited for, or the reason why the turn was stopped meanwhile; `late` undoes what comes after that. */
function unlessStopped<T>(live: LiveTurn, wanted: Promise<T>, late: (value: T) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const { signal } = live;
    const stop = () => {
      reject(signal.reason);
      wanted.then(late, () => {});
    };
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    wanted.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
