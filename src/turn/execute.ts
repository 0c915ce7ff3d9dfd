import { assemble, historyWindow } from '../context/assemble.ts';
import { Fault } from '../core/errors.ts';
import { emptyFold } from '../core/fold.ts';
import type { Intent, Outcome } from '../core/turn.ts';
import { slimIntent } from '../session/large-content.ts';
import type { Lease } from '../session/lease.ts';
import type { Resumed } from '../session/sessions.ts';
import { answer } from './answer.ts';
import { intentOf, nativesOf } from './intent.ts';
import type { LiveTurn } from './live-turn.ts';
import type { TurnPath, Wanted, Work } from './path.ts';
import { budgetOf } from './prompt.ts';
import { type Committed, commit } from './record.ts';
import { settle, toFault } from './settle.ts';

/** The session as the turn finds it, with the right to write to it. */
export function resume(
  { ask, caller, accepted, candidates }: Wanted,
  waitMs: number,
  path: TurnPath,
): Promise<Resumed> {
  return path.sessions.resume({
    tenant: caller.tenant,
    session: accepted.session,
    state: ask.state,
    items: ask.items,
    window: historyWindow(budgetOf(candidates[0]!, ask)),
    whenBusy: ask.policy.whenBusy,
    waitMs,
  });
}

/** Assembles the context and writes down what is about to be done. */
export async function prepare(
  { ask, caller, accepted, candidates }: Wanted,
  resumed: Resumed,
  path: TurnPath,
): Promise<Omit<Work, 'live'>> {
  const budget = budgetOf(candidates[0]!, ask);
  const context = assemble({ ...ask, ...resumed, inputNatives: nativesOf(ask, resumed), budget });
  const intent = intentOf(ask, caller, accepted, resumed);
  const slim = ask.keep ? await slimIntent(intent, path.blobs) : intent;
  if (ask.keep) path.journal.begin(slim);
  return { ask, candidates, resumed, context, intent, slim, folded: emptyFold() };
}

/** Answers and records. Everything that ends with the turn ends here. */
export async function execute(work: Work, path: TurnPath): Promise<void> {
  const { live, intent, folded, resumed } = work;
  stopWhenLost(resumed.lease, live);
  const requestId = intent.plan?.requestId;
  let givenBack = false;
  try {
    const failure = await answer(work, path);
    if (isLeftToSuccessor(intent, failure)) return live.fail(toFault(failure));
    const outcome = outcomeOf(work, failure, path);
    if (live.keep) {
      const committed = await record(work, outcome, path);
      givenBack = true;
      await settleAtHead(work, outcome, committed, path);
    }
    path.emit({ intent, requestId, outcome, failure });
    live.end({ ...intent, ...outcome }, folded.by ? undefined : failure);
  } catch (error) {
    path.emit({ intent, requestId, failure: error });
    live.fail(toFault(error));
    if (live.keep && !givenBack) void offerAgain(work, toFault(error), path);
  } finally {
    resumed.lease?.release(givenBack);
  }
}

/** Milliseconds between two offers of a turn that the store did not take; the pause doubles. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;

/**
 * A turn that the store could not take is offered to it until it does, so that it does not seem to run on for
 * ever. Its readers have been told that it failed; what it has said is kept.
 */
async function offerAgain(work: Work, failure: Fault, path: TurnPath): Promise<void> {
  for (let pause = FIRST_PAUSE; !path.running.isClosed; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    await Bun.sleep(pause);
    try {
      await record(work, outcomeOf(work, failure, path), path);
      return;
    } catch {
      // The next time, or by whoever takes over the journal.
    }
  }
}

function record({ slim, live, resumed, intent }: Work, outcome: Outcome, path: TurnPath): Promise<Committed> {
  const { fingerprint } = intent.plan!;
  return commit({ slim, outcome, deltas: live.log, token: resumed.lease?.token, fingerprint }, path);
}

/** A turn that nobody waits for stays in the journal when the gateway stops: its successor runs it. */
export function isLeftToSuccessor({ plan }: Intent, failure: unknown): boolean {
  const isPatient = plan?.background || plan?.deferredUntil !== undefined;
  return isPatient === true && failure instanceof Fault && failure.code === 'shutting_down';
}

function stopWhenLost(lease: Lease | undefined, live: LiveTurn): void {
  if (lease) lease.onLost = () => live.stop(moved());
}

const moved = (): Fault =>
  new Fault('session_moved', 'Another process took over the session while this turn ran.');

function outcomeOf({ intent, folded, context }: Work, failure: unknown, path: TurnPath): Outcome {
  return settle({
    turn: intent.id,
    folded,
    failure,
    price: ({ provider, model }) => path.directory.limits(provider, model).price,
    promptTokens: context.tokens,
    completedAt: path.clock(),
  });
}

/** Keeps the branch for the session's next turn, unless large content would have to be kept with it. */
async function settleAtHead(
  { resumed, slim, intent }: Work,
  outcome: Outcome,
  committed: Committed,
  path: TurnPath,
): Promise<void> {
  const { isHead, isCrowdedOut, isSlim, tokens, totalTokens, digest } = committed;
  // Where the session was deleted meanwhile, there is nothing that the turn could be missing from.
  if (isCrowdedOut && (await path.store.findSession(intent.tenant, { id: intent.session }))) throw moved();
  if (!isHead || isSlim || slim.input !== intent.input) return;
  path.sessions.advance(resumed, { turn: { ...slim, ...outcome }, tokens, totalTokens, digest, hidden: [] });
}
