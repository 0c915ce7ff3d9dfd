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
  const left = await parts.journal.unfinished();
  for (const turn of left) await close(turn, parts);
  return left.length;
}

async function close({ intent, deltas }: Unfinished, parts: RecordParts): Promise<void> {
  const failure = new Fault('stream_interrupted', 'The gateway stopped while this turn was running.');
  const settled = settle({
    folded: foldAll(deltas),
    failure,
    cost: () => undefined,
    completedAt: parts.clock(),
  });
  await commit(intent, { ...settled, state: 'incomplete' }, parts);
}
