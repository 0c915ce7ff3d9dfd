import type { Item } from '../../../core/items.ts';
import type { Tenant } from '../../../core/turn.ts';
import type { Gateway } from '../../gateway.ts';

/** `item_reference`s are replaced by what they name. */
export async function resolveReferences(
  items: Item[],
  tenant: Tenant,
  { sessions }: Gateway,
): Promise<Item[]> {
  if (items.every((item) => referencedId(item) === undefined)) return items;
  return Promise.all(
    items.map(async (item) => {
      const id = referencedId(item);
      return id === undefined ? item : sessions.item(tenant, id);
    }),
  );
}

/** The id of the stored item that an `item_reference` stands for; `undefined` for any other item. */
function referencedId(item: Item): string | undefined {
  const { type, id } = item as { type: string; id?: string };
  return type === 'item_reference' ? id : undefined;
}
