import type { Candidate } from '../../core/candidate.ts';
import type { Delta } from '../../core/delta.ts';
import type { Folded } from '../../core/fold.ts';
import type { Item } from '../../core/items.ts';
import type { PromptItem } from '../../core/prompt.ts';
import { callIdOf, DistinctIds, isClientCall, isOutput } from '../../core/tool-calls.ts';
import type { BranchTurn } from '../../core/turn.ts';

/** What the calls of an answer follow. */
interface Before {
  branch: readonly BranchTurn[];
  input: readonly Item[];
  folded: Folded;
}

/** A call or output of the answer under another id than its provider gave it. */
interface Renamed {
  id: string;
  /** The provider's own id, where the provider can be given it back. */
  own?: string;
}

/**
 * Gives each call of an answer an id of its own in the session, before a reader sees it. Some servers number the
 * calls of each answer from 0, or give all calls of an answer one id; clients and other providers need an id to
 * mean one call.
 */
export class CallIds {
  private readonly distinct: DistinctIds;
  /** The latest id of ours for each id that the provider gave in this answer. */
  private readonly given = new Map<string, string>();
  private readonly renamed = new Map<number, Renamed>();

  constructor(before: Before) {
    this.distinct = new DistinctIds(idsIn(before));
  }

  push(burst: readonly Delta[]): readonly Delta[] {
    return burst.some(isAboutItem) ? burst.map((delta) => this.pushOne(delta)) : burst;
  }

  private pushOne(delta: Delta): Delta {
    if (delta.type === 'item-start') {
      const renamed = this.rename(delta.item);
      if (!renamed) return delta;
      this.renamed.set(delta.index, renamed);
      return { ...delta, item: withCallId(delta.item, renamed.id) };
    }
    const renamed = delta.type === 'item-end' ? this.renamed.get(delta.index) : undefined;
    if (delta.type !== 'item-end' || !renamed) return delta;
    return {
      ...delta,
      ...(delta.item && { item: withCallId(delta.item, renamed.id) }),
      ...(renamed.own !== undefined && { callId: renamed.own }),
    };
  }

  private rename(item: Item): Renamed | undefined {
    const own = callIdOf(item);
    if (!own) return undefined;
    if (isOutput(item)) {
      const id = this.given.get(own);
      return id === undefined || id === own ? undefined : { id };
    }
    if (!isClientCall(item)) return undefined;
    const isFirst = !this.given.has(own);
    const id = this.distinct.next(own);
    this.given.set(own, id);
    if (id === own) return undefined;
    // Two calls of one answer must differ for their provider, too.
    return isFirst ? { id, own } : { id };
  }
}

const isAboutItem = ({ type }: Delta): boolean => type === 'item-start' || type === 'item-end';

function idsIn({ branch, input, folded }: Before): Set<string> {
  const items = [
    ...branch.flatMap(({ turn }) => [...turn.input, ...turn.output]),
    ...input,
    ...folded.items.filter(Boolean).map(({ item }) => item),
  ];
  return new Set(items.map(callIdOf).filter((id) => id !== undefined));
}

const withCallId = (item: Item, call_id: string): Item => ({ ...item, call_id }) as Item;

/** The entries with the call ids of the candidate's provider, for its calls and their outputs. */
export function withOwnCallIds(entries: PromptItem[], { provider, protocol }: Candidate): PromptItem[] {
  const own = new Map<string, string>();
  for (const { item, callId, ...entry } of entries) {
    const id = callIdOf(item);
    if (id === undefined || callId === undefined) continue;
    if (entry.origin === provider && entry.protocol === protocol) own.set(id, callId);
  }
  return entries.map((entry) => {
    const id = own.get(callIdOf(entry.item) ?? '');
    return id === undefined ? entry : { ...entry, item: withCallId(entry.item, id) };
  });
}
