import { itemsTokens } from '../context/tokens.ts';
import type { Standing } from '../core/turn.ts';
import { digestItems, EMPTY_DIGEST } from '../session/digest.ts';
import type { Resumed } from '../session/sessions.ts';

/** Where a turn stands that nobody keeps. */
export const NOWHERE: Standing = { branchTokens: 0, inputTokens: 0, digest: EMPTY_DIGEST };

/** Where a turn stands that adds `resumed.input` to its branch. */
export function standingOf({
  branch,
  input,
  moveHead,
}: Pick<Resumed, 'branch' | 'input' | 'moveHead'>): Standing {
  const tip = branch.at(-1);
  return {
    branchTokens: tip?.totalTokens ?? 0,
    inputTokens: itemsTokens(input),
    digest: digestItems(tip?.digest ?? EMPTY_DIGEST, input),
    moveHead,
  };
}
