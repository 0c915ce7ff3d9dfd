import type { TurnId } from './ids.ts';
import { type Item, leadingInstructions, type Message } from './items.ts';
import type { BranchTurn, Notes } from './turn.ts';

/** The fields of a turn that say what its opening is. */
export interface Opened extends Notes {
  id: TurnId;
  parent: TurnId | null;
  input: readonly Item[];
}

/** How many items of a turn's input are opening instructions that the turn itself brought. */
export function ownInstructions({ id, parent, input, opening }: Opened): number {
  if (opening) return opening.at === id ? opening.count : 0;
  return parent === null ? leadingInstructions(input).length : 0;
}

/** The turn of a branch that holds its opening messages; `undefined` where there are none. */
export function openingTurn(branch: readonly BranchTurn[], opening = branch.at(-1)?.turn.opening) {
  return opening ? branch.find(({ turn }) => turn.id === opening.at) : branch[0];
}

/** The opening messages that a turn holds, without those that the caller deleted. */
export function openingMessages({ turn, hidden }: BranchTurn): Message[] {
  const items = turn.input.slice(0, ownInstructions(turn));
  return items.filter((_, index) => !hidden.includes(`i${index}`)) as Message[];
}
