import { Fault, type Subject } from '../../core/errors.ts';
import type { Item, Part } from '../../core/items.ts';
import type { Dialect, ItemPlace } from '../dialect.ts';

/** Failures that name the request field as the caller wrote it. Parts below `http/` know only canonical terms. */

/** What the caller sent, and the items that its dialect made of it. */
interface Sent {
  body: Record<string, unknown>;
  items: readonly Item[];
}

/** A failure of a request in a dialect. */
export function inCallersWords(failure: unknown, dialect: Pick<Dialect, 'fieldOf'>, sent: Sent): unknown {
  if (!(failure instanceof Fault) || !failure.about) return failure;
  const { about } = failure;
  const place = 'setting' in about ? about : placeOf(about, sent.items);
  const field = place && dialect.fieldOf?.(place, sent.body);
  return field === undefined ? failure : failure.with({ param: field });
}

/** A failure of a request whose items are canonical, in its field `list`. */
export function inItemsOf(list: string, items: readonly Item[], failure: unknown): unknown {
  return inCallersWords(
    failure,
    { fieldOf: (place) => itemField(list, place as ItemPlace, items) },
    {
      body: {},
      items,
    },
  );
}

/** `undefined` where the failure is about the history. */
function placeOf(
  { content, field }: Extract<Subject, { content: unknown }>,
  items: readonly Item[],
): ItemPlace | undefined {
  const find = (isSame: (one: Item | Part) => boolean): ItemPlace | undefined => {
    for (let item = 0; item < items.length; item++) {
      if (isSame(items[item]!)) return { item, field };
      const part = partsOf(items[item]!).findIndex(isSame);
      if (part !== -1) return { item, part, field };
    }
    return undefined;
  };
  // A request that was sent again has equal objects.
  return find((one) => one === content) ?? find((one) => Bun.deepEquals(one, content));
}

/** The parts of an item: of a message's content, or of a tool's output. */
function partsOf(item: Item): readonly Part[] {
  const { content, output } = item as { content?: unknown; output?: unknown };
  const parts = item.type === 'message' ? content : output;
  return Array.isArray(parts) ? parts : [];
}

/** A field of an item in the words of Open Responses: `input[1].output[0].file_data`. */
export function itemField(list: string, { item, part, field }: ItemPlace, items: readonly unknown[]): string {
  const at = `${list}[${item}]`;
  if (part === undefined) return field === undefined ? at : `${at}.${field}`;
  const { output, content } = items[item] as { output?: unknown; content?: unknown };
  const name = output === undefined ? 'content' : 'output';
  if (!Array.isArray(output ?? content)) return `${at}.${name}`;
  return field === undefined ? `${at}.${name}[${part}]` : `${at}.${name}[${part}].${field}`;
}
