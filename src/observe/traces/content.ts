import type { Item, Part } from '../../core/items.ts';

/** An attribute longer than this is left out, so that one image does not fill a batch. Characters. */
const LONGEST = 64 * 1024;

/**
 * Items as the conventions write content (`gen_ai.input.messages`, `gen_ai.output.messages`): messages with parts, as
 * JSON text. Only for operators who opt in.
 */
export function messagesText(items: readonly Item[]): string {
  const text = JSON.stringify(items.map(messageOf));
  return text.length <= LONGEST
    ? text
    : JSON.stringify([
        { role: 'system', parts: [{ type: 'text', content: `(left out: ${text.length} characters)` }] },
      ]);
}

function messageOf(item: Item) {
  switch (item.type) {
    case 'message':
      return { role: item.role, parts: item.content.map(partOf) };
    case 'function_call':
      return {
        role: 'assistant',
        parts: [{ type: 'tool_call', id: item.call_id, name: item.name, arguments: item.arguments }],
      };
    case 'function_call_output':
      return {
        role: 'tool',
        parts: [{ type: 'tool_call_response', id: item.call_id, response: item.output }],
      };
    case 'reasoning':
      return {
        role: 'assistant',
        parts: item.summary.map(({ text }) => ({ type: 'reasoning', content: text })),
      };
    default:
      return { role: 'assistant', parts: [{ type: item.type }] };
  }
}

function partOf(part: Part) {
  if (part.type === 'input_text' || part.type === 'output_text') return { type: 'text', content: part.text };
  if (part.type === 'refusal') return { type: 'text', content: part.refusal };
  return { type: part.type };
}
