import type { Delta } from '../../core/delta.ts';
import { foldAll } from '../../core/fold.ts';
import type { Item, OutputText } from '../../core/items.ts';
import type { Outcome } from '../../core/turn.ts';

export type DeltaOf<Type extends Delta['type']> = Extract<Delta, { type: Type }>;

/** A delta that adds to a text. Its type, item and part are its channel. */
export type TextDelta = DeltaOf<Extract<Delta['type'], `${string}-delta`>>;

/** All items of an answer, by choice. */
export const choicesOf = ({ output, alternates = [] }: Outcome): Item[][] => [output, ...alternates];

/** An answer as if it had come whole: item by item, and in each one delta per part. */
export function outputDeltas(outcome: Outcome): Delta[] {
  const { provider, protocol = '', servedModel } = outcome;
  const deltas: Delta[] = [];
  if (provider !== undefined) deltas.push({ type: 'attempt', provider, protocol, model: servedModel ?? '' });
  if (servedModel !== undefined) deltas.push({ type: 'start', model: servedModel });
  let index = 0;
  choicesOf(outcome).forEach((items, choice) => {
    for (const item of items) deltas.push(...itemDeltas(item, index++, choice));
  });
  return deltas;
}

/** The end brings the whole item along where its deltas do not amount to it. */
function itemDeltas(item: Item, index: number, choice: number): Delta[] {
  const start: Delta = { type: 'item-start', index, item: emptied(item), ...(choice > 0 && { choice }) };
  const deltas: Delta[] = [start, ...contentDeltas(item, index)];
  const folded = foldAll(deltas).items[index]!.item;
  // A message that ended without a status was given one, and any item an id, when it was settled.
  const settled = { ...folded, ...(item.type === 'message' && { status: 'completed' }), id: '' };
  const isWhole = JSON.stringify(settled) === JSON.stringify({ ...item, id: '' });
  return [...deltas, isWhole ? { type: 'item-end', index } : { type: 'item-end', index, item }];
}

/** An item before anything was added to it. Kinds that do not grow begin as what they are. */
export function emptied(item: Item): Item {
  switch (item.type) {
    case 'message':
      return { type: 'message', role: item.role, content: [] };
    case 'reasoning':
      return { type: 'reasoning', summary: [] };
    case 'function_call':
      return { type: 'function_call', call_id: item.call_id, name: item.name, arguments: '' };
    default:
      return isCustomCall(item) ? ({ ...item, input: '' } as Item) : item;
  }
}

function contentDeltas(item: Item, index: number): Delta[] {
  switch (item.type) {
    case 'message':
      return item.content.flatMap((_, part) => partDeltas(item, index, part));
    case 'reasoning':
      return [
        ...item.summary.flatMap((_, part) => textDeltas(item, 'summary-delta', index, part)),
        ...(item.content ?? []).flatMap((_, part) => textDeltas(item, 'reasoning-delta', index, part)),
      ];
    default: {
      const text = textIn(item, 'arguments-delta', 0);
      return text ? [{ type: 'arguments-delta', index, text }] : [];
    }
  }
}

function textDeltas(
  item: Item,
  type: 'refusal-delta' | 'reasoning-delta' | 'summary-delta',
  index: number,
  part: number,
): Delta[] {
  const text = textIn(item, type, part);
  return text === undefined ? [] : [{ type, index, part, text }];
}

function partDeltas(message: Item, index: number, part: number): Delta[] {
  const held = textPartIn(message, part);
  if (!held) return textDeltas(message, 'refusal-delta', index, part);
  const { text, annotations, logprobs } = held;
  return [
    { type: 'text-delta', index, part, text, ...(logprobs && { logprobs }) },
    ...annotations.map((annotation): Delta => ({ type: 'annotation', index, part, annotation })),
  ];
}

/** The text that a channel amounts to in an item; `undefined` where the item has no such channel. */
export function textIn(item: Item | undefined, type: TextDelta['type'], part: number): string | undefined {
  if (type === 'text-delta') return textPartIn(item, part)?.text;
  if (type === 'arguments-delta') {
    if (item?.type === 'function_call') return item.arguments;
    const { input } = (item && isCustomCall(item) ? item : {}) as { input?: unknown };
    return typeof input === 'string' ? input : undefined;
  }
  if (type === 'refusal-delta') {
    const held = item?.type === 'message' ? item.content[part] : undefined;
    return held?.type === 'refusal' ? held.refusal : undefined;
  }
  if (item?.type !== 'reasoning') return undefined;
  return (type === 'summary-delta' ? item.summary : item.content)?.[part]?.text;
}

export function textPartIn(item: Item | undefined, part: number): OutputText | undefined {
  const held = item?.type === 'message' ? item.content[part] : undefined;
  return held?.type === 'output_text' ? held : undefined;
}

const isCustomCall = (item: Item): boolean => (item.type as string) === 'custom_tool_call';
