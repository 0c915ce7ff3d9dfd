import { parseItemId } from '../core/ids.ts';
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
  return Promise.all(items.map((item) => (isReference(item) ? copyOf(item, tenant, sessions) : item)));
}

/** Reasoning of a model keeps its id, by which `withThoughts` finds what only its provider can read. */
async function copyOf(reference: Item, tenant: Tenant, sessions: Pick<Sessions, 'item'>): Promise<Item> {
  const id = reference.id!;
  const item = await sessions.item(tenant, id, reference);
  if (item.type !== 'reasoning' || parseItemId(id)?.side !== 'o') return item;
  const { encrypted_content: _, ...readable } = item;
  return { ...readable, id };
}
