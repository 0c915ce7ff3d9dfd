import { Fault } from '../../core/errors.ts';
import { foldAll, isWhole } from '../../core/fold.ts';
import { isBackground, outlivesClient } from '../../core/turn.ts';
import { choose } from '../../routing/choose.ts';
import type { Inherited } from '../../session/journal.ts';
import type { LeaseStore } from '../../session/lease-store.ts';
import type { Members } from '../../session/members.ts';
import { hydratedIntent } from '../../session/stored-turn.ts';
import { LiveTurn } from '../live/live-turn.ts';
import type { TurnPath } from '../path.ts';
import { runTurn } from '../run.ts';
import { closeJournaled } from './close.ts';
import { gatewayStopped, type Start, unplaced } from './start.ts';

/** Milliseconds in which a client that waited for an answer may come back for it. */
const WORTH_RESCUING_MS = 60 * 60_000;

/** A turn does not continue after so many deaths of its processes, because it may be their cause. */
const MOST_DEATHS = 10;

/** What the recovery works with. */
export interface RecoveryParts {
  path: TurnPath;
  members: Members;
  leases: Pick<LeaseStore, 'leaseHolders' | 'releaseLeasesOf'>;
}

/** The number of turns that were taken over from dead processes. */
export interface Recovered {
  /** Turns that continue, or that only have to be recorded. */
  continued: number;
  /** Turns that were recorded with the answer that they had. */
  closed: number;
}

/** Turns that are looked up together: they share messages to the store, and other work comes between. */
const TOGETHER = 500;
/** Turns that go on together. */
const AT_ONCE = 50;

/**
 * Takes over the turns of dead processes. Resolves when every turn can be found by its id again, and has its place
 * among the turns of its session; the turns then continue in the background.
 */
export async function recover(parts: RecoveryParts): Promise<Recovered> {
  await releaseLeases(parts);
  const { path } = parts;
  let closed = 0;
  const continuations: Array<() => void> = [];
  const turns = await path.journal.inherit();
  try {
    for (let from = 0; from < turns.length; from += TOGETHER) {
      const taken = await Promise.all(turns.slice(from, from + TOGETHER).map((turn) => takeOver(turn, path)));
      // In the order of the turns: those of one session wait for each other.
      for (const one of taken) {
        if (one === 'closed') closed++;
        else if (one) continuations.push(begin(one, path));
      }
    }
  } finally {
    // Also where the store fails on the way: those that have begun hold their sessions.
    void inSteps(continuations);
  }
  return { continued: continuations.length, closed };
}

/** Calls a few at a time, so that thousands of turns do not keep requests from being handled. */
async function inSteps(calls: ReadonlyArray<() => void>): Promise<void> {
  for (let from = 0; from < calls.length; from += AT_ONCE) {
    for (const call of calls.slice(from, from + AT_ONCE)) call();
    await Bun.sleep(0);
  }
}

/** Releases what dead processes held. The store is asked, because a process may die while it takes over another one. */
async function releaseLeases({ members, leases }: RecoveryParts): Promise<void> {
  for (const holder of await leases.leaseHolders()) {
    if (!(await members.isAlive(holder))) await leases.releaseLeasesOf(holder);
  }
}

/** A turn that continues, and its answer as readers have seen it. */
interface Continued {
  start: Exclude<Start, { by: 'caller' }>;
  turn: Inherited;
}

/** `closed`: the turn was recorded now. Undefined if it was recorded before, or cannot be recorded. */
async function takeOver(turn: Inherited, path: TurnPath): Promise<Continued | 'closed' | undefined> {
  const { tenant, id } = turn.intent;
  if (await path.log.readTurn(tenant, id)) {
    path.journal.end(id);
    return undefined;
  }
  try {
    const failure = failureOf(turn, path);
    return failure === undefined
      ? await continueTurn(turn, path)
      : await closeUnfinished(turn, failure, path);
  } catch (error) {
    // The log cannot store the turn. It stays in the journal, and the gateway starts without it.
    if (isLost(error)) return undefined;
    throw error;
  }
}

const isLost = (error: unknown): boolean => error instanceof Fault && error.code === 'context_lost';

/**
 * Why the turn does not continue. Undefined for a turn whose answer is whole, which only has to be recorded.
 * Background and deferred turns always continue.
 */
function failureOf(turn: Inherited, { clock, settings }: TurnPath): Fault | undefined {
  const { intent, deltas, deaths, isCut } = turn;
  if (deaths >= MOST_DEATHS)
    return gatewayStopped(`The gateway died ${deaths} times while this turn was running.`);
  if (isWhole(foldAll(deltas), intent.settings.n ?? 1)) return undefined;
  // Readers may have seen text that is damaged now, and a continuation would not fit it.
  if (isCut) return gatewayStopped('What followed in the answer is damaged in the journal.');
  if (isBackground(intent.delivery) || intent.deferredUntil !== undefined) return undefined;
  // Its client disconnected when the process died.
  if (!outlivesClient(intent.retention)) return gatewayStopped();
  const isWorthIt = settings.recovery === 'rescue' && clock() - intent.createdAt < WORTH_RESCUING_MS;
  return isWorthIt ? undefined : gatewayStopped();
}

async function continueTurn(turn: Inherited, path: TurnPath): Promise<Continued | 'closed'> {
  try {
    choose(turn.intent, turn.intent, path);
  } catch (failure) {
    // No candidate of the turn can be called any more. The gateway starts nevertheless.
    return closeUnfinished(turn, failure, path);
  }
  try {
    return { start: await startOf(turn, path), turn };
  } catch (error) {
    // Content of the turn is missing for good, so it would never go on.
    if (isLost(error)) return closeUnfinished(turn, error, path);
    throw error;
  }
}

/**
 * Readers find the turn from now on, with all deltas that were published before. It takes its place in its session, and
 * goes on when the returned function is called.
 */
function begin({ start, turn: { intent, deltas } }: Continued, path: TurnPath): () => void {
  const { live } = start;
  live.publish(deltas);
  const { by } = foldAll(deltas);
  if (by) live.start({ candidate: by, retries: 0 });
  path.live.add(live, start.intent);
  if (intent.fingerprint) path.idempotency.remember(intent.tenant, intent.fingerprint, intent.id);
  const continues = Promise.withResolvers<void>();
  void runTurn({ ...start, continues: continues.promise }, path);
  return continues.resolve;
}

async function startOf({ intent, deltas }: Inherited, path: TurnPath): Promise<Continued['start']> {
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
  { intent, deltas }: Inherited,
  failure: unknown,
  path: TurnPath,
): Promise<'closed'> {
  const stored = intent.kind === 'waiting' ? unplaced(intent) : intent;
  await closeJournaled({ intent: stored, deltas, failure }, path);
  return 'closed';
}
