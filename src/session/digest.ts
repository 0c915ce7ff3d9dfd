import { type Item, messageText, type Part } from '../core/items.ts';
import { isClosing } from './integrity.ts';

/**
 * Digests of a branch's content. They chain: the digest after an item depends on everything before it,
 * so one comparison tells whether two histories are the same up to a point. Reasoning is left out,
 * because clients of chat completions do not send it back, and so are outputs that the gateway wrote itself. Not secret and not proof against an
 * adversary: a caller can only collide with its own session.
 */
export const EMPTY_DIGEST = '';

export function digestItems(from: string, items: readonly Item[]): string {
  return items.reduce(digestItem, from);
}

export function digestItem(before: string, item: Item): string {
  if (item.type === 'reasoning' || (item.type === 'message' && item.content.length === 0)) return before;
  if (isClosing(item)) return before;
  return Bun.hash.xxHash64(contentOf(item), BigInt(before === '' ? 0 : `0x${before}`)).toString(16);
}

/** What makes two items the same for a reader; ids and statuses do not. */
function contentOf(item: Item): string {
  switch (item.type) {
    case 'message':
      return JSON.stringify([item.role, messageText(item), item.content.filter(isNotText)]);
    case 'function_call':
      return JSON.stringify(['call', item.call_id, item.name, item.arguments]);
    case 'function_call_output':
      return JSON.stringify(['output', item.call_id, item.output]);
    default: {
      const { id: _, status: __, ...rest } = item as unknown as Record<string, unknown>;
      return JSON.stringify(rest);
    }
  }
}

const isNotText = (part: Part): boolean => part.type !== 'input_text' && part.type !== 'output_text';
