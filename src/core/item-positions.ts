import { itemId, type TurnId } from './ids.ts';
import type { Item } from './items.ts';
import type { Turn } from './turn.ts';

/** An item under its public id. */
export type IdentifiedItem = Item & { id: string };

/** An item of a turn under its public id, with its position. */
export interface ItemAt {
  item: IdentifiedItem;
  /** Input or output. */
  side: 'i' | 'o';
  index: number;
}

/** A turn's visible items under their ids, input first. `hidden` lists the ones to leave out, as `i0`, `o2`. */
export function itemsOf(turn: Turn, hidden: readonly string[] = []): ItemAt[] {
  const at = (side: 'i' | 'o') => (item: Item, index: number) => ({
    item: identified(item, turn.id, side, index),
    side,
    index,
  });
  const readable =
    turn.answeredBy?.protocol === 'openai-responses' ? turn.output : turn.output.map(withoutEncrypted);
  const all = [...turn.input.map(at('i')), ...readable.map(at('o'))];
  return hidden.length === 0 ? all : all.filter(({ side, index }) => !hidden.includes(`${side}${index}`));
}

/** Encrypted data of another protocol cannot be sent back in this API. */
function withoutEncrypted(item: Item): Item {
  if (item.type !== 'reasoning' || !item.encrypted_content) return item;
  const { encrypted_content: _, ...readable } = item;
  return readable;
}

export function identified(item: Item, turn: TurnId, side: 'i' | 'o', index: number): IdentifiedItem {
  return { id: itemId(item.type, { turn, side, index }), ...item } as IdentifiedItem;
}
