import type { Item, Part } from '../../core/items.ts';
import { isObject } from '../../core/json.ts';
import { invalid } from './fields.ts';
import { base64Text, checkedUrl, replaced, withCheckedMedia } from './media.ts';
import { CANONICAL_PARTS, requireShape, type Shape } from './shapes.ts';

/**
 * Items in their canonical form, as callers and files write them (Open Responses, `ItemParam`). Kinds that we do not
 * know are kept as they are.
 */

export function parseItems(items: unknown, param: string): Item[] {
  if (!Array.isArray(items))
    throw invalid(param, param === 'input' ? 'a string or an array of items' : 'an array of items');
  return items.map((item: unknown, index) => parseItem(item, `${param}[${index}]`));
}

/** The items whose fields are checked. */
export const ITEM_SHAPES: ReadonlyMap<string, Shape> = new Map<string, Shape>([
  [
    'message',
    {
      values: { role: ['user', 'assistant', 'system', 'developer'] },
      contents: ['content'],
      isUntyped: true,
    },
  ],
  ['reasoning', { lists: { summary: 'optional', content: 'optional' } }],
  ['function_call', { texts: ['call_id', 'name', 'arguments'], optional: ['namespace'] }],
  ['function_call_output', { texts: ['call_id'], contents: ['output'] }],
  ['custom_tool_call', { texts: ['call_id', 'name', 'input'], optional: ['namespace'] }],
  ['custom_tool_call_output', { texts: ['call_id'], contents: ['output'] }],
  ['item_reference', { texts: ['id'] }],
]);

const ANY_ITEM: Shape = { optional: ['id'] };

/** An item of a request. One of a kind that has a canonical form has its fields checked, in every dialect. */
export function parseItem(item: unknown, param: string): Item {
  if (!isObject(item)) throw invalid(param, 'an item object');
  const type = item.type ?? ('role' in item ? 'message' : undefined);
  if (typeof type !== 'string') throw invalid(`${param}.type`, 'the kind of the item');
  const shape = ITEM_SHAPES.get(type);
  requireShape(item, ANY_ITEM, param);
  if (shape) requireShape(item, shape, param);
  switch (type) {
    case 'message':
      return parseMessage(item, param);
    case 'function_call_output':
    case 'custom_tool_call_output':
      return parseOutput(item, param);
    case 'reasoning':
      return parseReasoning(item, param);
    case 'image_generation_call':
      return parseGeneratedImage(item, param);
    case 'computer_call_output':
      return parseScreenshot(item, param);
  }
  return item as unknown as Item;
}

/** A client may send back only an id, or only encrypted content. */
function parseReasoning(item: Record<string, unknown>, param: string): Item {
  const { summary, id, encrypted_content } = item;
  const isMissing = summary === undefined || summary === null;
  if (isMissing && typeof (id ?? encrypted_content) !== 'string')
    throw invalid(`${param}.summary`, 'an array');
  return { ...item, summary: summary ?? [] } as unknown as Item;
}

/** OpenAI's API refuses such an item without the field (OpenAI API description, `ImageGenToolCall`). */
function parseGeneratedImage(item: Record<string, unknown>, param: string): Item {
  const { result = null } = item;
  const path = `${param}.result`;
  if (result !== null && typeof result !== 'string') throw invalid(path, 'data in base64');
  return replaced(item, 'result', result ? base64Text(result, path) : null) as unknown as Item;
}

function parseScreenshot(item: Record<string, unknown>, param: string): Item {
  const { output } = item;
  if (!isObject(output) || typeof output.image_url !== 'string') return item as unknown as Item;
  const image_url = checkedUrl(output.image_url, `${param}.output.image_url`);
  return replaced(item, 'output', replaced(output, 'image_url', image_url)) as unknown as Item;
}

function parseOutput(item: Record<string, unknown>, param: string): Item {
  const output = item.output as string | unknown[];
  if (typeof output === 'string') return item as unknown as Item;
  const parts = output.map((part: unknown, index) => parsePart(part, `${param}.output[${index}]`));
  return { ...item, output: parts } as unknown as Item;
}

function parseMessage(item: Record<string, unknown>, param: string): Item {
  const { role } = item;
  const content = item.content as string | unknown[];
  if (typeof content === 'string') {
    const part: Part =
      role === 'assistant'
        ? { type: 'output_text', text: content, annotations: [] }
        : { type: 'input_text', text: content };
    return { ...item, type: 'message', content: [part] } as Item;
  }
  const parts = content.map((part: unknown, index) => parsePart(part, `${param}.content[${index}]`));
  return { ...item, type: 'message', content: parts } as Item;
}

/** A part of a message or of an output; the same holds for its fields. */
export function parsePart(part: unknown, param: string): Part {
  return withCheckedMedia(shapedPart(part, param), param);
}

/** The same for a part whose data is checked already. */
export function shapedPart(part: unknown, param: string): Part {
  if (!isObject(part) || typeof part.type !== 'string') throw invalid(param, 'a content part with a type');
  const shape = CANONICAL_PARTS.get(part.type);
  if (shape) requireShape(part, shape, param);
  if (part.type === 'output_text' && !Array.isArray(part.annotations))
    return { ...part, annotations: [] } as unknown as Part;
  return part as unknown as Part;
}
