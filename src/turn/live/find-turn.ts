import { ERRORS } from '../../core/error-catalogue.ts';
import { Fault } from '../../core/errors.ts';
import { sessionOf, type TurnId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';
import type { AnsweredTurn } from '../../core/turn.ts';
import { Cancelled } from '../../core/turn-view.ts';
import type { Unfinished } from '../../session/journal.ts';
import { hydratedTape } from '../../session/stored-turn.ts';
import { isOnTape } from '../../session/tape/format.ts';
import { playTape } from '../../session/tape.ts';
import type { TurnRow } from '../../session/turn-log.ts';
import type { TurnPath } from '../path.ts';
import { LiveTurn } from './live-turn.ts';

/** How often a turn of another process is read, in milliseconds. */
const READ_EVERY_MS = 100;

type FindParts = Pick<TurnPath, 'live' | 'log' | 'blobs' | 'feed'>;

/**
 * A turn that asked a model, by its id, wherever it is: running here, in the log, or running in another process.
 * An ended turn shows the same deltas as when it ran, with the same sequence numbers.
 */
export async function findTurn(tenant: Tenant, id: TurnId, parts: FindParts): Promise<LiveTurn | undefined> {
  return (await findHere(tenant, id, parts)) ?? findElsewhere(tenant, id, parts);
}

/** The same, unless another process runs it. */
async function findHere(tenant: Tenant, id: TurnId, parts: FindParts): Promise<LiveTurn | undefined> {
  const live = parts.live.get(tenant, id);
  if (live) return live;
  const row = await parts.log.readTurn(tenant, id);
  return row && replay(row, parts);
}

/**
 * The turn that an earlier request created, as the answer to a retry of that request: running, or ended with an
 * outcome that a new run would not change. Without `elsewhere`, a turn that another process runs does not count.
 */
export async function findAnswer(
  tenant: Tenant,
  id: TurnId,
  parts: FindParts,
  elsewhere: boolean,
): Promise<LiveTurn | undefined> {
  const live = await (elsewhere ? findTurn : findHere)(tenant, id, parts);
  if (!live || live.signal.aborted) return undefined;
  if (live.state !== 'ended') return live;
  const { state, error, output } = await live.ended;
  // A retry of a cancelled foreground turn means that the client had disconnected: run it again.
  const isLeft = state === 'cancelled' && !live.asked.echo?.background;
  const mayPass = error !== undefined && ERRORS[error.code].retryable && output.length === 0;
  return isLeft || mayPass ? undefined : live;
}

/** A stored turn, as if it had just ended. */
async function replay(row: TurnRow, { live: turns, log, blobs }: FindParts): Promise<LiveTurn | undefined> {
  const [{ turn, tape }, session] = await Promise.all([
    hydratedTape(row, blobs),
    log.findSession(row.tenant, { id: row.session }),
  ]);
  if (turn.kind === 'append') return undefined;
  const played = turns.logOf(turn.id, () => playTape(tape, turn));
  const live = new LiveTurn(withoutOutcome(turn), session, played);
  end(live, turn);
  return live;
}

/** The first events of a stream are written before the outcome is known. */
function withoutOutcome(turn: AnsweredTurn) {
  const { state, error, completedAt, answeredBy, output, outputNatives, callIds, alternates, ...rest } = turn;
  const { finish, usage, cost, attempts, extra, isDegraded, receipt, ...asked } = rest;
  return asked;
}

function end(live: LiveTurn, turn: AnsweredTurn): void {
  const { answeredBy, error, state, isDegraded, receipt } = turn;
  if (answeredBy) {
    live.start({ retries: 0, ...receipt, candidate: answeredBy, isDegraded });
    live.end(turn);
  } else if (error) live.end(turn, new Fault(error.code, error.message, error));
  else live.end(turn, state === 'cancelled' ? new Cancelled('The turn was cancelled.') : undefined);
}

/** A turn that another process runs, followed through the feed. */
async function findElsewhere(tenant: Tenant, id: TurnId, parts: FindParts): Promise<LiveTurn | undefined> {
  const found = await parts.feed.find(id);
  if (found?.intent.tenant !== tenant) {
    // The turn may have ended between the two reads.
    const row = await parts.log.readTurn(tenant, id);
    return row && replay(row, parts);
  }
  const { intent } = found;
  const session = await parts.log.findSession(tenant, { id: sessionOf(id) });
  const live = new LiveTurn(intent, session);
  show(live, found);
  void follow(live, parts).catch((error) => live.fail(error));
  return live;
}

/** Brings `live` up to date with the feed. */
function show(live: LiveTurn, { intent, deltas }: Unfinished): void {
  const called = deltas.findLast((delta) => delta.type === 'attempt');
  if (called) live.start({ candidate: { provider: called.provider, model: called.model }, retries: 0 });
  // The feed does not say whether the turn waits for a claw, or for the first delta of one.
  else if (intent.deferredUntil !== undefined) live.defer();
  else if (intent.kind === 'placed') live.run(intent, live.session);
  live.publish(deltas.slice(live.log.length));
}

async function follow(live: LiveTurn, { feed, log, blobs }: FindParts): Promise<void> {
  const { id, tenant } = live.asked;
  for (;;) {
    await Bun.sleep(READ_EVERY_MS);
    const found = await feed.find(id);
    if (found) {
      show(live, found);
      continue;
    }
    const row = await log.readTurn(tenant, id);
    if (!row) throw new Fault('stream_interrupted', 'The process that ran this turn has ended.');
    const { turn, tape } = await hydratedTape(row, blobs);
    if (turn.kind === 'append') throw new TypeError(`Turn ${id} asked no model.`);
    // Deltas that came after the last read are in the log alone.
    live.publish(playTape(tape, turn).slice(live.log.filter(isOnTape).length));
    return end(live, turn);
  }
}
