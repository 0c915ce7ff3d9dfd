import { Kind, type PassageTable } from './passage-table.ts';
import type { Tally } from './tally.ts';
import { WEIGHTS } from './weights.ts';

/**
 * Counts occurrences in a passage for the passage itself and, in part, for its neighbours in the conversation. So
 * nothing is indexed again when the next turn comes.
 */
export function spread(table: PassageTable, number: number, count: number, counts: Tally): void {
  counts.add(number, count);
  if (table.kinds[number] === Kind.person) spreadInTalk(table, number, count, counts);
  else spreadInChat(table, number, count, counts);
}

function spreadInTalk(
  { kinds, episodes, size }: PassageTable,
  number: number,
  count: number,
  counts: Tally,
): void {
  const episode = episodes[number];
  for (let distance = 1; distance <= WEIGHTS.window.length; distance++) {
    const share = count * WEIGHTS.window[distance - 1]!;
    const before = number - distance;
    const after = number + distance;
    if (before >= 0 && kinds[before] === Kind.person && episodes[before] === episode)
      counts.add(before, share);
    if (after < size && kinds[after] === Kind.person && episodes[after] === episode) counts.add(after, share);
  }
}

function spreadInChat(table: PassageTable, number: number, count: number, counts: Tally): void {
  const { size } = table;
  if (number >= 1 && isPair(table, number, number - 1)) counts.add(number - 1, count * WEIGHTS.pair);
  if (number + 1 < size && isPair(table, number, number + 1)) counts.add(number + 1, count * WEIGHTS.pair);
  if (table.kinds[number] !== Kind.user) return;
  if (number >= 2 && isFollow(table, number, number - 2)) counts.add(number - 2, count * WEIGHTS.follow);
  if (number + 2 < size && isFollow(table, number, number + 2))
    counts.add(number + 2, count * WEIGHTS.follow);
}

/** A message of the person and an answer in the same turn. */
const isPair = ({ kinds, turns }: PassageTable, a: number, b: number): boolean =>
  turns[a] === turns[b] && kinds[a]! + kinds[b]! === Kind.user + Kind.assistant;

const isFollow = ({ kinds, episodes }: PassageTable, a: number, b: number): boolean =>
  kinds[b] === Kind.user && episodes[a] === episodes[b];
