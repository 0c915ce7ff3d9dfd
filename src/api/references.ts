import type { Item } from '../core/items.ts';
import type { Tenant } from '../core/request.ts';
import type { Sessions } from '../session/sessions.ts';

/**
 * Replaces each `item_reference` by a copy of the stored item that it names, from any session of the tenant.
 * `item_not_found` where the tenant has no such visible item; other tenants' items do not exist here.
 */
export async function resolveReferences(
  items: Item[],
  tenant: Tenant,
  sessions: Pick<Sessions, 'item'>,
): Promise<Item[]> {
  if (items.every((item) => referencedId(item) === undefined)) return items;
  return Promise.all(
    items.map((item) => {
      const id = referencedId(item);
      return id === undefined ? item : sessions.item(tenant, id, item);
    }),
  );
}

/** The id of the stored item that an `item_reference` stands for; `undefined` for any other item. */
function referencedId(item: Item): string | undefined {
  const { type, id } = item as { type: string; id?: string };
  return type === 'item_reference' ? id : undefined;
}
