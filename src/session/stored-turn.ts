import { withoutCacheMarks } from '../core/cache-marks.ts';
import { Fault } from '../core/errors.ts';
import type { Item } from '../core/items.ts';
import type { AnsweredBy, Outcome } from '../core/outcome.ts';
import type { Tool } from '../core/settings.ts';
import {
  type AppendIntent,
  notesOf,
  type PlacedIntent,
  type Retention,
  type RunFields,
  type Turn,
  type WaitingIntent,
} from '../core/turn.ts';
import type { BlobOwner, BlobStore } from './blob-store.ts';
import type { Tape } from './tape/format.ts';
import type { TurnRow } from './turn-log.ts';

/**
 * How a turn is stored: a row's columns, its `body`, and the blobs beside it.
 *
 * Images, files, long tool lists and long instructions are offloaded: they are kept once per session, by content
 * hash, in the blob store, and `clawhold-blob:<hash>` replaces them in the turn.
 */
const REFERENCE = 'clawhold-blob:';
/** A payload of at least this many characters is offloaded. */
const LARGE = 8 * 1024;
/** The same for tools and instructions, which most turns of a session share. */
const LARGE_TEXT = 2 * 1024;

/** Text of messages stays in the turn, even if it is long: only payloads in these fields are offloaded. */
const PAYLOAD_FIELDS = new Set(['image_url', 'file_data', 'data', 'result', 'b64_json', 'partial_image_b64']);

/** The fields of a body as every version has written them: those of `AnsweredBy` are at the top level. */
interface FlatAnsweredBy {
  provider?: string;
  protocol?: string;
  servedModel?: string;
  providerId?: string;
  calledModel?: string;
  instance?: string;
}

/** The text of a turn's body: what the row has no column for. Absent fields take no bytes. */
export function encodeBody(intent: PlacedIntent | AppendIntent, outcome: Outcome, tape?: Tape): string {
  const { state: _state, answeredBy, output, finish, completedAt, ...facts } = outcome;
  const { provider, protocol, model: servedModel, id: providerId, calledModel, instance } = answeredBy ?? {};
  return JSON.stringify({
    input: nonEmpty(intent.input),
    output: nonEmpty(output),
    ...(intent.kind === 'placed' && storedFields(intent)),
    ...notesOf(intent.position),
    completedAt,
    ...({ provider, protocol, servedModel, providerId, calledModel, instance } satisfies FlatAnsweredBy),
    finish: nonEmpty(finish),
    ...facts,
    tape,
  });
}

/** The fields of an intent that the body holds: all but those that have a column or serve only to run the turn. */
function storedFields(intent: PlacedIntent) {
  const {
    id: _id,
    tenant: _tenant,
    session: _session,
    createdAt: _createdAt,
    dialect: _dialect,
    model: _model,
    retention,
    metadata: _metadata,
    input: _input,
    kind: _kind,
    position: _position,
    vocabulary: _vocabulary,
    marks: _marks,
    fallbacks: _fallbacks,
    routing: _routing,
    rules: _rules,
    extra: _extra,
    verbatim: _verbatim,
    needed: _needed,
    state: _state,
    delivery: _delivery,
    context: _context,
    defaultContext: _defaultContext,
    policy: _policy,
    values: _values,
    requestId: _requestId,
    trace: _trace,
    fingerprint: _fingerprint,
    deferredUntil: _deferredUntil,
    settings,
    ...fields
  } = intent;
  // Does not compile while a run field is missing from the list above.
  const stored: typeof fields & { [Field in RunFields]?: never } = fields;
  return {
    ...stored,
    settings: Object.keys(settings).length > 0 ? settings : undefined,
    // The columns do not tell that a turn is kept in its session alone.
    retention: retention === 'session' ? retention : undefined,
  };
}

const nonEmpty = <T>(list: T[]): T[] | undefined => (list.length > 0 ? list : undefined);

/** A stored turn with references to its offloaded content, and its tape. */
export function decodeTurn(row: TurnRow): { turn: Turn; tape?: Tape } {
  const { tape, retention, ...parsed } = parseBody(row);
  const { provider, protocol, servedModel, providerId, calledModel, instance, ...body } = parsed;
  const flat = { provider, protocol, servedModel, providerId, calledModel, instance };
  const { id, tenant, session, parent, createdAt, dialect, model, metadata, state } = row;
  const turn = {
    settings: {},
    // Earlier versions did not store it.
    ...(model !== '' && { key: '' }),
    ...body,
    id,
    tenant,
    session,
    parent,
    createdAt,
    dialect,
    metadata,
    state,
    answeredBy: answeredByOf(flat, row.model),
    completedAt: body.completedAt ?? createdAt,
    input: body.input ?? [],
    output: body.output ?? [],
    finish: body.finish ?? [],
    ...(model === '' ? { kind: 'append' } : { kind: 'ask', model, retention: retention ?? retentionOf(row) }),
  };
  return { turn: turn as Turn, tape };
}

function answeredByOf(flat: FlatAnsweredBy, model: string): AnsweredBy | undefined {
  const { provider, protocol = '', servedModel = model, providerId, calledModel, instance } = flat;
  if (provider === undefined) return undefined;
  return {
    ...{ provider, protocol, model: servedModel, id: providerId },
    ...(calledModel !== undefined && { calledModel }),
    ...(instance !== undefined && { instance }),
  };
}

/** A turn that its caller deleted can be found only by its idempotency key, like one that is kept for its key. */
function retentionOf({ deleted, listed }: TurnRow) {
  if (deleted) return 'key' as const;
  return listed ? ('listed' as const) : ('stored' as const);
}

type Body = Partial<Outcome> &
  FlatAnsweredBy & {
    input?: Item[];
    inputNatives?: Record<number, unknown>;
    tape?: Tape;
    retention?: Retention & 'session';
  };

/** Whether the turn is a part of its session, though its id may lead nowhere. */
export const isInSession = (row: TurnRow): boolean => !row.deleted || parseBody(row).retention === 'session';

function parseBody(row: TurnRow): Body {
  try {
    const body = JSON.parse(row.body) as Body;
    // Earlier versions stored the cache marks of requests.
    if (!body.input || !row.body.includes('"cache_control"')) return body;
    return { ...body, ...withoutCacheMarks({ ...body, input: body.input }) };
  } catch (cause) {
    throw new Fault('context_lost', `Turn ${row.id} is damaged in the store.`, { cause });
  }
}

/** A stored turn with all its content. */
export async function hydratedTurn(row: TurnRow, blobs: BlobStore): Promise<Turn> {
  return (await hydratedTape(row, blobs)).turn;
}

/** The same, with its tape. */
export async function hydratedTape(row: TurnRow, blobs: BlobStore): Promise<{ turn: Turn; tape?: Tape }> {
  const { turn, tape } = decodeTurn(row);
  const hasBlobs = turn.kind === 'ask' && (turn.toolsBlob ?? turn.instructionsBlob) !== undefined;
  if (!row.body.includes(REFERENCE) && !hasBlobs) return { turn, tape };
  const [input, output, hydrated] = await Promise.all([
    hydrate(turn.input, row, blobs),
    hydrate(turn.output, row, blobs),
    hydrate(tape, row, blobs),
  ]);
  if (turn.kind === 'append') return { turn: { ...turn, input, output }, tape: hydrated };
  return { turn: await withTexts({ ...turn, input, output }, blobs), tape: hydrated };
}

/**
 * A turn as part of a branch: with its items' content, but without large tools and instructions, which no later
 * turn needs.
 */
export async function hydratedItems(row: TurnRow, blobs: BlobStore): Promise<Turn> {
  const { turn } = decodeTurn(row);
  if (row.body.includes(REFERENCE)) {
    turn.input = await hydrate(turn.input, row, blobs);
    turn.output = (await hydrate(turn.output, row, blobs)) as typeof turn.output;
  }
  return turn;
}

/** An intent as it is journaled and stored: the same, with its large content offloaded. */
export async function offloadedIntent<Intent extends WaitingIntent | PlacedIntent>(
  intent: Intent,
  blobs: BlobStore,
): Promise<Intent> {
  const input = await offload(intent.input, intent, blobs);
  const { instructions } = intent;
  const { tools, ...settings } = intent.settings;
  const text = tools && JSON.stringify(tools);
  let stored = input === intent.input ? intent : { ...intent, input };
  if (text && text.length >= LARGE_TEXT)
    stored = { ...stored, settings, toolsBlob: await putText(text, intent, blobs) };
  if (instructions && instructions.length >= LARGE_TEXT) {
    const instructionsBlob = await putText(instructions, intent, blobs);
    stored = { ...stored, instructions: undefined, instructionsBlob };
  }
  return stored;
}

/** The inverse of `offloadedIntent`. */
export async function hydratedIntent<Intent extends WaitingIntent | PlacedIntent>(
  intent: Intent,
  blobs: BlobStore,
): Promise<Intent> {
  return withTexts({ ...intent, input: await hydrate(intent.input, intent, blobs) }, blobs);
}

type TextFields = Pick<PlacedIntent, 'settings' | 'toolsBlob' | 'instructions' | 'instructionsBlob'>;

/** With its large tools and instructions. */
async function withTexts<T extends BlobOwner & TextFields>(owner: T, blobs: BlobStore): Promise<T> {
  const { toolsBlob, instructionsBlob, settings } = owner;
  let hydrated = owner;
  if (toolsBlob !== undefined) {
    const tools = JSON.parse(await getText(toolsBlob, owner, blobs)) as Tool[];
    hydrated = { ...hydrated, toolsBlob: undefined, settings: { ...settings, tools } };
  }
  if (instructionsBlob === undefined) return hydrated;
  const instructions = await getText(instructionsBlob, owner, blobs);
  return { ...hydrated, instructionsBlob: undefined, instructions };
}

/**
 * Moves large payloads of items, or of a tape, to the blob store. Resolves when they survive a crash of the
 * machine.
 */
export async function offload<Content extends Item[] | Tape | undefined>(
  content: Content,
  owner: BlobOwner,
  blobs: BlobStore,
): Promise<Content> {
  // A text that looks like a reference is offloaded too, because it would be read as a reference.
  const large = payloads(content, (text) => text.length >= LARGE || text.startsWith(REFERENCE));
  if (large.size === 0) return content;
  const references = new Map<string, string>();
  for (const text of large) references.set(text, REFERENCE + (await putText(text, owner, blobs)));
  return mapPayloads(content, (text) => references.get(text) ?? text);
}

/** The inverse of `offload`; `context_lost` when a blob is missing. */
export async function hydrate<Content extends Item[] | Tape | undefined>(
  content: Content,
  owner: BlobOwner,
  blobs: BlobStore,
): Promise<Content> {
  const references = payloads(content, (text) => text.startsWith(REFERENCE));
  if (references.size === 0) return content;
  const texts = new Map<string, string>();
  for (const reference of references)
    texts.set(reference, await getText(reference.slice(REFERENCE.length), owner, blobs));
  return mapPayloads(content, (text) => texts.get(text) ?? text);
}

const putText = (text: string, { tenant, session }: BlobOwner, blobs: BlobStore): Promise<string> =>
  blobs.putBlob({ tenant, session }, new TextEncoder().encode(text));

async function getText(hash: string, { tenant, session }: BlobOwner, blobs: BlobStore): Promise<string> {
  const bytes = await blobs.getBlob({ tenant, session }, hash);
  if (!bytes) throw new Fault('context_lost', `The stored content ${hash} is missing or damaged.`);
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}

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
  findPayloads(content, (text) => {
    if (wanted(text)) found.add(text);
  });
  return found;
}

/** Calls `see` with every payload string. Every turn is searched, and most have none: no copies are made. */
function findPayloads(value: unknown, see: (text: string) => void): void {
  if (Array.isArray(value)) {
    for (const entry of value) findPayloads(entry, see);
    return;
  }
  if (value === null || typeof value !== 'object') return;
  const fields = value as Record<string, unknown>;
  for (const key in fields) {
    const entry = fields[key];
    if (typeof entry !== 'string') findPayloads(entry, see);
    else if (PAYLOAD_FIELDS.has(key)) see(entry);
  }
}
