import type { Item } from '../../../core/items.ts';
import { type Seal, thoughtOf } from '../../../core/seal.ts';
import type { Asked } from '../../../core/turn.ts';

/** An output item, with its native and the provider that answered. */
interface Answered {
  item: Item;
  native?: unknown;
  by?: { provider: string; protocol: string };
  /** The item has ended, and was not cut. */
  done: boolean;
}

/** The value of `include` that asks for the field. */
const ENCRYPTED = 'reasoning.encrypted_content';

/**
 * An output item as a response shows it. Encrypted content of providers of this API passes unchanged. For
 * reasoning of other protocols, `encrypted_content` is a seal if the request asked for it. Encrypted data of
 * other protocols is not shown itself, because no other provider can read it.
 */
export function shownReasoning({ item, native, by, done }: Answered, asked: Asked, seal?: Seal): Item {
  if (item.type !== 'reasoning' || !by || by.protocol === 'openai-responses') return item;
  const { encrypted_content: _, ...shown } = item;
  if (!seal || !done || !isIncluded(asked)) return shown;
  const { id, ...rest } = shown;
  const encrypted_content = seal(thoughtOf(item, native, by), asked.tenant);
  // The id is the last field, as in the items of a replay: a replay has the same bytes.
  return { ...rest, encrypted_content, ...(id !== undefined && { id }) };
}

function isIncluded({ echo }: Asked): boolean {
  const include = echo?.include;
  return Array.isArray(include) && include.includes(ENCRYPTED);
}
