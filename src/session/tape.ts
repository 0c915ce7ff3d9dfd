import type { Delta } from '../core/delta.ts';
import { emptyFold, type Folded, fold, foldAll } from '../core/fold.ts';
import type { Item } from '../core/items.ts';
import type { Outcome } from '../core/turn.ts';
import type { Tape } from './tape/entries.ts';
import { choicesOf, outputDeltas } from './tape/output-deltas.ts';
import { Player } from './tape/player.ts';
import { Recorder, shown } from './tape/recorder.ts';

export { isTold, type Tape } from './tape/entries.ts';

/**
 * The tape of `deltas`, which are all that were published, and of the outcome they were settled to; `undefined`
 * where the output, played item by item, gives the same events.
 */
export function recordTape(deltas: readonly Delta[], outcome: Outcome): Tape | undefined {
  try {
    const tape = record(deltas, outcome);
    const plain = record(outputDeltas(outcome), outcome);
    return unnamed(tape) === unnamed(plain) ? undefined : tape;
  } catch {
    // Deltas that break their promises are no reason to lose a turn.
    return undefined;
  }
}

/** The deltas to render, in order. A tape that does not fit its outcome is taken for none. */
export function playTape(tape: Tape | undefined, outcome: Outcome): Delta[] {
  if (tape === undefined) return outputDeltas(outcome);
  try {
    const player = new Player(outcome);
    for (const entry of tape) player.play(entry);
    const told = keptItems(foldAll(player.deltas), outcome).filter(Boolean);
    if (told.length === choicesOf(outcome).flat().length) return player.deltas;
  } catch {
    // Whatever is wrong with it: the output is there.
  }
  return outputDeltas(outcome);
}

/** For a comparison: no event tells what model was called, so its name alone is no reason for a tape. */
const unnamed = (tape: Tape): string =>
  JSON.stringify(tape.map((entry) => (typeof entry === 'string' && entry[0] === '@' ? '@' : entry)));

/** The output items that came of deltas, by their index; those that the answer did not keep are missing. */
function keptItems(folded: Folded, outcome: Outcome): (Item | undefined)[] {
  const choices = choicesOf(outcome);
  const kept: (Item | undefined)[] = [];
  const count = choices.map(() => 0);
  // Settling gives ids and statuses.
  const saying = ({ id: _, status: __, ...item }: Item) => JSON.stringify(item);
  folded.items.forEach(({ item, choice }, index) => {
    const next = choices[choice]?.[count[choice]!];
    if (!next || saying(item) !== saying(next)) return;
    kept[index] = next;
    count[choice]!++;
  });
  return kept;
}

function record(deltas: readonly Delta[], outcome: Outcome): Tape {
  const folded = emptyFold();
  const repeated = new Set<number>();
  for (const delta of deltas) {
    if (delta.type === 'item-end' && delta.item) {
      if (shown(delta.item) === shown(folded.items[delta.index]!.item)) repeated.add(delta.index);
    }
    fold(folded, delta);
  }
  const recorder = new Recorder(outcome, keptItems(folded, outcome), repeated);
  for (const delta of deltas) recorder.record(delta);
  return recorder.end();
}
