import { compactArguments } from './call-arguments.ts';
import { contentOf, type Item } from './items.ts';
import { isObject } from './json.ts';
import type { Settings, Tool } from './settings.ts';

/**
 * Cache marks: where a caller wants its provider to cache the prompt, from the beginning up to the mark. Callers
 * write them as `cache_control: {"type": "ephemeral"}` on a content part, a message, another item or a tool
 * (platform.claude.com, "Prompt caching"; openrouter.ai, "Prompt caching").
 *
 * A mark is a position in one request and never content. It is taken off the request when the request is parsed,
 * and is not stored. A request with marks sends only its own, also where they are on history that the session
 * holds already.
 */
export type CacheMark = ToolMark | ItemMark;

/** After a tool. */
export interface ToolMark {
  kind: 'tool';
  /** The index in `Settings.tools`. */
  tool: number;
  ttl?: string;
}

/**
 * After an item. The request's input may be a session's new items or its whole history, so the item is named by
 * its content and not by an index.
 */
export interface ItemMark extends PartMark {
  kind: 'item';
  /** Hash of the item's content. */
  content: string;
  /** How many items with the same content follow it in the request. */
  followers: number;
}

/** A mark on an item. */
export interface PartMark {
  /** The index of the content part; absent where the mark is on the whole item. */
  part?: number;
  /** How long the cache lives: `5m` or `1h`. Absent: the provider's default. */
  ttl?: string;
}

/**
 * Anthropic refuses a request with more ("A maximum of 4 blocks with cache_control may be provided"). Alibaba uses
 * the last four (alibabacloud.com, "Context cache").
 */
const MOST_MARKS = 4;

interface Marked {
  input: Item[];
  inputNatives?: Record<number, unknown>;
  settings: Settings;
}

/** A parsed request without marks in its content, and the marks to send, in their order. */
export function takeCacheMarks<Ask extends Marked>(ask: Ask): Ask & { marks?: readonly CacheMark[] } {
  const onTools: CacheMark[] = [];
  const { settings } = ask;
  const tools = mapped(settings.tools ?? [], (tool, index) =>
    unmarked(tool, (ttl) => onTools.push({ kind: 'tool', tool: index, ttl })),
  );
  const onItems: (PartMark & { item: number })[] = [];
  const bare = withoutCacheMarks(ask, (item, mark) => onItems.push({ item, ...mark }));
  if (onTools.length + onItems.length === 0) return ask;
  const marks = chosen([...onTools, ...namedByContent(onItems, bare.input)]);
  return { ...ask, ...bare, settings: settings.tools ? { ...settings, tools } : settings, marks };
}

type Items = Pick<Marked, 'input' | 'inputNatives'>;

/** Items and their natives without marks. Those without any are returned as they are. */
export function withoutCacheMarks(
  { input, inputNatives }: Items,
  onMark: (item: number, mark: PartMark) => void = () => {},
): Items {
  const natives: Record<number, unknown> = {};
  const items = mapped(input, (item, index) => {
    const bare = unmarkedItem(item, (mark) => onMark(index, mark));
    const native = unmarkedNative(inputNatives?.[index], (ttl) => onMark(index, { ttl }));
    if (native !== undefined) natives[index] = native;
    return bare;
  });
  return { input: items, inputNatives: Object.keys(natives).length > 0 ? natives : undefined };
}

function unmarkedItem(item: Item, onMark: (mark: PartMark) => void): Item {
  let bare = item as Record<string, unknown>;
  for (const field of ['content', 'output']) {
    const parts = bare[field];
    if (!Array.isArray(parts)) continue;
    const kept = mapped(parts, (value, part) => unmarked(value, (ttl) => onMark({ part, ttl })));
    if (kept !== parts) bare = { ...bare, [field]: kept };
  }
  return unmarked(bare, (ttl) => onMark({ ttl })) as unknown as Item;
}

/** Natives hold the fields of a chat message, and under `tool_call` those of a call. */
function unmarkedNative(native: unknown, onMark: (ttl?: string) => void): unknown {
  const bare = unmarked(native, onMark);
  if (!isObject(bare)) return bare;
  const { tool_call, ...fields } = bare;
  const call = unmarked(tool_call, onMark);
  const kept = isObject(call) && Object.keys(call).length > 0 ? { ...fields, tool_call: call } : fields;
  return Object.keys(kept).length > 0 ? kept : undefined;
}

function unmarked<Value>(value: Value, onMark: (ttl?: string) => void): Value {
  if (!isObject(value) || !('cache_control' in value)) return value;
  const { cache_control, ...rest } = value;
  if (isObject(cache_control)) {
    onMark(typeof cache_control.ttl === 'string' ? cache_control.ttl : undefined);
  }
  return rest as Value;
}

/** The list itself where no entry changes. */
function mapped<Entry>(list: Entry[], map: (entry: Entry, index: number) => Entry): Entry[] {
  let changed: Entry[] | undefined;
  for (const [index, entry] of list.entries()) {
    const next = map(entry, index);
    if (next === entry) continue;
    changed ??= [...list];
    changed[index] = next;
  }
  return changed ?? list;
}

function namedByContent(marks: readonly (PartMark & { item: number })[], input: Item[]): ItemMark[] {
  const first = Math.min(...marks.map(({ item }) => item));
  const followers = new Map<string, number>();
  const names = new Map<number, Pick<ItemMark, 'content' | 'followers'>>();
  for (let index = input.length - 1; index >= first; index--) {
    const content = hashOf(input[index]!);
    const count = followers.get(content) ?? 0;
    names.set(index, { content, followers: count });
    followers.set(content, count + 1);
  }
  return marks.map(({ item, ...mark }) => ({ kind: 'item', ...names.get(item)!, ...mark }));
}

/** The arguments of a call may be written in another way in the session. */
const hashOf = (item: Item): string => {
  const same = item.type === 'function_call' ? { ...item, arguments: compactArguments(item) } : item;
  return Bun.hash.xxHash64(contentOf(same)).toString(36);
};

const isLong = ({ ttl }: CacheMark): boolean => ttl === '1h';

/**
 * The marks that a provider accepts: the last four, one-hour ones first. A shorter one must not precede a one-hour
 * one ("a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block").
 */
function chosen(marks: readonly CacheMark[]): CacheMark[] {
  const lastLong = marks.findLastIndex(isLong);
  const allowed = marks.filter((mark, index) => index >= lastLong || isLong(mark));
  const long = allowed.filter(isLong).slice(-MOST_MARKS);
  const short = allowed.filter((mark) => !isLong(mark));
  return [...long, ...short.slice(Math.max(0, short.length - (MOST_MARKS - long.length)))];
}

/** The entries of a prompt, with the request's marks on those that they are about. */
export function withMarks<Entry extends { item: Item; marks?: readonly PartMark[] }>(
  entries: readonly Entry[],
  marks: readonly CacheMark[] = [],
): Entry[] {
  const wanted = new Map<string, PartMark[]>();
  for (const mark of marks) {
    if (mark.kind === 'tool') continue;
    const { kind: _, content, followers, ...onItem } = mark;
    const name = `${content} ${followers}`;
    wanted.set(name, [...(wanted.get(name) ?? []), onItem]);
  }
  const found = [...entries];
  const followers = new Map<string, number>();
  for (let index = found.length - 1; index >= 0 && wanted.size > 0; index--) {
    const content = hashOf(found[index]!.item);
    const count = followers.get(content) ?? 0;
    followers.set(content, count + 1);
    const onItem = wanted.get(`${content} ${count}`);
    if (!onItem) continue;
    wanted.delete(`${content} ${count}`);
    found[index] = { ...found[index]!, marks: onItem };
  }
  return found;
}

/** The tools of a request, with its marks on them, for a protocol whose tools can be marked. */
export function markedTools({ tools }: Settings, marks: readonly CacheMark[] = []): Tool[] | undefined {
  return tools?.map((tool, index) => {
    const mark = marks.find((each) => each.kind === 'tool' && each.tool === index);
    return mark ? ({ ...tool, cache_control: cacheControl(mark) } as Tool) : tool;
  });
}

/**
 * The content of an item on a provider's wire, with its marks. `parts` has one entry for each part of the item. A
 * part that is left out (`undefined`) gives its mark to the part before it; the mark of the whole item is on the
 * last part.
 */
export function markedParts<Part extends object>(
  parts: readonly (Part | undefined)[],
  marks: readonly PartMark[] = [],
): Part[] {
  const marked = [...parts];
  for (const { part = parts.length - 1, ttl } of marks) {
    const at = parts.findLastIndex((each, index) => each !== undefined && index <= part);
    if (at !== -1) marked[at] = { ...marked[at]!, cache_control: cacheControl({ ttl }) };
  }
  return marked.filter((part) => part !== undefined);
}

/** A mark as the providers that have marks write it. */
function cacheControl({ ttl }: { ttl?: string }): Record<string, unknown> {
  return ttl === undefined ? { type: 'ephemeral' } : { type: 'ephemeral', ttl };
}
