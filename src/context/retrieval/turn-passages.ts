import { type Item, type Message, messageText, type Part } from '../../core/items.ts';
import { ownInstructions } from '../../core/opening.ts';
import type { BranchTurn, Turn } from '../../core/turn.ts';
import type { Author, Passage } from './passage.ts';

/**
 * What a turn adds to the index of its branch: its messages and the outputs of its tools, without instructions,
 * reasoning, calls and hidden items. A long text becomes several passages of the same item. The speaker is the `name`
 * of a chat message. The time is the turn's `metadata.date` (ISO 8601), or else the time of the request.
 */
export function passagesOf({ turn, hidden }: Pick<BranchTurn, 'turn' | 'hidden'>): Passage[] {
  const at = timeOf(turn);
  const opening = ownInstructions(turn);
  const passages = (items: readonly Item[], side: 'i' | 'o'): Passage[] =>
    items.flatMap((item, index) => {
      if ((side === 'i' && index < opening) || hidden.includes(`${side}${index}`)) return [];
      const said = saidIn(item);
      if (!said || said.text === '') return [];
      const speaker = side === 'i' ? nameOf(turn.inputNatives?.[index]) : undefined;
      const passage = { turn: turn.id, side, index, role: said.role, ...(speaker && { speaker }), at };
      return piecesOf(said.text).map((text, piece) => ({ ...passage, ...(piece > 0 && { piece }), text }));
    });
  return [...passages(turn.input, 'i'), ...passages(turn.output, 'o')];
}

/** Characters of a passage, so that an excerpt fits a small prompt, and passages of one text, to bound the work. */
const LONGEST = 8_000;
const MOST_PIECES = 256;
const MOST_CHARACTERS = MOST_PIECES * LONGEST;

/** A text in pieces that end at the end of a line, or else of a word. */
function piecesOf(whole: string): string[] {
  const text = whole.length > MOST_CHARACTERS ? beginningOf(whole) : whole;
  const pieces: string[] = [];
  let from = 0;
  while (from < text.length && pieces.length < MOST_PIECES) {
    const end = endOfPiece(text, from);
    pieces.push(text.slice(from, end));
    from = end;
  }
  return pieces;
}

/** A copy of all that the pieces can hold: a piece that is cut out of a text keeps the whole text in memory. */
const beginningOf = (text: string): string => Buffer.from(text.slice(0, MOST_CHARACTERS)).toString();

function endOfPiece(text: string, from: number): number {
  const end = from + LONGEST;
  if (end >= text.length) return text.length;
  for (const boundary of ['\n', ' ']) {
    const at = text.lastIndexOf(boundary, end - 1);
    if (at >= from + LONGEST / 2) return at + 1;
  }
  const isInPair = (text.charCodeAt(end) & 0xfc00) === 0xdc00;
  return isInPair ? end - 1 : end;
}

function saidIn(item: Item): { role: Author; text: string } | undefined {
  if (item.type === 'message') {
    const { role } = item;
    return role === 'user' || role === 'assistant' ? { role, text: messageText(item) } : undefined;
  }
  if (item.type === 'function_call_output') return { role: 'tool', text: outputText(item.output) };
  return undefined;
}

const outputText = (output: string | Part[]): string =>
  typeof output === 'string' ? output : messageText({ content: output } as Message);

function nameOf(native: unknown): string | undefined {
  const name = (native as { name?: unknown } | null | undefined)?.name;
  return typeof name === 'string' && name !== '' ? name : undefined;
}

const ISO_DATE = /^\d{4}-\d\d-\d\d/;

function timeOf({ metadata, createdAt }: Turn): number {
  const date = metadata.date ?? '';
  const at = ISO_DATE.test(date) ? Date.parse(date) : Number.NaN;
  return Number.isNaN(at) ? createdAt : at;
}
