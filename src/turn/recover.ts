import { Fault } from '../core/errors.ts';
import { foldAll } from '../core/fold.ts';
import type { Unfinished } from '../session/journal.ts';
import { commit, type RecordParts } from './record.ts';
import { settle } from './settle.ts';

/**
 * Closes the turns that an earlier process left running: each becomes `incomplete` with everything that
 * was journaled. Returns how many there were.
 */
export async function recover(parts: RecordParts): Promise<number> {
  let closed = 0;
  for (const turn of await parts.journal.unfinished()) {
    const { tenant, id } = turn.intent;
    if (await parts.store.readTurn(tenant, id)) {
      parts.journal.end(id);
      continue;
    }
    if (await close(turn, parts)) closed++;
  }
  return closed;
}

/** False where the log cannot take the turn: it stays in the journal, and must not keep the gateway from starting. */
async function close({ intent, deltas }: Unfinished, parts: RecordParts): Promise<boolean> {
  const failure = new Fault('stream_interrupted', 'The gateway stopped while this turn was running.');
  const settled = settle({
    folded: foldAll(deltas),
    failure,
    cost: () => undefined,
    completedAt: parts.clock(),
  });
  try {
    await commit(intent, { ...settled, state: 'incomplete' }, parts);
    return true;
  } catch (error) {
    if (error instanceof Fault && error.code === 'context_lost') return false;
    throw error;
  }
}
