import { parseItemId } from '../core/ids.ts';
import { type Item, isReference } from '../core/items.ts';
import type { Tenant } from '../core/request.ts';
import type { Sessions } from '../session/sessions.ts';

/** Whose references they are. */
interface Referring {
  tenant: Tenant;
  /** The request field of the items, for errors. */
  param: 'input' | 'items';
}

/**
 * Replaces each `item_reference` by a copy of the stored item that it names, from any session of the tenant.
 * `item_not_found` where the tenant has no such visible item; other tenants' items do not exist here.
 */
export async function resolveReferences(
  items: Item[],
  { tenant, param }: Referring,
  sessions: Pick<Sessions, 'item'>,
): Promise<Item[]> {
  return Promise.all(
    items.map((item) => (isReference(item) ? copyOf(item.id!, { tenant, param }, sessions) : item)),
  );
}

/** Reasoning of a model keeps its id, by which `withThoughts` finds what only its provider can read. */
async function copyOf(
  id: string,
  { tenant, param }: Referring,
  sessions: Pick<Sessions, 'item'>,
): Promise<Item> {
  const item = await sessions.item(tenant, id, param);
  if (item.type !== 'reasoning' || parseItemId(id)?.side !== 'o') return item;
  const { encrypted_content: _, ...readable } = item;
  return { ...readable, id };
}
