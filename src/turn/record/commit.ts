import { itemsTokens } from '../../context/tokens.ts';
import type { Delta } from '../../core/delta.ts';
import { Fault, faultOf } from '../../core/errors.ts';
import type { GatewayEvent } from '../../core/events.ts';
import type { Outcome } from '../../core/outcome.ts';
import {
  type AppendIntent,
  isBackground,
  isFetchable,
  isKept,
  isStreamed,
  type PlacedIntent,
  turnOf,
} from '../../core/turn.ts';
import { digestItems } from '../../session/history.ts';
import { encodeBody, offload } from '../../session/stored-turn.ts';
import { recordTape } from '../../session/tape.ts';
import type { TurnRow } from '../../session/turn-log.ts';
import type { RunningTurn, TurnPath } from '../path.ts';
import { settleTurn } from './settle.ts';

/**
 * Records the outcome of a turn, which survives a crash of the machine once this resolves. Rejects where the
 * store fails, and with `session_moved` where the answer is stored but another turn has taken its position in
 * the session.
 */
export async function commit(
  turn: RunningTurn,
  outcome: Outcome,
  failure: unknown,
  path: TurnPath,
): Promise<void> {
  const { intent, live } = turn;
  const { timeline } = live;
  timeline.end('answer');
  const ended: GatewayEvent = { type: 'turn-ended', intent, outcome, failure, timeline };
  if (isKept(intent.retention)) await commitKept(turn, outcome, ended, path);
  timeline.end('commit');
  path.emit(ended);
}

async function commitKept(
  { intent, stored, live, session }: RunningTurn,
  outcome: Outcome,
  ended: GatewayEvent,
  path: TurnPath,
): Promise<void> {
  const lease = session.kind === 'head' ? session.lease : undefined;
  const recording = { intent: stored, outcome, deltas: live.log, token: lease?.token, events: [ended] };
  const committed = await appendToLog(recording, path);
  lease?.committed();
  const { head, isOffloaded, tokens, totalTokens, digest } = committed;
  // If the session was deleted meanwhile, it has no branch on which the turn is missing.
  if (
    head === 'lost' &&
    !lease?.isYielded &&
    (await path.log.findSession(intent.tenant, { id: intent.session }))
  )
    throw new StoredBeside();
  // A branch stays in memory for the next turn, unless large content would stay with it.
  if (head === 'moved' && !isOffloaded && stored.input === intent.input) {
    path.sessions.advance(session, {
      turn: turnOf(stored, outcome),
      tokens,
      totalTokens,
      digest,
      hidden: [],
    });
  }
}

/** The turn is stored, but another turn has taken its position in the session. */
class StoredBeside extends Fault {
  constructor() {
    super('session_moved', 'Another process took over the session while this turn ran.');
  }
}

/** A turn to be written to the log. */
export interface Recording {
  /** With its large content offloaded. */
  intent: PlacedIntent | AppendIntent;
  outcome: Outcome;
  /** Everything that readers have seen. */
  deltas: readonly Delta[];
  /** Of the session's lease under which the turn ran. */
  token?: number;
  events: readonly GatewayEvent[];
}

/** A turn that is in the log. */
interface Logged extends Pick<TurnRow, 'tokens' | 'totalTokens' | 'digest'> {
  /**
   * `moved`: the session's head is this turn. `lost`: it should be, but another turn took the position, or the
   * session is gone. `kept`: the turn does not move the head.
   */
  head: 'moved' | 'lost' | 'kept';
  /** Large content of the output was offloaded. */
  isOffloaded: boolean;
}

/**
 * Writes a turn to the log and ends its journal entry. A turn of which readers have seen no output is stored
 * beside the branch: later turns do not follow it.
 */
export async function appendToLog(
  { intent, outcome, deltas, token, events }: Recording,
  { log, journal, blobs }: Pick<TurnPath, 'log' | 'journal' | 'blobs'>,
): Promise<Logged> {
  const output = await offload(outcome.output, intent, blobs);
  const tape = cameWhole(intent, outcome)
    ? undefined
    : await offload(recordTape(deltas, outcome), intent, blobs);
  const wasSeen = outcome.output.length > 0 || outcome.state === 'completed' || deltas.some(isDiscarding);
  const { moveHead, line = 0, lineChange } = intent.position;
  const body = encodeBody(intent, { ...outcome, output }, tape);
  const row = rowOf(intent, outcome, body, wasSeen ? line : null);
  const move = wasSeen ? moveHead : undefined;
  const change = wasSeen ? lineChange : undefined;
  const isCompleted = intent.kind === 'placed' && outcome.state === 'completed';
  const values = isCompleted ? intent.values : undefined;
  const isMoved = await log.commitTurn(row, { move, line: change, token, values, events });
  journal.end(intent.id);
  const { tokens, totalTokens, digest } = row;
  const head = move === undefined ? 'kept' : isMoved ? 'moved' : 'lost';
  return { head, isOffloaded: output !== outcome.output, tokens, totalTokens, digest };
}

/** A rescue that makes earlier output void: readers have seen that output. */
const isDiscarding = (delta: Delta): boolean => delta.type === 'attempt' && Boolean(delta.discard?.length);

/** An answer that was not streamed needs no tape: a replay gives its items one after another. */
function cameWhole(intent: PlacedIntent | AppendIntent, { attempts }: Outcome): boolean {
  if (intent.kind === 'append') return true;
  return !isStreamed(intent.delivery) && !isBackground(intent.delivery) && !attempts;
}

function rowOf(
  intent: PlacedIntent | AppendIntent,
  outcome: Outcome,
  body: string,
  line: number | null,
): TurnRow {
  const { id, tenant, session, createdAt, dialect, fingerprint } = intent;
  const { parent, branchTokens, inputTokens, digest } = intent.position;
  // Estimated, also where the provider says what it wrote: a sum has only numbers of one kind.
  const tokens = inputTokens + itemsTokens(outcome.output);
  const { model, metadata, retention } =
    intent.kind === 'placed'
      ? intent
      : { model: '', metadata: intent.metadata ?? {}, retention: 'stored' as const };
  return {
    tenant,
    session,
    id,
    parent,
    createdAt,
    state: outcome.state,
    dialect,
    listed: retention === 'listed',
    model,
    tokens,
    totalTokens: branchTokens + tokens,
    digest: digestItems(digest, outcome.output),
    line,
    metadata,
    hidden: [],
    deleted: !isFetchable(retention),
    fingerprint,
    ...(line !== null && isFoundByHistory(intent) && { isFoundByHistory: true as const }),
    body,
  };
}

const isFoundByHistory = (intent: PlacedIntent | AppendIntent): boolean =>
  intent.kind === 'placed' && intent.state.kind === 'session' && intent.state.recognised === true;

/** Milliseconds between two tries to record a turn; the pause doubles. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * The outcome of a turn could not be recorded. Its readers get the failure. The turn is recorded as failed, with
 * its output, as soon as the store accepts it: otherwise it would seem to run for ever.
 */
export function commitLater(turn: RunningTurn, error: unknown, path: TurnPath): void {
  const { intent, live } = turn;
  const fault = faultOf(error);
  path.emit({ type: 'turn-lost', intent, failure: error, timeline: live.timeline });
  live.fail(fault);
  if (isKept(intent.retention) && !(error instanceof StoredBeside)) void commitAgain(turn, fault, path);
}

async function commitAgain(turn: RunningTurn, failure: unknown, path: TurnPath): Promise<void> {
  const { stored, live } = turn;
  for (let pause = FIRST_PAUSE_MS; !path.live.isClosed; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    await Bun.sleep(pause);
    try {
      const outcome = settleTurn(turn, failure, path);
      const ended: GatewayEvent = { type: 'turn-ended', intent: turn.intent, outcome, failure };
      await appendToLog({ intent: stored, outcome, deltas: live.log, events: [ended] }, path);
      return;
    } catch (error) {
      // The next try may succeed; otherwise the process that takes over the journal records the turn.
      path.emit({ type: 'store-failed', during: 'recording a turn', failure: error });
    }
  }
}
