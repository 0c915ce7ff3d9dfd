import { type Item, messageText, type Part } from './items.ts';

/**
 * What makes two items the same for a reader: everything but ids, statuses and how a text is cut into parts. Only
 * fields that say something count: older clients leave out the others, where they do not know them. Digests of
 * stored branches are made of this text, so it must stay the same for the same item.
 */
export function contentOf(item: Item): string {
  switch (item.type) {
    case 'message':
      return JSON.stringify([item.role, messageText(item), item.content.filter(isNotText).map(partContent)]);
    case 'function_call':
      return JSON.stringify(['call', item.call_id, item.name, item.arguments]);
    case 'function_call_output':
      return JSON.stringify(['output', item.call_id, item.output]);
    default: {
      const { id: _, status: __, ...rest } = item as unknown as Record<string, unknown>;
      if (!KINDS.test(item.type)) return JSON.stringify(rest);
      return JSON.stringify(Object.fromEntries(Object.entries(rest).filter(([field]) => CONTENT.has(field))));
    }
  }
}

const isNotText = (part: Part): boolean => part.type !== 'input_text' && part.type !== 'output_text';

const partContent = (part: Part): Part =>
  part.type === 'refusal' ? { type: 'refusal', refusal: part.refusal } : part;

/** Further kinds of items in OpenAI's API description (`Item`). */
const KINDS =
  /^((custom_tool|computer|local_shell|shell|apply_patch)_call(_output)?|(web_search|file_search|tool_search|image_generation|code_interpreter|mcp)_call|program(_output)?|tool_search_output|mcp_(list_tools|approval_request|approval_response)|additional_tools|compaction)$/;

/** The fields of these kinds that hold content, there and at xAI. */
const CONTENT = new Set(
  'type call_id role name input arguments output outputs result results action actions operation code fingerprint container_id queries tools server_label error approval_request_id approve reason encrypted_content environment max_output_length pending_safety_checks acknowledged_safety_checks'.split(
    ' ',
  ),
);
