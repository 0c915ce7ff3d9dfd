import type { TurnId } from './ids.ts';
import { type Item, type Message, messageText } from './items.ts';
import type { BranchTurn, Notes } from './turn.ts';

/** Opening instructions: see `Opening`. */

export const isInstruction = (item: Item): item is Message =>
  item.type === 'message' && (item.role === 'system' || item.role === 'developer');

/** The instructions that the items begin with. */
export function leadingInstructions(items: readonly Item[]): Message[] {
  const end = items.findIndex((item) => !isInstruction(item));
  return items.slice(0, end === -1 ? items.length : end) as Message[];
}

/** What tells the opening of a turn. */
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

/** The text of opening instructions, for comparisons. */
export function openingText(instructions: string | undefined, messages: readonly Message[]): string {
  const texts = messages.map(messageText);
  return instructions === undefined ? texts.join('\n') : [instructions, ...texts].join('\n');
}
