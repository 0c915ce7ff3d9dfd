import type { Delta } from '../../core/delta.ts';
import { itemKey, parseItemId } from '../../core/ids.ts';
import type { Item, OtherItem } from '../../core/items.ts';
import { isObject } from '../../core/json.ts';
import type { Prompt, PromptItem } from '../../core/prompt.ts';
import type { Json } from './wire.ts';

/**
 * An approval by the client, and the approved call, name the request by its id (`approval_request_id`). Clients
 * know the gateway's id of the request; the provider knows its own id.
 */
const REQUEST = 'mcp_approval_request';

/** The approval requests of an input, filled while the input is written. */
export class ApprovalRequests {
  /** The ids that the provider gets for requests, by `itemKey` of the ids that clients have. */
  private readonly sent = new Map<string, unknown>();

  /**
   * The item with the provider's id of the approval request that it names. `undefined` for an approval whose
   * request is not sent to the provider.
   */
  resolve({ item, id, answeredBy }: PromptItem, written: Json | undefined): Json | undefined {
    if (written?.type === REQUEST) {
      // A copy of an item has its own id, and holds the id of the original.
      for (const known of [id, item.id]) if (known !== undefined) this.sent.set(itemKey(known), written.id);
    }
    const named = written?.approval_request_id;
    if (typeof named !== 'string') return written;
    const request = this.sent.get(itemKey(named));
    if (request !== undefined) return { ...written, approval_request_id: request };
    // In new input, the provider refuses an unknown request; in the history, it would refuse each later turn.
    if (!parseItemId(named) && answeredBy === undefined) return written;
    return written?.type === 'mcp_call' ? { ...written, approval_request_id: null } : undefined;
  }
}

/** In the calls of an answer, replaces the provider's ids of approval requests by the ids that clients have. */
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
