import { type Item, isReference } from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';
import type { ItemLocation, Location } from '../../dialect.ts';
import { parseMessage } from './parse.ts';

/** The settings that have another name in a chat request. */
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

/**
 * The path in a chat request for a failure's location: `messages[1].tool_call_id`. One message may be several
 * items.
 */
export function chatField(location: Location, { messages }: Record<string, unknown>): string {
  if ('setting' in location) return SETTINGS.get(location.setting) ?? location.setting;
  let before = 0;
  for (const [index, message] of (messages as unknown[]).entries()) {
    const param = `messages[${index}]`;
    const items: Item[] = [];
    parseMessage(message, param, { items, natives: {} });
    const at = location.item - before;
    if (at < items.length) return fieldOfMessage(param, message, items, { ...location, item: at });
    before += items.length;
  }
  return 'messages';
}

/** The path of a field of one item. The item comes from the message at `param`. */
function fieldOfMessage(
  param: string,
  message: unknown,
  items: readonly Item[],
  { item: at, part, field }: ItemLocation,
): string {
  const item = items[at]!;
  if (isReference(item)) return field === undefined ? param : `${param}.${field}`;
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

/** The path of a part's field, as chat nests it. The fields of a file, for example, are in `file`. */
function partField(part: unknown, field: string | undefined): string {
  if (field === undefined) return '';
  const { type } = part as { type: string };
  const inner = (part as Record<string, unknown>)[type];
  if (type === 'image_url') return `.image_url.${field === 'image_url' ? 'url' : field}`;
  return isObject(inner) ? `.${type}.${field}` : `.${field}`;
}
