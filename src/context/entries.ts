import { type CacheMark, withMarks } from '../core/cache-marks.ts';
import type { Item, Reasoning } from '../core/items.ts';
import type { PromptItem } from '../core/prompt.ts';
import {
  callIdOf,
  DistinctIds,
  isClientCall,
  isClientOutput,
  isOutput,
  isServerRun,
  type OpenCall,
  OpenCalls,
} from '../core/tool-calls.ts';
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

/**
 * A limit or a deletion may separate a call from its output. Providers refuse an output without its call, and a
 * client's call without an output, so both are left out. A call that runs at the provider needs no output: it
 * may still run (`program`), or its result is in the item. Calls with the same id get different ids, and their
 * outputs follow. Where it was clear which call an id meant, the provider gets its own id again. A half call
 * that has an output is sent without arguments (`argumentsOf`).
 */
export function inPairs(items: readonly Entry[], marks?: readonly CacheMark[]): Entry[] {
  const pairs = pairsOf(items);
  const present = items.filter(({ isDeleted }) => !isDeleted);
  const distinct = new DistinctIds();
  const ids = new Map<OpenCall, string>();
  return marked(present, marks).flatMap((entry) => {
    const id = callIdOf(entry.item);
    // No output can name a client's call without an id.
    if (id === undefined) return isClientCall(entry.item) && !isServerRun(entry.item) ? [] : [entry];
    const call = pairs.get(entry.item);
    if (!call) return isClientCall(entry.item) || isOutput(entry.item) ? [] : [entry];
    const distinctId = ids.get(call) ?? distinct.next(id);
    ids.set(call, distinctId);
    if (distinctId === id) return [entry];
    const callId = entry.callId ?? (call.isAmbiguous ? undefined : id);
    return [{ ...entry, callId, item: { ...entry.item, call_id: distinctId } as Item }];
  });
}

/** The pairs of which neither the call nor the output was deleted, by both items. */
function pairsOf(items: readonly Entry[]): Map<Item, OpenCall> {
  const calls = new OpenCalls();
  const pairs = new Map<Item, OpenCall>();
  items.forEach(({ item, isDeleted }, index) => {
    const call = calls.add(item, index);
    if (!call) return;
    const called = items[call.index]!;
    if (isDeleted || called.isDeleted) return;
    pairs.set(called.item, call);
    pairs.set(item, call);
  });
  return pairs;
}

/**
 * Leaves out reasoning whose next item in the same answer is missing (cut or deleted), because providers refuse
 * it. Reasoning without content stays: it carries a signature for the text before it (`claws/gemini/parts.ts`).
 */
export function withoutLooseReasoning(items: readonly Entry[]): Entry[] {
  const kept: Entry[] = [];
  let next: Entry | undefined;
  for (let index = items.length - 1; index >= 0; index--) {
    const entry = items[index]!;
    const isKept =
      entry.item.type !== 'reasoning' ||
      isFromSame(next, entry) ||
      (isBare(entry.item) && isFromSame(items[index - 1], entry));
    if (!isKept) continue;
    kept.push(entry);
    next = entry;
  }
  return kept.reverse();
}

const isFromSame = (other: Entry | undefined, { answer }: Entry): boolean =>
  other !== undefined && isFromModel(other.item) && other.answer === answer;

const isBare = ({ summary, content, encrypted_content }: Reasoning): boolean =>
  summary.length === 0 && !content?.length && !encrypted_content;

const isFromModel = (item: Item): boolean =>
  item.type === 'message' ? item.role === 'assistant' : !isClientOutput(item);
