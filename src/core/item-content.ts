import { type Item, messageText, type Part } from './items.ts';

/** What makes two items the same for a reader: everything but ids, statuses and how a text is cut into parts. */
export function contentOf(item: Item): string {
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
