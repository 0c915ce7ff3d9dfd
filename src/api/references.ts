import { parseItemId, parseValueId } from '../core/ids.ts';
import { type Item, isReference, userMessage } from '../core/items.ts';
import type { Tenant } from '../core/request.ts';
import type { TurnPath } from '../turn/path.ts';
import { valueNotFound } from './values.ts';

type Stored = Pick<TurnPath, 'sessions' | 'values'>;

/**
 * Replaces each `item_reference` by a copy of what it names, from any session of the tenant: a stored item, or a
 * value. `item_not_found` or `value_not_found` where the tenant has no such visible item or value; those of other
 * tenants do not exist here.
 */
export async function resolveReferences(items: Item[], tenant: Tenant, stored: Stored): Promise<Item[]> {
  return Promise.all(items.map((item) => (isReference(item) ? copyOf(item, tenant, stored) : item)));
}

/** Reasoning of a model keeps its id, by which `withThoughts` finds what only its provider can read. */
async function copyOf(reference: Item, tenant: Tenant, stored: Stored): Promise<Item> {
  const id = reference.id!;
  if (parseValueId(id)) return messageOf(reference, tenant, stored);
  const item = await stored.sessions.item(tenant, id, reference);
  if (item.type !== 'reasoning' || parseItemId(id)?.side !== 'o') return item;
  const { encrypted_content: _, ...readable } = item;
  return { ...readable, id };
}

/**
 * A value as a message of the user: it is content, which may come from anywhere, and must not have the authority
 * of instructions.
 */
async function messageOf(reference: Item, tenant: Tenant, { values }: Stored): Promise<Item> {
  const { session, key } = parseValueId(reference.id!)!;
  const value = await values.readValue(tenant, session, key);
  if (!value) throw valueNotFound(key).with({ about: { content: reference, field: 'id' } });
  return userMessage(`Stored value "${key}":\n${value.json}`);
}
