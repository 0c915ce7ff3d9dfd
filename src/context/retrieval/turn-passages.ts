import { type Item, type Message, messageText, type Part } from '../../core/items.ts';
import { type BranchTurn, ownInstructions, type Turn } from '../../core/turn.ts';
import type { Author, Passage } from './passage.ts';

/**
 * What a turn adds to the index of its branch: its messages and the outputs of its tools, without instructions,
 * reasoning, calls and hidden items. The speaker is the `name` of a chat message. The time is the turn's
 * `metadata.date` (ISO 8601), or else the time of the request.
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
      return [{ turn: turn.id, side, index, ...said, ...(speaker && { speaker }), at }];
    });
  return [...passages(turn.input, 'i'), ...passages(turn.output, 'o')];
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
