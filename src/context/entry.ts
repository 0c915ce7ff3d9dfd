import { type CacheMark, withMarks } from '../core/cache-marks.ts';
import type { PromptItem } from '../core/prompt.ts';
import type { BranchTurn } from '../core/turn.ts';

/**
 * An item and the turn that it is an output of; absent for input items. A call or output that was deleted is there
 * until calls and outputs are in pairs: an output belongs to its call, also where one of them was deleted.
 */
export type Entry = PromptItem & { answer?: BranchTurn; isDeleted?: true };

/** The entries with the marks of the request, none of which is on or after an excerpt. */
export const marked = (items: Entry[], marks?: readonly CacheMark[]): Entry[] =>
  marks ? beforeExcerpts(withMarks(items, marks)) : items;

/** No later prompt has the excerpts, so a cache that includes them would be paid and never read. */
function beforeExcerpts(items: Entry[]): Entry[] {
  const first = items.findIndex(({ excerpts }) => excerpts !== undefined);
  const late =
    first === -1 ? undefined : items.findLast(({ marks }, index) => index >= first && marks)?.marks;
  if (!late) return items;
  return items.map(({ marks, ...entry }, index) => {
    if (index === first - 1) return { ...entry, marks: marks ?? [{ ttl: late.at(-1)!.ttl }] };
    return marks && index < first ? { ...entry, marks } : entry;
  });
}
