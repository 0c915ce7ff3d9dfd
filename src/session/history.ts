import type { TurnId } from '../core/ids.ts';
import { type Item, messageText, type Part } from '../core/items.ts';
import { isHalfCall } from '../core/tool-calls.ts';
import { type BranchTurn, isBroken, type Turn } from '../core/turn.ts';
import { isClosingOutput } from './tool-pairs.ts';
import type { TreeNode } from './turn-log.ts';

/**
 * Digests of a branch's content. They chain: the digest after an item depends on everything before it, so one
 * comparison tells whether two histories are the same up to this item. Reasoning is left out, because clients
 * of chat completions do not send it back. Calls that were cut are left out, because most clients drop them.
 * Outputs that the gateway wrote to close calls are left out too, because clients do not know them. Digests are
 * not secret, and an adversary can make collisions; but a caller can only collide with its own session.
 */
export const EMPTY_DIGEST = '';

/** The digest after `items`, which follow what has the digest `from`. */
export function digestItems(from: string, items: readonly Item[]): string {
  return items.reduce(digestItem, from);
}

export function digestItem(before: string, item: Item): string {
  if (item.type === 'reasoning' || (item.type === 'message' && item.content.length === 0)) return before;
  if (item.type !== 'message' && (isHalfCall(item) || isClosingOutput(item))) return before;
  return Bun.hash.xxHash64(contentOf(item), BigInt(before === '' ? 0 : `0x${before}`)).toString(16);
}

/** What makes two items the same for a reader: everything but ids and statuses. */
function contentOf(item: Item): string {
  switch (item.type) {
    case 'message':
      return JSON.stringify([item.role, messageText(item), item.content.filter(isNotText)]);
    case 'function_call':
      return JSON.stringify(['call', item.call_id, item.name, item.arguments]);
    case 'function_call_output':
      return JSON.stringify(['output', item.call_id, item.output]);
    default: {
      const { id: _, status: __, ...rest } = item as unknown as Record<string, unknown>;
      return JSON.stringify(rest);
    }
  }
}

const isNotText = (part: Part): boolean => part.type !== 'input_text' && part.type !== 'output_text';

/** How much of a client's history a session holds. */
export interface HistoryMatch {
  /** The turn to continue; `null` where no turn's branch is a prefix of the items. */
  parent: TurnId | null;
  /** How many of the items, from the first on, are already on the branch of `parent`. */
  shared: number;
}

/**
 * Finds the turn whose branch is the longest prefix of `items`. `tree` may be the head alone where only a match
 * with the head matters.
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
    // Of turns with the same content, the last one wins: the client saw it last.
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
 * Removes the leading instructions from `items` where the branch's latest instructions have the same content.
 * Many clients send their instructions with every new message. Changed instructions stay and apply from then on.
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

/**
 * Whether `input` is what the branch's last turn was asked, and that turn broke off: the client asks again, so the
 * new turn takes the position of the broken one.
 */
export function isAskedAgain(input: Item[], branch: readonly BranchTurn[]): boolean {
  const last = branch.at(-1)?.turn;
  if (!last || !isBroken(last)) return false;
  const news = withoutRepeatedInstructions(input, branch.slice(0, -1));
  return digestItems(EMPTY_DIGEST, news) === digestItems(EMPTY_DIGEST, last.input);
}

/** The same for a full history that has the digest of the branch: only the input of the broken turn counts in it. */
export const isHistoryAskedAgain = (last: Turn): boolean =>
  isBroken(last) && digestItems(EMPTY_DIGEST, last.output) === EMPTY_DIGEST;
