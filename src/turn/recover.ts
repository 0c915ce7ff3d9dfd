import { assemble, historyWindow } from '../context/assemble.ts';
import { Fault } from '../core/errors.ts';
import { foldAll } from '../core/fold.ts';
import type { Intent, Plan } from '../core/turn.ts';
import type { Candidate } from '../routing/candidate.ts';
import type { Unfinished } from '../session/journal.ts';
import { wholeIntent } from '../session/large-content.ts';
import type { Resumed } from '../session/sessions.ts';
import type { Ask } from './ask.ts';
import { close } from './close.ts';
import { execute } from './execute.ts';
import { askOf } from './intent.ts';
import { LiveTurn } from './live-turn.ts';
import type { TurnPath } from './path.ts';
import { budgetOf } from './prompt.ts';
import { runQueued } from './queued.ts';
import { isWhole } from './rescue.ts';
import { candidatesFor } from './run.ts';
import { toFault } from './settle.ts';

/** Milliseconds. */
const WORTH_RESCUING = 60 * 60_000;

/** What becomes of a turn that was answering a client when its process died. */
export type Recovery = 'rescue' | 'close';

/**
 * Takes over what processes that have died left running. Resolves when every turn can be found by its id
 * again; from there they go on by themselves. Returns how many there were.
 */
export async function recover(path: TurnPath, recovery: Recovery): Promise<number> {
  await freeSessions(path);
  const turns = await path.journal.inherit();
  let recovered = 0;
  for (const turn of turns) if (await takeOver(turn, recovery, path)) recovered++;
  return recovered;
}

/** Gives back what dead processes held; asked of the store, because one may die while it takes over another. */
async function freeSessions({ store, journal }: TurnPath): Promise<void> {
  for (const holder of await store.leaseHolders()) {
    if (!(await journal.isAlive(holder))) await store.releaseLeasesOf(holder);
  }
}

/** False where there was nothing to do, or nothing could be done. */
async function takeOver(turn: Unfinished, recovery: Recovery, path: TurnPath): Promise<boolean> {
  const { tenant, id, plan } = turn.intent;
  if (await path.store.readTurn(tenant, id)) {
    path.journal.end(id);
    return false;
  }
  try {
    if (plan && runsOn(turn, plan, recovery, path)) await goOn(turn, plan, path);
    else await close({ slim: turn.intent, deltas: turn.deltas, failure: stopped() }, path);
    return true;
  } catch (error) {
    // The log cannot take it: it stays in the journal, and must not keep the gateway from starting.
    if (error instanceof Fault && error.code === 'context_lost') return false;
    throw error;
  }
}

/**
 * Whoever waits for an answer comes back soon, or not at all; a turn that nobody waits for can wait. One whose
 * answer has come whole needs only to be recorded.
 */
function runsOn(
  { intent, deltas }: Unfinished,
  plan: Plan,
  recovery: Recovery,
  { clock }: TurnPath,
): boolean {
  if (plan.background || plan.deferredUntil !== undefined) return true;
  if (isWhole(foldAll(deltas), intent.settings.n ?? 1)) return true;
  return recovery === 'rescue' && clock() - intent.createdAt < WORTH_RESCUING;
}

/** Lets the turn run on. Its readers find it from now on, with everything that they have seen of it. */
async function goOn({ intent: slim, deltas }: Unfinished, plan: Plan, path: TurnPath): Promise<void> {
  const intent = await wholeIntent(slim, path.blobs);
  const { tenant, id, session, createdAt } = intent;
  const { ask, caller } = askOf(intent, plan);
  let candidates: readonly Candidate[];
  try {
    candidates = candidatesFor(ask, path);
  } catch (failure) {
    // Whoever it was asked of cannot be called here any more; that must not keep the gateway from starting.
    await close({ slim, deltas, failure }, path);
    return;
  }
  const live = new LiveTurn({
    asked: intent,
    keep: true,
    shown: ask.shown,
    session: await path.store.findSession(tenant, { id: session }),
    queued: plan.waitsFor !== undefined,
  });
  live.publish(deltas);
  const { by } = foldAll(deltas);
  if (by) live.start({ candidate: by, retries: 0 });
  path.running.add(live);
  const { deferredUntil, fingerprint } = plan;
  const accepted = { id, session, createdAt, deferredUntil, fingerprint };
  if (fingerprint) path.repeats.recall(tenant, fingerprint, id);
  if (plan.waitsFor)
    void runQueued({ ask, caller, accepted, candidates, live, done: path.background.readmit() }, path);
  else void runOn({ intent, slim, plan, ask, candidates, live }, path);
}

interface Interrupted {
  intent: Intent;
  slim: Intent;
  plan: Plan;
  ask: Ask;
  candidates: readonly Candidate[];
  live: LiveTurn;
}

/** Goes on where the journal ends. Never throws: whatever happens becomes the turn's outcome. */
async function runOn(
  { intent, slim, plan, ask, candidates, live }: Interrupted,
  path: TurnPath,
): Promise<void> {
  const deltas = [...live.log];
  const budget = budgetOf(candidates[0]!, ask);
  let leave: (() => void) | undefined;
  let resumed: Resumed | undefined;
  try {
    resumed = await path.sessions.resumeTurn(intent, historyWindow(budget));
    if (plan.background) leave = await path.background.enter();
    const context = assemble({ ...ask, ...resumed, inputNatives: intent.inputNatives, budget });
    // Where the session has gone on without it, the turn stands beside the branch.
    const standing = { ...intent.standing, moveHead: resumed.moveHead };
    await execute(
      {
        ask,
        candidates,
        resumed,
        context,
        intent: { ...intent, standing },
        slim: { ...slim, standing },
        live,
        folded: foldAll(deltas),
        brokenBy: stopped(),
      },
      path,
    );
  } catch (error) {
    await close({ slim, deltas, failure: error }, path).then(
      (outcome) => live.end({ ...intent, ...outcome }),
      (failure) => live.fail(toFault(failure)),
    );
  } finally {
    resumed?.lease?.release(false);
    leave?.();
  }
}

const stopped = (): Fault => new Fault('gateway_stopped', 'The gateway stopped while this turn was running.');
