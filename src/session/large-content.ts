import { Fault } from '../core/errors.ts';
import type { Item } from '../core/items.ts';
import type { Tool } from '../core/settings.ts';
import type { Intent, Tenant, Turn } from '../core/turn.ts';
import { decodePlayed, decodeTurn } from './codec.ts';
import type { BlobStore, TurnRow } from './store.ts';
import type { Tape } from './tape.ts';

/**
 * Images, files and long tool lists are kept once, by content hash, outside the turn. In their place
 * stands `clawhold-blob:<hash>`.
 */
const REFERENCE = 'clawhold-blob:';
const LARGE = 8 * 1024;
const LARGE_TOOLS = 2 * 1024;

/** Messages' own text stays in the turn, whatever its length: only payloads in these fields move out. */
const PAYLOAD_FIELDS = new Set(['image_url', 'file_data', 'data', 'result', 'b64_json', 'partial_image_b64']);

type Visit = (text: string) => string;

/** A copy of `value` with every payload string replaced by `visit`; parts without one are shared. */
function mapPayloads<T>(value: T, visit: Visit): T {
  if (Array.isArray(value)) {
    const mapped = value.map((entry) => mapPayloads(entry, visit));
    return mapped.some((entry, i) => entry !== value[i]) ? (mapped as T) : value;
  }
  if (value === null || typeof value !== 'object') return value;
  let copy: Record<string, unknown> | undefined;
  for (const [key, entry] of Object.entries(value)) {
    const mapped =
      typeof entry === 'string'
        ? PAYLOAD_FIELDS.has(key)
          ? visit(entry)
          : entry
        : mapPayloads(entry, visit);
    if (mapped === entry) continue;
    copy ??= { ...(value as Record<string, unknown>) };
    copy[key] = mapped;
  }
  return (copy ?? value) as T;
}

function payloads(content: unknown, wanted: (text: string) => boolean): Set<string> {
  const found = new Set<string>();
  mapPayloads(content, (text) => {
    if (wanted(text)) found.add(text);
    return text;
  });
  return found;
}

/** Whether stored text may hold a reference; most does not, and need not be looked through. */
export const mayRefer = (body: string): boolean => body.includes(REFERENCE);

/** Moves large payloads of items, or of a tape, to the blob store. Resolves when they survive the machine. */
export async function moveOut<Content extends Item[] | Tape | undefined>(
  content: Content,
  tenant: Tenant,
  blobs: BlobStore,
): Promise<Content> {
  // What only looks like a reference must not be taken for one when it is read.
  const large = payloads(content, (text) => text.length >= LARGE || text.startsWith(REFERENCE));
  if (large.size === 0) return content;
  const references = new Map<string, string>();
  for (const text of large) references.set(text, REFERENCE + (await blobs.putBlob(tenant, text)));
  return mapPayloads(content, (text) => references.get(text) ?? text);
}

/** The inverse of `moveOut`; `context_lost` when a blob is missing. */
export async function bringBack<Content extends Item[] | Tape | undefined>(
  content: Content,
  tenant: Tenant,
  blobs: BlobStore,
): Promise<Content> {
  const references = payloads(content, (text) => text.startsWith(REFERENCE));
  if (references.size === 0) return content;
  const contents = new Map<string, string>();
  for (const reference of references)
    contents.set(reference, await readBlob(reference.slice(REFERENCE.length), tenant, blobs));
  return mapPayloads(content, (text) => contents.get(text) ?? text);
}

async function readBlob(hash: string, tenant: Tenant, blobs: BlobStore): Promise<string> {
  const content = await blobs.getBlob(tenant, hash);
  if (content === undefined)
    throw new Fault('context_lost', `The stored content ${hash} is missing or damaged.`);
  return content;
}

/** The intent as it is journaled and stored: the same, with its large content moved out. */
export async function slimIntent(intent: Intent, blobs: BlobStore): Promise<Intent> {
  const input = await moveOut(intent.input, intent.tenant, blobs);
  const { tools, ...settings } = intent.settings;
  const text = tools && JSON.stringify(tools);
  if (!text || text.length < LARGE_TOOLS) return input === intent.input ? intent : { ...intent, input };
  return { ...intent, input, settings, toolsBlob: await blobs.putBlob(intent.tenant, text) };
}

/** A stored turn with all its content, for a reader outside. */
export const wholeTurn = (row: TurnRow, blobs: BlobStore): Promise<Turn> => completed(decodeTurn(row), blobs);

/** The same, with what it takes to stream it again. */
export async function playedTurn(row: TurnRow, blobs: BlobStore): Promise<{ turn: Turn; tape?: Tape }> {
  const { turn, tape } = decodePlayed(row);
  return { turn: await completed(turn, blobs), tape: await bringBack(tape, row.tenant, blobs) };
}

async function completed(turn: Turn, blobs: BlobStore): Promise<Turn> {
  const [input, output] = await Promise.all([
    bringBack(turn.input, turn.tenant, blobs),
    bringBack(turn.output, turn.tenant, blobs),
  ]);
  if (!turn.toolsBlob) return { ...turn, input, output };
  const tools = JSON.parse(await readBlob(turn.toolsBlob, turn.tenant, blobs)) as Tool[];
  return { ...turn, input, output, settings: { ...turn.settings, tools } };
}

/** The inverse of `slimIntent`. */
export async function wholeIntent(slim: Intent, blobs: BlobStore): Promise<Intent> {
  const input = await bringBack(slim.input, slim.tenant, blobs);
  if (!slim.toolsBlob) return { ...slim, input };
  const { toolsBlob, ...intent } = slim;
  const tools = JSON.parse(await readBlob(toolsBlob, slim.tenant, blobs)) as Tool[];
  return { ...intent, input, settings: { ...slim.settings, tools } };
}
