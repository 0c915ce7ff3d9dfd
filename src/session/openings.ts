import type { TurnId } from '../core/ids.ts';
import { type Item, leadingInstructions, type Message, messageText } from '../core/items.ts';
import { openingMessages, openingTurn } from '../core/opening.ts';
import type { BranchTurn, Notes } from '../core/turn.ts';
import { isOpeningOf } from './history.ts';
import { printOf, type Sketch, sketchOf } from './likeness.ts';
import type { ResumeRequest } from './resumed.ts';
import { repairToolPairs } from './tool-pairs.ts';

/** The opening instructions that a request brings. */
export interface RequestOpening {
  messages: Message[];
  text: string;
  print: string;
}

/** `undefined` where the request brings no opening instructions. */
export function openingOf({
  input,
  instructions,
}: Pick<ResumeRequest, 'input' | 'instructions'>): RequestOpening | undefined {
  const messages = leadingInstructions(input);
  if (messages.length === 0 && !instructions) return undefined;
  const text = openingText(instructions, messages);
  return { messages, text, print: printOf(text) };
}

/** The sketch of the opening that a branch ends with; `undefined` where it has none. */
export function sketchOfBranch(branch: readonly BranchTurn[]): Sketch | undefined {
  const tip = branch.at(-1)?.turn;
  const holder = openingTurn(branch);
  const messages = holder ? openingMessages(holder) : [];
  const instructions = tip?.kind === 'ask' ? tip.instructions : undefined;
  return messages.length > 0 || instructions ? sketchOf(openingText(instructions, messages)) : undefined;
}

/** A turn that continues a branch of a session, or begins a new one there. */
export interface Continuation {
  turn: TurnId;
  branch: BranchTurn[];
  /** The new items, without the opening. */
  newItems: Item[];
  opening: RequestOpening | undefined;
  /** The turn is the first one of its line: what the branch has as its opening belongs to another line. */
  startsLine: boolean;
}

/**
 * The input of a turn and the opening that it notes. Opening messages are part of the input only where they are not
 * those of the branch already.
 */
export function continued({ turn, branch, newItems, opening, startsLine }: Continuation): Notes & {
  input: Item[];
} {
  const input = repairToolPairs(branch, newItems, true);
  const known = branch.at(-1)?.turn.opening;
  if (!opening) {
    const none = startsLine && branch.length > 0 ? { at: turn, count: 0, print: '' } : undefined;
    return { input, opening: none ?? known };
  }
  const { messages, print } = opening;
  const holder = startsLine ? undefined : openingTurn(branch);
  if (holder && (messages.length === 0 || isOpeningOf(messages, holder))) {
    const count = known?.count ?? openingMessages(holder).length;
    return { input, opening: { at: holder.turn.id, count, print } };
  }
  return { input: [...messages, ...input], opening: { at: turn, count: messages.length, print } };
}

/** The text of opening instructions, for comparisons. */
function openingText(instructions: string | undefined, messages: readonly Message[]): string {
  const texts = messages.map(messageText);
  return instructions === undefined ? texts.join('\n') : [instructions, ...texts].join('\n');
}
