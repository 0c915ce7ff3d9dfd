import type { Delta } from '../core/delta.ts';
import type { OtherItem } from '../core/items.ts';

/**
 * The events of the Responses API between the start and the end of an image, by the last part of their names.
 */
const STATES = ['in_progress', 'generating', 'completed'];

/**
 * An image that a provider sent in one piece, as the deltas that the Responses API has for the generation of an
 * image.
 */
export function imageDeltas(
  index: number,
  image: OtherItem,
  { choice, native }: { choice: number; native?: unknown },
): Delta[] {
  const { type } = image;
  const item: OtherItem = { type, status: 'in_progress', result: null };
  return [
    { type: 'item-start', index, item, ...(choice > 0 && { choice }) },
    ...STATES.map(
      (state): Delta => ({ type: 'progress', index, event: `response.${type}.${state}`, data: {} }),
    ),
    { type: 'item-end', index, item: image, ...(native !== undefined && { native }) },
  ];
}
