import { itemId, parseItemId, type TurnId } from './ids.ts';
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
  const all = [...turn.input.map(at('i')), ...turn.output.map(at('o'))];
  return hidden.length === 0 ? all : all.filter(({ side, index }) => !hidden.includes(`${side}${index}`));
}

/** The id that an output holds is the provider's, from an earlier version, or says where the item was streamed. */
export function identified(item: Item, turn: TurnId, side: 'i' | 'o', index: number): IdentifiedItem {
  const { id: own, ...rest } = item;
  const isCallers = own !== undefined && side === 'i';
  const streamed = own === undefined ? undefined : parseItemId(own);
  const id = isCallers ? own : itemId(item.type, streamed ?? { turn, side, index });
  return { id, ...rest } as IdentifiedItem;
}
