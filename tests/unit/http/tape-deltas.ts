import type { Delta } from '../../../src/core/delta.ts';
import { emptied, type Item } from '../../../src/core/items.ts';

/** An answer as the deltas of a claw. Texts come in two parts. */
export function tapeDeltas(
  output: readonly Item[],
  natives: Record<number, unknown> | undefined,
  by: { provider: string; protocol: string; model: string },
): Delta[] {
  const start: Delta[] = [
    { type: 'attempt', ...by },
    { type: 'start', model: by.model },
  ];
  const items = output.flatMap((item, index): Delta[] => [
    { type: 'item-start', index, item: emptied(item) },
    ...contentDeltas(item, index),
    { type: 'item-end', index, ...(natives?.[index] !== undefined && { native: natives[index] }) },
  ]);
  return [...start, ...items, { type: 'finish', reason: { unified: 'stop', raw: 'STOP' } }];
}

function contentDeltas(item: Item, index: number): Delta[] {
  if (item.type === 'function_call') return [{ type: 'arguments-delta', index, text: item.arguments }];
  if (item.type === 'reasoning')
    return (item.content ?? []).map(({ text }, part) => ({ type: 'reasoning-delta', index, part, text }));
  if (item.type !== 'message') return [];
  return item.content.flatMap((content, part) =>
    content.type === 'output_text'
      ? halves(content.text).map((text): Delta => ({ type: 'text-delta', index, part, text }))
      : [],
  );
}

const halves = (text: string): string[] => [text.slice(0, 2), text.slice(2)].filter((half) => half !== '');
