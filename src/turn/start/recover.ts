import { Fault } from '../../core/errors.ts';
import { foldAll, isWhole } from '../../core/fold.ts';
import { isBackground, outlivesClient } from '../../core/turn.ts';
import { choose } from '../../routing/choose.ts';
import type { Unfinished } from '../../session/journal.ts';
import type { LeaseStore } from '../../session/lease-store.ts';
import type { Members } from '../../session/members.ts';
import { hydratedIntent } from '../../session/stored-turn.ts';
import { LiveTurn } from '../live/live-turn.ts';
import type { TurnPath } from '../path.ts';
import { runTurn } from '../run.ts';
import { closeJournaled } from './close.ts';
import { gatewayStopped, type Start, unplaced } from './start.ts';

/** A client that waits for an answer comes back soon, or not at all. Milliseconds. */
const WORTH_RESCUING_MS = 60 * 60_000;

/** What the recovery works with. */
export interface RecoveryParts {
  path: TurnPath;
  members: Members;
  leases: Pick<LeaseStore, 'leaseHolders' | 'releaseLeasesOf'>;
}

/**
 * Takes over what processes that have died left running. Resolves when every turn can be found by its id
 * again; from there the turns go on by themselves. Returns how many there were.
 */
export async function recover(parts: RecoveryParts): Promise<number> {
  await releaseLeases(parts);
  const { path } = parts;
  let recovered = 0;
  for (const turn of await path.journal.inherit()) if (await takeOver(turn, path)) recovered++;
  return recovered;
}

/** Releases what dead processes held. The store is asked, because a process may die while it takes over another one. */
async function releaseLeases({ members, leases }: RecoveryParts): Promise<void> {
  for (const holder of await leases.leaseHolders()) {
    if (!(await members.isAlive(holder))) await leases.releaseLeasesOf(holder);
  }
}

/** False where there was nothing to do, or nothing could be done. */
async function takeOver(turn: Unfinished, path: TurnPath): Promise<boolean> {
  const { tenant, id } = turn.intent;
  if (await path.log.readTurn(tenant, id)) {
    path.journal.end(id);
    return false;
  }
  try {
    if (runsOn(turn, path)) await goOn(turn, path);
    else await closeUnfinished(turn, gatewayStopped(), path);
    return true;
  } catch (error) {
    // The log cannot take the turn: it stays in the journal, and must not keep the gateway from starting.
    if (error instanceof Fault && error.code === 'context_lost') return false;
    throw error;
  }
}

/** A turn that nobody waits for can wait; one whose answer has come whole needs only to be recorded. */
function runsOn({ intent, deltas }: Unfinished, { clock, settings }: TurnPath): boolean {
  if (isBackground(intent.delivery) || intent.deferredUntil !== undefined) return true;
  if (isWhole(foldAll(deltas), intent.settings.n ?? 1)) return true;
  // Its client disconnected when the process died.
  if (!outlivesClient(intent.retention)) return false;
  return settings.recovery === 'rescue' && clock() - intent.createdAt < WORTH_RESCUING_MS;
}

/** Lets the turn go on. Readers find it from now on, with everything that they have seen of it. */
async function goOn(turn: Unfinished, path: TurnPath): Promise<void> {
  const { tenant, id, fingerprint } = turn.intent;
  try {
    choose(turn.intent, path.directory, path.capabilities);
  } catch (failure) {
    // The claw that was asked cannot be called here any more; that must not keep the gateway from starting.
    return closeUnfinished(turn, failure, path);
  }
  const start = await startOf(turn, path);
  const { live } = start;
  live.publish(turn.deltas);
  const { by } = foldAll(turn.deltas);
  if (by) live.start({ candidate: by, retries: 0 });
  path.live.add(live);
  if (fingerprint) path.idempotency.remember(tenant, fingerprint, id);
  void runTurn(start, path);
}

async function startOf({ intent, deltas }: Unfinished, path: TurnPath): Promise<Start> {
  const { tenant, session } = intent;
  const record = await path.log.findSession(tenant, { id: session });
  if (intent.kind === 'waiting') {
    const hydrated = await hydratedIntent(intent, path.blobs);
    const live = new LiveTurn(hydrated, record);
    return { by: 'queue', intent: hydrated, live, leaveQueue: path.slots.readmit() };
  }
  const hydrated = await hydratedIntent(intent, path.blobs);
  const live = new LiveTurn(hydrated, record);
  live.run(hydrated, record);
  return { by: 'recovery', intent: hydrated, stored: intent, deltas: [...deltas], live };
}

async function closeUnfinished(
  { intent, deltas }: Unfinished,
  failure: unknown,
  path: TurnPath,
): Promise<void> {
  const stored = intent.kind === 'waiting' ? unplaced(intent) : intent;
  await closeJournaled({ intent: stored, deltas, failure }, path);
}
