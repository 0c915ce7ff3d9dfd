import type { Item } from '../../../core/items.ts';
import type { ItemPlace, Place } from '../../dialect.ts';
import { isRecord } from '../fields.ts';
import { parseMessage } from './parse.ts';

/** The settings that a chat request names in another way. */
const SETTINGS: ReadonlyMap<string, string> = new Map([
  ['format', 'response_format.type'],
  ['reasoning', 'reasoning_effort'],
  ['top_logprobs', 'logprobs'],
  ['max_output_tokens', 'max_completion_tokens'],
]);

const CALL_FIELDS: ReadonlyMap<string, string> = new Map([
  ['call_id', 'id'],
  ['name', 'function.name'],
  ['arguments', 'function.arguments'],
  ['input', 'custom.input'],
]);

/** Where a chat request has what a failure is about: `messages[1].tool_call_id`. One message may be several items. */
export function chatField(place: Place, { messages }: Record<string, unknown>): string {
  if ('setting' in place) return SETTINGS.get(place.setting) ?? place.setting;
  let before = 0;
  for (const [index, message] of (messages as unknown[]).entries()) {
    const param = `messages[${index}]`;
    const items: Item[] = [];
    parseMessage(message, param, { items, natives: {} });
    const at = place.item - before;
    if (at < items.length) return fieldOfMessage(param, message, items, { ...place, item: at });
    before += items.length;
  }
  return 'messages';
}

/** A field of the item `item` that a message became. */
function fieldOfMessage(
  param: string,
  message: unknown,
  items: readonly Item[],
  { item: at, part, field }: ItemPlace,
): string {
  const item = items[at]!;
  const isContent = item.type === 'message' || item.type === 'function_call_output';
  if (!isContent) {
    const call = items.slice(0, at).filter(({ type }) => type !== 'message').length;
    const name = field && (CALL_FIELDS.get(field) ?? field);
    return `${param}.tool_calls[${call}]${name ? `.${name}` : ''}`;
  }
  if (field === 'call_id') return `${param}.tool_call_id`;
  if (part === undefined)
    return field === undefined ? param : `${param}.${field === 'output' ? 'content' : field}`;
  const { content } = message as { content?: unknown };
  const given = Array.isArray(content) ? content[part] : undefined;
  if (given === undefined) return `${param}.content`;
  return `${param}.content[${part}]${partField(given, field)}`;
}

/** The field of a part as chat has it: that of a file is in `file`, for example. */
function partField(part: unknown, field: string | undefined): string {
  if (field === undefined) return '';
  const { type } = part as { type: string };
  const inner = (part as Record<string, unknown>)[type];
  if (type === 'image_url') return `.image_url.${field === 'image_url' ? 'url' : field}`;
  return isRecord(inner) ? `.${type}.${field}` : `.${field}`;
}
