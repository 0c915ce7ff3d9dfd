import { parseItemId } from '../core/ids.ts';
import { identified } from '../core/item-positions.ts';
import type { Item } from '../core/items.ts';
import type { Tenant } from '../core/request.ts';
import { thoughtOf } from '../core/seal.ts';
import { hydratedItems, isInSession } from '../session/stored-turn.ts';
import type { TurnPath } from '../turn/path.ts';

type Parts = Pick<TurnPath, 'log' | 'blobs' | 'seals'>;

/**
 * Prepares the reasoning that a client sends back, so that a prompt can open it without reading the store.
 * Seals may have keys that another process made: those keys are read first. An item with only the id of stored
 * reasoning gets its content, sealed. Reasoning that is not found stays unchanged, and no provider is given it.
 */
export async function withThoughts(items: Item[], tenant: Tenant, parts: Parts): Promise<Item[]> {
  if (!items.some(({ type }) => type === 'reasoning')) return items;
  const seals = items.flatMap((item) =>
    item.type === 'reasoning' && item.encrypted_content ? [item.encrypted_content] : [],
  );
  if (seals.length > 0) await parts.seals.refreshFor(seals);
  return Promise.all(items.map((item) => (isIdAlone(item) ? stored(item, tenant, parts) : item)));
}

const isIdAlone = (item: Item): item is Item & { id: string } =>
  item.type === 'reasoning' && item.id !== undefined && !item.encrypted_content;

async function stored(item: Item & { id: string }, tenant: Tenant, parts: Parts): Promise<Item> {
  const { id } = item;
  const position = parseItemId(id);
  const row = position && (await parts.log.readTurn(tenant, position.turn));
  if (!row || !isInSession(row)) return item;
  const { answeredBy, output, outputNatives } = await hydratedItems(row, parts.blobs);
  const index = output.findIndex((own, at) => identified(own, row.id, 'o', at).id === id);
  const reasoning = output[index];
  if (!answeredBy || reasoning?.type !== 'reasoning' || row.hidden.includes(`o${index}`)) return item;
  const thought = thoughtOf(reasoning, outputNatives?.[index], answeredBy);
  return { ...item, encrypted_content: parts.seals.seal(thought, tenant) } as Item;
}
