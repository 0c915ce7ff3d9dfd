import { type Item, isKnownKind, type Part } from './items.ts';

/**
 * What a caller wrote in words of one API that the gateway does not interpret is kept, and sent on where the turn is
 * asked for. The provider that answered took it; any other one might refuse it in each later turn of the session. There,
 * an item is read as this version interprets it.
 */

const PARTS: ReadonlySet<string> = new Set([
  'input_text',
  'output_text',
  'refusal',
  'input_image',
  'input_file',
  'input_audio',
]);

/**
 * An item of the caller without what is not interpreted: parts of other kinds become a line of text. `undefined` for an
 * item of another kind, and for reasoning, which only the API that it was written for can check. `further` are other
 * kinds of parts that the reader is known to take.
 */
export function interpreted(item: Item, further?: RegExp): Item | undefined {
  switch (item.type) {
    case 'reasoning':
      return undefined;
    case 'message':
      return withParts(item, 'content', further);
    default:
      if (!isKnownKind(item)) return undefined;
      return isOutputInParts(item) ? withParts(item, 'output', further) : item;
  }
}

/** Whether an item is the output of a function or of a custom tool, and has parts. Other outputs have forms of their own. */
export const isOutputInParts = (item: Item): item is Item & { output: Part[] } =>
  /^(function|custom_tool)_call_output$/.test(item.type) &&
  Array.isArray((item as { output?: unknown }).output);

function withParts(item: Item, field: 'content' | 'output', further: RegExp | undefined): Item {
  const parts = (item as unknown as Record<string, unknown>)[field] as Part[];
  const isRead = ({ type }: Part) => PARTS.has(type) || further?.test(type);
  if (parts.every(isRead)) return item;
  const isOfModel = item.type === 'message' && item.role === 'assistant';
  const read = parts.map((part) => (isRead(part) ? part : unreadPart(part, isOfModel)));
  return { ...item, [field]: read } as Item;
}

function unreadPart({ type }: Part, isOfModel: boolean): Part {
  const text = `[Sent earlier, not readable by this model: content of type "${type}"]`;
  return isOfModel ? { type: 'output_text', text, annotations: [] } : { type: 'input_text', text };
}
