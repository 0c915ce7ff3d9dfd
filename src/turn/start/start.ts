import { itemsTokens } from '../../context/tokens.ts';
import type { Candidate } from '../../core/candidate.ts';
import type { Delta } from '../../core/delta.ts';
import { Fault } from '../../core/errors.ts';
import { isBackground, type PlacedIntent, type WaitingIntent } from '../../core/turn.ts';
import { choose } from '../../routing/choose.ts';
import type { Resumed } from '../../session/sessions.ts';
import type { LiveTurn } from '../live/live-turn.ts';
import type { TurnPath } from '../path.ts';

/** How a turn comes onto its path. */
export type Start =
  /** A caller waits. Until its intent is journaled, a failure is the caller's and is not recorded. */
  | { by: 'caller'; intent: WaitingIntent; candidates: readonly Candidate[]; live: LiveTurn }
  /** Journaled and acknowledged: the turn waits for its session and a slot as long as it takes. */
  | { by: 'queue'; intent: WaitingIntent; live: LiveTurn; leaveQueue(): void }
  /** A process that has died left the turn when its answer had come as far as `deltas`. */
  | {
      by: 'recovery';
      intent: PlacedIntent;
      /** The intent as it is journaled, with its large content offloaded. */
      stored: PlacedIntent;
      deltas: readonly Delta[];
      live: LiveTurn;
    };

/**
 * The candidates of a turn, in order. Those of a caller's turn are chosen when its request comes; a turn that
 * has waited is given the ones that can be called now.
 */
export function candidatesFor(start: Start, path: TurnPath): readonly Candidate[] {
  return start.by === 'caller' ? start.candidates : choose(start.intent, path.directory, path.capabilities);
}

/** The session as the turn finds it, with the right to write to it; `held` gives that right back. */
export async function resume(
  start: Start,
  window: number,
  held: AsyncDisposableStack,
  path: TurnPath,
): Promise<Resumed> {
  const { live, intent } = start;
  if (start.by === 'queue') held.defer(start.leaveQueue);
  const resuming =
    start.by === 'recovery'
      ? path.sessions.resumeTurn(start.intent, window)
      : path.sessions.resume({
          tenant: intent.tenant,
          session: intent.session,
          state: intent.state,
          input: intent.input,
          window,
          whenBusy: intent.policy.whenBusy,
          waitMs: start.by === 'caller' ? path.settings.sessionWaitMs : Number.POSITIVE_INFINITY,
          tokensOf: itemsTokens,
        });
  const session = await (start.by === 'caller' ? resuming : unlessStopped(live, resuming, release));
  if (session.kind !== 'head') return session;
  held.defer(() => release(session));
  session.lease.onLost(() => loseSession(start, path));
  return session;
}

/** Waits for a slot where the turn runs in the background; `held` frees it. */
export async function enterSlot(
  { live, intent }: Start,
  held: AsyncDisposableStack,
  path: TurnPath,
): Promise<void> {
  if (!isBackground(intent.delivery)) return;
  held.defer(await unlessStopped(live, path.slots.enter(), (leave) => leave()));
}

/** A turn that nobody waits for stays in the journal when the gateway stops: its successor runs it. */
export function isLeftToSuccessor(intent: WaitingIntent | PlacedIntent, failure: unknown): boolean {
  const isPatient = isBackground(intent.delivery) || intent.deferredUntil !== undefined;
  return isPatient && failure instanceof Fault && failure.code === 'shutting_down';
}

function release(session: Resumed): void {
  if (session.kind === 'head') session.lease.release();
}

function loseSession({ live, intent }: Start, { emit }: TurnPath): void {
  emit({ type: 'lease-lost', trace: intent });
  live.stop(new Fault('session_moved', 'Another process took over the session while this turn ran.'));
}

/** What is waited for, or the reason why the turn was stopped meanwhile; `undo` is given a value that comes too late. */
function unlessStopped<T>(live: LiveTurn, awaited: Promise<T>, undo: (value: T) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const { signal } = live;
    const stop = () => {
      reject(signal.reason);
      awaited.then(undo, () => {});
    };
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    awaited.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
