import { ERRORS, Fault } from '../core/errors.ts';
import { sessionOf, type TurnId } from '../core/ids.ts';
import type { Asked, Tenant, Turn } from '../core/turn.ts';
import type { Journal, Unfinished } from '../session/journal.ts';
import { playedTurn } from '../session/large-content.ts';
import type { BlobStore, SessionStore, TurnRow } from '../session/store.ts';
import { isTold, playTape } from '../session/tape.ts';
import { Cancelled, LiveTurn } from './live-turn.ts';
import type { RunningTurns } from './running-turns.ts';

/** How often a turn of another process is looked at, in milliseconds. */
const LOOK_EVERY = 100;

export interface FindParts {
  running: RunningTurns;
  store: SessionStore;
  blobs: BlobStore;
  journal: Journal;
}

/**
 * A turn by its id, wherever it is: running here, in the log, or running in another process. One that has
 * ended shows the same deltas as when it ran, to the sequence number.
 */
export async function findTurn(tenant: Tenant, id: TurnId, parts: FindParts): Promise<LiveTurn | undefined> {
  const live = parts.running.get(tenant, id);
  if (live) return live;
  const row = await parts.store.readTurn(tenant, id);
  if (row) return replay(row, parts);
  return elsewhere(tenant, id, parts);
}

/**
 * A turn that answers a request which is sent again: running, or ended with an outcome that would not be
 * another one now.
 */
export async function findAnswered(
  tenant: Tenant,
  target: string,
  parts: FindParts,
): Promise<LiveTurn | undefined> {
  const live = await findTurn(tenant, target as TurnId, parts);
  if (!live || live.signal.aborted) return undefined;
  if (live.state !== 'ended') return live;
  const { state, error, output } = await live.ended;
  // Whoever asks again has not cancelled it but lost its line, unless no line is needed to ask.
  const isLeft = state === 'cancelled' && !live.asked.echo?.background;
  const isPassing = error !== undefined && ERRORS[error.code].retryable && output.length === 0;
  return isLeft || isPassing ? undefined : live;
}

/** A stored turn, as if it had just ended. */
async function replay(row: TurnRow, { store, blobs }: FindParts): Promise<LiveTurn> {
  const [{ turn, tape }, session] = await Promise.all([
    playedTurn(row, blobs),
    store.findSession(row.tenant, { id: row.session }),
  ]);
  const shown = !row.deleted && turn.model !== undefined;
  const live = new LiveTurn({ asked: askedOf(turn), keep: true, shown, session });
  live.publish(playTape(tape, turn));
  end(live, turn);
  return live;
}

/** Without what came of it: the first events of a stream do not know that. */
function askedOf(turn: Turn): Asked {
  const { id, tenant, session, parent, createdAt, dialect, model, input, inputNatives } = turn;
  const { instructions, settings, echo, listed, metadata } = turn;
  const asked = { id, tenant, session, parent, createdAt, dialect, model, input, inputNatives };
  return { ...asked, instructions, settings, echo, listed, metadata };
}

function end(live: LiveTurn, turn: Turn): void {
  const { provider, servedModel, error, state } = turn;
  if (provider !== undefined) {
    const model = servedModel ?? turn.model ?? '';
    live.start({ candidate: { provider, model }, retries: 0 });
    live.end(turn);
  } else if (error) live.end(turn, new Fault(error.code, error.message));
  else live.end(turn, state === 'cancelled' ? new Cancelled('The turn was cancelled.') : undefined);
}

/** A turn that another process runs, followed through its journal. */
async function elsewhere(tenant: Tenant, id: TurnId, parts: FindParts): Promise<LiveTurn | undefined> {
  const found = await parts.journal.find(id);
  if (found?.intent.tenant !== tenant) {
    // It may have ended between the two looks.
    const row = await parts.store.readTurn(tenant, id);
    return row && replay(row, parts);
  }
  const { intent } = found;
  const session = await parts.store.findSession(tenant, { id: sessionOf(id) });
  const live = new LiveTurn({ asked: intent, keep: true, shown: !intent.plan?.hidden, session });
  show(live, found);
  void follow(live, parts).catch((error) => live.fail(error));
  return live;
}

/** The turn as the journal has it by now. */
function show(live: LiveTurn, { intent: { plan }, deltas }: Unfinished): void {
  const called = deltas.findLast((delta) => delta.type === 'attempt');
  if (called) live.start({ candidate: { provider: called.provider, model: called.model }, retries: 0 });
  // The journal does not tell whether it waits for a claw, or for the first word of one.
  else if (plan?.deferredUntil !== undefined) live.defer();
  else live.state = plan?.waitsFor ? 'queued' : 'running';
  live.publish(deltas.slice(live.log.length));
}

async function follow(live: LiveTurn, { journal, store, blobs }: FindParts): Promise<void> {
  const { id, tenant } = live.asked;
  for (;;) {
    await Bun.sleep(LOOK_EVERY);
    const found = await journal.find(id);
    if (found) {
      show(live, found);
      continue;
    }
    const row = await store.readTurn(tenant, id);
    if (!row) throw new Fault('stream_interrupted', 'The process that ran this turn is gone.');
    const { turn, tape } = await playedTurn(row, blobs);
    // What came after the last look is in the log alone.
    live.publish(playTape(tape, turn).slice(live.log.filter(isTold).length));
    return end(live, turn);
  }
}
