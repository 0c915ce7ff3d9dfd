import type { Delta } from '../../core/delta.ts';
import { faultOf } from '../../core/errors.ts';
import type { GatewayEvent } from '../../core/events.ts';
import { foldAll } from '../../core/fold.ts';
import type { Outcome } from '../../core/outcome.ts';
import { type PlacedIntent, turnOf } from '../../core/turn.ts';
import { offloadedIntent } from '../../session/stored-turn.ts';
import type { TurnPath } from '../path.ts';
import { appendToLog } from '../record/commit.ts';
import { priceOf, settle } from '../record/settle.ts';
import { isLeftToSuccessor, type Start, unplaced } from './start.ts';

/**
 * Ends a turn whose answer could not start. A caller's turn is refused and not recorded; a turn that was
 * acknowledged before is recorded with the failure as its outcome. Never rejects.
 */
export async function close(start: Start, failure: unknown, path: TurnPath): Promise<void> {
  const { live } = start;
  if (start.by === 'caller') {
    path.emit({ type: 'turn-refused', intent: start.intent, failure, timeline: live.timeline });
    return live.refuse(failure);
  }
  if (isLeftToSuccessor(start.intent, failure)) return live.fail(faultOf(failure));
  try {
    const isRecovered = start.by === 'recovery';
    const intent = isRecovered ? start.intent : unplaced(start.intent);
    const stored = isRecovered ? start.stored : await offloadedIntent(intent, path.blobs);
    const deltas = isRecovered ? start.deltas : [];
    const outcome = await closeJournaled({ intent: stored, deltas, failure }, path);
    live.end(turnOf(intent, outcome), isRecovered ? undefined : failure);
  } catch (error) {
    live.fail(faultOf(error));
  }
}

/** A journaled turn that does not run, or does not continue. */
export interface Closing {
  /** With its large content offloaded. */
  intent: PlacedIntent;
  /** The answer so far. */
  deltas: readonly Delta[];
  /** Why it ends here: a `Fault` or a `Cancelled`. */
  failure: unknown;
}

/** Records a turn with its answer so far. */
export async function closeJournaled({ intent, deltas, failure }: Closing, path: TurnPath): Promise<Outcome> {
  const { branchTokens, inputTokens } = intent.position;
  const outcome = settle({
    turn: intent.id,
    folded: foldAll(deltas),
    failure,
    price: priceOf(path.directory),
    askedTier: intent.settings.service_tier,
    promptTokens: () => branchTokens + inputTokens,
    completedAt: path.clock(),
  });
  const ended: GatewayEvent = { type: 'turn-ended', intent, outcome, failure };
  await appendToLog({ intent, outcome, deltas, events: [ended] }, path);
  path.emit(ended);
  return outcome;
}
