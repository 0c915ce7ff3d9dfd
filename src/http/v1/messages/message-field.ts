import type { Item } from '../../../core/items.ts';
import type { Location } from '../../dialect.ts';
import { type ItemSource, parseMessages, systemItems } from './items.ts';

/** The settings that have another name in a request for a message. */
const SETTINGS: ReadonlyMap<string, string> = new Map([
  ['max_output_tokens', 'max_tokens'],
  ['stop', 'stop_sequences'],
  ['format', 'output_config.format'],
  ['reasoning', 'thinking'],
  ['parallel_tool_calls', 'tool_choice.disable_parallel_tool_use'],
]);

/** Of calls, outputs and thoughts. */
const FIELDS: ReadonlyMap<string, string> = new Map([
  ['arguments', 'input'],
  ['output', 'content'],
  ['encrypted_content', 'signature'],
]);

/** Of the parts of a message or of a result: where their content is. */
const SOURCES: ReadonlyMap<string, string> = new Map([
  ['image_url', 'source'],
  ['file_data', 'source'],
  ['file_url', 'source.url'],
  ['file_id', 'source.file_id'],
  ['filename', 'title'],
]);

/** The path in a request for a failure's location: `messages[1].content[0].tool_use_id`. */
export function messageField(location: Location, body: Record<string, unknown>): string {
  if ('setting' in location) return SETTINGS.get(location.setting) ?? location.setting;
  const sources: ItemSource[] = [];
  const system = systemItems(body.system as Parameters<typeof systemItems>[0]);
  const { items } = parseMessages(body.messages as unknown[], system, sources);
  const { item: at, part, field } = location;
  const source = sources[at];
  const item = items[at];
  if (!source || !item) return 'messages';
  if (source.message === -1)
    return part === undefined || typeof body.system === 'string' ? 'system' : `system[${part}]`;
  const message = `messages[${source.message}]`;
  const named = field && (FIELDS.get(field) ?? SOURCES.get(field) ?? field);
  const inner = named ? `.${named}` : '';
  if (source.block === undefined) return `${message}.content`;
  if (item.type === 'message') {
    return part === undefined ? `${message}${inner}` : `${message}.content[${source.block + part}]${inner}`;
  }
  const block = `${message}.content[${source.block}]`;
  if (part !== undefined) return `${block}.content[${part}]${inner}`;
  return field === 'call_id' ? `${block}.${idField(item)}` : `${block}${inner}`;
}

const idField = ({ type }: Item): string => (type === 'function_call_output' ? 'tool_use_id' : 'id');
