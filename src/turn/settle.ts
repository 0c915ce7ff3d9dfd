import { type Fault, faultOf } from '../core/errors.ts';
import type { Folded, FoldedItem } from '../core/fold.ts';
import type { Item } from '../core/items.ts';
import type { Outcome } from '../core/turn.ts';
import type { NanoDollars, Usage } from '../core/usage.ts';
import { Cancelled } from './live-turn.ts';

export interface SettleInput {
  folded: Folded;
  /** What ended the answer early: a `Fault`, a `Cancelled`, or anything unforeseen. */
  failure?: unknown;
  candidate?: { provider: string; protocol: string };
  cost(usage: Usage): NanoDollars | undefined;
  completedAt: number;
}

/** The outcome of a turn: what its deltas amount to, whole or not. */
export function settle({ folded, failure, candidate, cost, completedAt }: SettleInput): Outcome {
  const items = folded.items.flatMap((entry) => finished(entry) ?? []);
  const main = items.filter((entry) => entry.choice === 0);
  const natives = main.flatMap(({ native }, index) =>
    native === undefined ? [] : [[index, native] as const],
  );
  return {
    ...ending(folded, failure),
    completedAt,
    provider: candidate?.provider,
    protocol: candidate?.protocol,
    servedModel: folded.model,
    providerId: folded.providerId,
    output: main.map((entry) => entry.item),
    outputNatives: natives.length > 0 ? Object.fromEntries(natives) : undefined,
    alternates: alternatesOf(items),
    finish: folded.finish,
    usage: folded.usage,
    cost: folded.usage && cost(folded.usage),
    extra: folded.extra,
  };
}

function ending(folded: Folded, failure: unknown): Pick<Outcome, 'state' | 'error'> {
  if (failure instanceof Cancelled) return { state: 'cancelled' };
  if (failure !== undefined) {
    const { code, message } = toFault(failure);
    return { state: code === 'shutting_down' ? 'incomplete' : 'failed', error: { code, message } };
  }
  const reason = folded.finish[0]?.unified;
  return { state: reason === 'length' || reason === 'content_filter' ? 'incomplete' : 'completed' };
}

export const toFault = (failure: unknown): Fault =>
  faultOf(failure, 'The gateway failed while it handled this turn.');

function alternatesOf(items: FoldedItem[]): Item[][] | undefined {
  const alternates: Item[][] = [];
  for (const { choice, item } of items) {
    if (choice === 0) continue;
    // A choice of which nothing is kept has its place all the same.
    while (alternates.length < choice) alternates.push([]);
    alternates[choice - 1]!.push(item);
  }
  return alternates.length > 0 ? alternates : undefined;
}

/** An item as it is kept. Of an unfinished one only text is of use; half a tool call is worse than none. */
function finished(entry: FoldedItem): FoldedItem | undefined {
  const { item, done } = entry;
  if (done)
    return item.type === 'message' && !item.status
      ? { ...entry, item: { ...item, status: 'completed' } }
      : entry;
  if (item.type === 'message' && item.content.length > 0)
    return { ...entry, item: { ...item, status: 'incomplete' } };
  if (item.type === 'reasoning' && (item.content?.length || item.summary.length)) {
    return { ...entry, item: { ...item, status: 'incomplete' } };
  }
  return undefined;
}
