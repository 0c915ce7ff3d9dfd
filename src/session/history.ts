import type { TurnId } from '../core/ids.ts';
import type { Item } from '../core/items.ts';
import type { BranchTurn } from '../core/turn.ts';
import { digestItem, digestItems, EMPTY_DIGEST } from './digest.ts';
import type { TreeNode } from './store.ts';

/** What became of the items that a request brought into its session; told in `x-clawhold-history`. */
export type HistoryUse =
  /** The session had no turn before this one. */
  | 'started'
  /** The items were new; they follow what the session holds. */
  | 'appended'
  /** The items began with the session's whole history; the rest was appended. */
  | 'matched'
  /** The items left the session's history at some point; a new branch begins there. */
  | 'forked';

/**
 * True when the items are a client's full history: the model has spoken in them. Outputs alone are news,
 * because a history would hold the calls that they answer.
 */
export function isFullHistory(items: readonly Item[]): boolean {
  return items.some((item) =>
    item.type === 'message' ? item.role === 'assistant' : !item.type.endsWith('_output'),
  );
}

export interface HistoryMatch {
  /** The turn to continue; `null` where nothing is shared with any turn. */
  parent: TurnId | null;
  /** How many of the items the session holds already on the branch of `parent`. */
  shared: number;
}

/**
 * Finds the turn whose branch is the longest prefix of `items`. `tree` may be the head alone when it is
 * enough to know whether the head matches.
 */
export function matchHistory(items: readonly Item[], tree: readonly TreeNode[]): HistoryMatch {
  const shared = new Map<string, number>();
  let digest = EMPTY_DIGEST;
  items.forEach((item, index) => {
    digest = digestItem(digest, item);
    shared.set(digest, index + 1);
  });
  let best: HistoryMatch = { parent: null, shared: 0 };
  for (const node of tree) {
    const count = shared.get(node.digest) ?? 0;
    // A later turn with the same content wins: it is the one a client has seen last.
    if (count > 0 && count >= best.shared) best = { parent: node.id, shared: count };
  }
  return best;
}

const isInstruction = (item: Item): boolean =>
  item.type === 'message' && (item.role === 'system' || item.role === 'developer');

function leadingInstructions(items: readonly Item[]): Item[] {
  const end = items.findIndex((item) => !isInstruction(item));
  return items.slice(0, end === -1 ? items.length : end);
}

/**
 * Clients that send only their newest message often send their instructions along each time. Those that
 * repeat the branch's latest ones word for word are left out; changed ones are kept and take over.
 */
export function withoutRepeatedInstructions(items: Item[], branch: readonly BranchTurn[]): Item[] {
  const leading = leadingInstructions(items);
  if (leading.length === 0) return items;
  const latest = branch
    .map(({ turn, hidden }) => leadingInstructions(turn.input.filter((_, i) => !hidden.includes(`i${i}`))))
    .findLast((found) => found.length > 0);
  if (!latest || digestItems(EMPTY_DIGEST, latest) !== digestItems(EMPTY_DIGEST, leading)) return items;
  return items.slice(leading.length);
}
