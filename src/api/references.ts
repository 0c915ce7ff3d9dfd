import { type Item, isReference } from '../core/items.ts';
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
  return Promise.all(items.map((item) => (isReference(item) ? sessions.item(tenant, item.id!, item) : item)));
}
