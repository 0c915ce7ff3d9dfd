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
  const readable =
    turn.answeredBy?.protocol === 'openai-responses' ? turn.output : turn.output.map(withoutEncrypted);
  const all = [...turn.input.map(at('i')), ...readable.map(at('o'))];
  return hidden.length === 0 ? all : all.filter(({ side, index }) => !hidden.includes(`${side}${index}`));
}

/** Removes encrypted data of another protocol, because this API cannot take it back. */
function withoutEncrypted(item: Item): Item {
  if (item.type !== 'reasoning' || !item.encrypted_content) return item;
  const { encrypted_content: _, ...readable } = item;
  return readable;
}

/**
 * An item with its id. An input has the caller's id, if there is one. If the item holds an id of the gateway,
 * this is the id of the streamed output, or of the item that it was copied from. Outputs of earlier versions
 * may hold their provider's id.
 */
export function identified(item: Item, turn: TurnId, side: 'i' | 'o', index: number): IdentifiedItem {
  const { id: own, ...rest } = item;
  const held = own === undefined ? undefined : parseItemId(own);
  const streamed = side === 'o' ? held : undefined;
  const isCallers = side === 'i' && own !== undefined && !held;
  const id = isCallers ? own : itemId(item.type, streamed ?? { turn, side, index });
  return { id, ...rest } as IdentifiedItem;
}

/** Kinds whose id no other item names, and that providers take without an id. */
const WITHOUT_ID = new Set<string>(['message', 'function_call', 'function_call_output', 'reasoning']);

/** The id by which later items may name an item, and which providers may require. */
export function lastingId(item: Item, turn: TurnId, side: 'i' | 'o', index: number): string | undefined {
  return WITHOUT_ID.has(item.type) ? undefined : identified(item, turn, side, index).id;
}

/**
 * An item of a turn as it becomes input again. It holds the caller's id, or the id by which other items may
 * name it.
 */
export function asInput(item: Item, turn: TurnId, side: 'i' | 'o', index: number): Item {
  const { id: own, ...rest } = item;
  const isCallers = side === 'i' && own !== undefined && !parseItemId(own);
  const id = isCallers ? own : lastingId(item, turn, side, index);
  return (id === undefined ? rest : { ...rest, id }) as Item;
}
