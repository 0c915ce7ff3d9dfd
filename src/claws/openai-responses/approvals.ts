import type { Delta } from '../../core/delta.ts';
import { itemKey, parseItemId } from '../../core/ids.ts';
import type { Item, OtherItem } from '../../core/items.ts';
import type { Prompt, PromptItem } from '../../core/prompt.ts';
import { isObject, type Json } from './wire.ts';

/**
 * A client's approval, and the call that was approved, name the request by its id (`approval_request_id`). Clients
 * know the request by an id of the gateway, its provider by its own.
 */
const REQUEST = 'mcp_approval_request';

/** The approval requests of an input, as it is written. */
export class ApprovalRequests {
  /** The ids under which they are sent, by the keys of the clients' ids. */
  private readonly sent = new Map<string, unknown>();

  /**
   * An item as it is sent, with the provider's id of the request that it names. An approval whose request the
   * provider does not get is left out.
   */
  resolve({ item, id }: PromptItem, written: Json | undefined): Json | undefined {
    if (written?.type === REQUEST) {
      // A copy of an item has an id of its own, and holds that of the original.
      for (const known of [id, item.id]) if (known !== undefined) this.sent.set(itemKey(known), written.id);
    }
    const named = written?.approval_request_id;
    if (typeof named !== 'string') return written;
    const request = this.sent.get(itemKey(named));
    if (request !== undefined) return { ...written, approval_request_id: request };
    if (!parseItemId(named)) return written;
    return written?.type === 'mcp_call' ? { ...written, approval_request_id: null } : undefined;
  }
}

/** Gives the calls of an answer the clients' ids of the requests that they name. */
export function withPublicRequests(prompt: Prompt): (deltas: Delta[]) => Delta[] {
  const ids = new Map<unknown, string>();
  for (const { item, id, native } of prompt.items) {
    if ((item.type as string) === REQUEST && id !== undefined && isObject(native)) ids.set(native.id, id);
  }
  if (ids.size === 0) return (deltas) => deltas;
  return (deltas) => deltas.map((delta) => shown(delta, ids));
}

function shown(delta: Delta, ids: ReadonlyMap<unknown, string>): Delta {
  if ((delta.type !== 'item-start' && delta.type !== 'item-end') || !delta.item) return delta;
  const id = ids.get((delta.item as OtherItem).approval_request_id);
  return id === undefined ? delta : { ...delta, item: { ...delta.item, approval_request_id: id } as Item };
}
