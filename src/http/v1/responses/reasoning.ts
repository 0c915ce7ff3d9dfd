import type { Item } from '../../../core/items.ts';
import { type Seal, thoughtOf } from '../../../core/seal.ts';
import type { Asked } from '../../../core/turn.ts';

/** An output item, with what belongs to it for its own provider. */
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
 * An output item as a response shows it. Encrypted content of this API's own protocol passes as it is. For reasoning
 * of other protocols, `encrypted_content` is a seal, if the request asked for it; their own encrypted data is never
 * shown, because no other provider can read it.
 */
export function shownReasoning({ item, native, by, done }: Answered, asked: Asked, seal?: Seal): Item {
  if (item.type !== 'reasoning' || !by || by.protocol === 'openai-responses') return item;
  const { encrypted_content: _, ...shown } = item;
  if (!seal || !done || !isIncluded(asked)) return shown;
  const { id, ...rest } = shown;
  const encrypted_content = seal(thoughtOf(item, native, by), asked.tenant);
  // The id comes last, where items of a replay have it too: a replay is the same to the byte.
  return { ...rest, encrypted_content, ...(id !== undefined && { id }) };
}

function isIncluded({ echo }: Asked): boolean {
  const include = echo?.include;
  return Array.isArray(include) && include.includes(ENCRYPTED);
}
