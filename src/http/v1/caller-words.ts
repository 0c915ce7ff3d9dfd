import { Fault, type Subject } from '../../core/errors.ts';
import { parseResponseId } from '../../core/ids.ts';
import type { Item, Part } from '../../core/items.ts';
import type { Dialect, ItemLocation } from '../dialect.ts';

/** Failures that name the request field as the caller wrote it. Parts below `http/` know only canonical terms. */

/** The request body, and the items that the dialect parsed from it. */
interface Sent {
  body: Record<string, unknown>;
  items: readonly Item[];
}

/** A failure of a request, with the field as the caller wrote it. */
export function inCallersWords(failure: unknown, dialect: Pick<Dialect, 'fieldOf'>, sent: Sent): unknown {
  if (!(failure instanceof Fault) || !failure.about) return failure;
  const { about } = failure;
  const location = 'setting' in about ? about : locationOf(about, sent.items);
  const field = location && dialect.fieldOf?.(location, sent.body);
  if (field === undefined) return failure;
  const named = failure.with({ param: field });
  return 'setting' in about
    ? named.reworded((text) => text.replaceAll(`\`${about.setting}\``, `\`${field}\``))
    : named;
}

/** A failure whose message has the ids of turns as callers of the dialect see them. */
export function inOwnIds(fault: Fault, { publicId }: Pick<Dialect, 'publicId'>): Fault {
  return fault.reworded((text) =>
    text.replace(/\bresp_\w+/g, (id) => {
      const turn = parseResponseId(id);
      return turn === undefined ? id : publicId(turn);
    }),
  );
}

/** The same for a request whose field `list` holds canonical items. */
export function inItemsOf(list: string, items: readonly Item[], failure: unknown): unknown {
  return inCallersWords(
    failure,
    { fieldOf: (location) => itemField(list, location as ItemLocation, items) },
    {
      body: {},
      items,
    },
  );
}

/**
 * Finds the item or part that a failure is about. `undefined` if it is in the history and not in the request.
 */
function locationOf(
  { content, field }: Extract<Subject, { content: unknown }>,
  items: readonly Item[],
): ItemLocation | undefined {
  const find = (isSame: (one: Item | Part) => boolean): ItemLocation | undefined => {
    for (let item = 0; item < items.length; item++) {
      if (isSame(items[item]!)) return { item, field };
      const part = partsOf(items[item]!).findIndex(isSame);
      if (part !== -1) return { item, part, field };
    }
    return undefined;
  };
  // The failure may come from an earlier request with equal content: then the objects are equal, but not the
  // same.
  return find((one) => one === content) ?? find((one) => Bun.deepEquals(one, content));
}

/** The parts of an item: of a message's content, or of a tool's output. */
function partsOf(item: Item): readonly Part[] {
  const { content, output } = item as { content?: unknown; output?: unknown };
  const parts = item.type === 'message' ? content : output;
  return Array.isArray(parts) ? parts : [];
}

/** The path of an item's field, as the Responses API names it: `input[1].output[0].file_data`. */
export function itemField(
  list: string,
  { item, part, field }: ItemLocation,
  items: readonly unknown[],
): string {
  const at = `${list}[${item}]`;
  if (part === undefined) return field === undefined ? at : `${at}.${field}`;
  const { output, content } = items[item] as { output?: unknown; content?: unknown };
  const name = output === undefined ? 'content' : 'output';
  if (!Array.isArray(output ?? content)) return `${at}.${name}`;
  return field === undefined ? `${at}.${name}[${part}]` : `${at}.${name}[${part}].${field}`;
}
