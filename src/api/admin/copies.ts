import { itemsTokens } from '../../context/tokens.ts';
import { Fault } from '../../core/errors.ts';
import {
  conversationId,
  newSessionId,
  newTurnId,
  parseItemId,
  responseId,
  type SessionId,
  sessionOf,
  type TurnId,
} from '../../core/ids.ts';
import type { Item } from '../../core/items.ts';
import { ownInstructions } from '../../core/opening.ts';
import type { Origin } from '../../core/outcome.ts';
import type { Tenant } from '../../core/request.ts';
import type { AnsweredTurn, AppendedTurn } from '../../core/turn.ts';
import {
  type ExportedSession,
  type ExportedTurn,
  exportedTurn,
  rekeyed,
  rowOfExported,
} from '../../session/exported.ts';
import { digestItems, EMPTY_DIGEST } from '../../session/history.ts';
import type { SessionSummary } from '../../session/survey-store.ts';
import type { TurnRow } from '../../session/turn-log.ts';
import type { TurnPath } from '../../turn/path.ts';

/** One part of an exported session; the session comes first, then its turns, parents first, then its values. */
export type ExportPart =
  | { session: ExportedSession }
  | { turn: ExportedTurn }
  | { value: { key: string; json: string } };

/** A turn of a conversation of another program, with its place in the conversation. */
export interface ForeignTurn {
  /** Its name in the file. */
  key: string;
  /** The name of the turn before it; absent at the root. */
  parent?: string;
  input: Item[];
  /** None: items that were added without an answer. */
  output: Item[];
  /** Milliseconds since the epoch. */
  createdAt: number;
  model?: string;
}

/** A conversation of another program. */
export interface ForeignConversation {
  /** The form of the file that it is from, and its name there. */
  form: string;
  from?: string;
  title?: string;
  createdAt: number;
  /** Parents first. */
  turns: ForeignTurn[];
  /** The name of the turn that the next one follows; the last one where absent. */
  head?: string;
  /** What has no place here, with its number. */
  leftOut: Record<string, number>;
}

/** A session that was made of a copy. */
export interface Imported {
  id: SessionId;
  name?: string;
  turns: number;
  /** The name was taken by another session, so that this one has none. */
  isRenamed: boolean;
  /** The ids were taken, so that this session and its turns have others. */
  isRekeyed: boolean;
  leftOut: Record<string, number>;
}

type Parts = Pick<TurnPath, 'log' | 'blobs' | 'values' | 'sessions' | 'clock'>;

/** How many turns are written at once. */
const AT_ONCE = 64;

/** Copies of sessions: into files, out of files, and beside each other. */
export class AdminCopies {
  constructor(private readonly path: Parts) {}

  /** A session with everything that belongs to it, turn by turn. */
  async *export(tenant: Tenant, summary: SessionSummary): AsyncIterable<ExportPart> {
    const { log, blobs, values } = this.path;
    const { id, name, createdAt, tags, hasRecord, head } = summary;
    const session = { id, hasRecord, createdAt, metadata: { ...summary.metadata }, tags, head };
    yield { session: name === undefined ? session : { ...session, name } };
    for (const node of await log.readTree(tenant, id)) {
      const row = await log.readTurn(tenant, node.id);
      if (row) yield { turn: await exportedTurn(row, blobs) };
    }
    for (const { key, json } of await values.listValues(tenant, id)) yield { value: { key, json } };
  }

  /**
   * Stores sessions that were exported. A session keeps its ids where none has them here, and its name where it is
   * free. What was stored stays where a later part is malformed.
   */
  async *import(tenant: Tenant, parts: AsyncIterable<ExportPart>): AsyncIterable<Imported> {
    let open: OpenImport | undefined;
    for await (const part of parts) {
      if ('session' in part) {
        if (open) yield await this.closeFile(open);
        open = await this.open(tenant, part.session);
      } else if (!open) throw malformed('A turn or a value comes before its session.');
      else if ('turn' in part) await this.add(open, part.turn);
      else open.values.push(part.value);
    }
    if (open) yield await this.closeFile(open);
  }

  /** Stores a conversation of another program as a new session. */
  async importForeign(tenant: Tenant, foreign: ForeignConversation, name?: string): Promise<Imported> {
    const { createdAt, title, form, from } = foreign;
    const id = newSessionId(this.path.clock());
    const metadata = {
      ...(title && { title: title.slice(0, 512) }),
      ...{ imported_from: form, ...(from !== undefined && { imported_id: from.slice(0, 512) }) },
    };
    const session = { id, hasRecord: true, createdAt, metadata, tags: [], head: null };
    const open = await this.open(tenant, name === undefined ? session : { ...session, name });
    const known = new Map<string, ExportedTurn>();
    for (const turn of foreign.turns) {
      const parent = turn.parent === undefined ? undefined : known.get(turn.parent);
      const made = exportedOf(turn, id, tenant, parent, { kind: 'import', form, from: turn.key });
      known.set(turn.key, made);
      await this.add(open, made);
    }
    const head = foreign.head === undefined ? undefined : known.get(foreign.head);
    const last = [...known.values()].at(-1);
    return { ...(await this.close(open, (head ?? last)?.content.id ?? null)), leftOut: foreign.leftOut };
  }

  /** Copies the branch that ends in a turn into a new session. */
  async fork(tenant: Tenant, summary: SessionSummary, tip: TurnId | null, name?: string): Promise<Imported> {
    const now = this.path.clock();
    const to = newSessionId(now);
    const metadata = { ...summary.metadata, forked_from: tip === null ? summary.id : responseId(tip) };
    const session = { id: to, hasRecord: true, createdAt: now, metadata, tags: summary.tags, head: null };
    const open = await this.open(tenant, name === undefined ? session : { ...session, name });
    const branch = tip === null ? [] : await this.path.log.readBranch(tenant, tip, Number.POSITIVE_INFINITY);
    for (const row of branch) {
      const turn = rekeyed(await exportedTurn(row, this.path.blobs), summary.id, to);
      const origin = { kind: 'fork', from: responseId(row.id) } as const;
      await this.add(open, { ...turn, content: { ...turn.content, origin } }, origin);
    }
    const last = branch.at(-1)?.id ?? null;
    return this.close(open, last && rekeyed(last, summary.id, to));
  }

  /**
   * Makes a copy of a turn in which one item is another one, beside the turn, and makes it the head. The turns after
   * the original do not follow it. `item_not_found` where the session has no such item.
   */
  async edit(tenant: Tenant, session: SessionId, itemId: string, item: Item): Promise<TurnId> {
    const { log, blobs } = this.path;
    const place = parseItemId(itemId);
    const row =
      place && sessionOf(place.turn) === session ? await log.readTurn(tenant, place.turn) : undefined;
    const original = row && (await exportedTurn(row, blobs));
    const list = place?.side === 'i' ? 'input' : 'output';
    const before = original?.content[list][place!.index];
    if (!original || !before)
      throw new Fault('item_not_found', `The session has no item '${itemId}'.`, { param: 'item' });
    if (before.type !== item.type || callOf(before) !== callOf(item))
      throw new Fault(
        'invalid_request',
        'An item is replaced by one of the same type, with the same `call_id`.',
        {
          param: 'value',
        },
      );
    const { content } = original;
    const items = content[list].map((one, index) => (index === place!.index ? withIdOf(one, item) : one));
    const id = newTurnId(session, this.path.clock());
    const opening = content.opening?.at === content.id ? { ...content.opening, at: id } : content.opening;
    const copy = {
      ...content,
      ...{ id, [list]: items, origin: { kind: 'edit', from: responseId(content.id) } },
      ...(opening && { opening }),
    } as typeof content;
    const parent = content.parent === null ? undefined : await log.readTurn(tenant, content.parent);
    const edited = rekeyedTurn({ ...original, content: copy, ...countsOf(copy, parent) }, content.id, id);
    await log.commitTurn(await rowOfExported(edited, tenant, { kind: 'edit' }, blobs));
    return id;
  }

  private async open(tenant: Tenant, session: ExportedSession): Promise<OpenImport> {
    const { log, clock } = this.path;
    const isTaken =
      (await log.findSession(tenant, { id: session.id })) !== undefined ||
      (await log.readTree(tenant, session.id)).length > 0;
    const id = isTaken ? newSessionId(clock()) : session.id;
    return { tenant, session, id, rows: [], known: new Set(), turns: 0, values: [] };
  }

  private async add(
    open: OpenImport,
    turn: ExportedTurn,
    origin: Origin = { kind: 'import', form: 'clawhold', from: responseId(turn.content.id) },
  ): Promise<void> {
    const { tenant, session, id, rows, known } = open;
    const { content } = turn;
    if (content.session !== session.id)
      throw malformed(`Turn ${responseId(content.id)} is not one of session ${conversationId(session.id)}.`);
    if (content.parent !== null && !known.has(content.parent))
      throw malformed(`Turn ${responseId(content.id)} comes before the turn that it follows.`);
    if (known.has(content.id)) throw malformed(`Turn ${responseId(content.id)} comes twice.`);
    known.add(content.id);
    rows.push(await rowOfExported(rekeyed(turn, session.id, id), tenant, origin, this.path.blobs));
    open.turns++;
    if (rows.length >= AT_ONCE) await this.write(open);
  }

  private async write(open: OpenImport): Promise<void> {
    const rows = open.rows.splice(0);
    // The store takes them in their order.
    await Promise.all(rows.map((row) => this.path.log.commitTurn(row)));
  }

  /** The head of a file must be one of its turns: no import moves the head of another session. */
  private async closeFile(open: OpenImport): Promise<Imported> {
    const { head, id } = open.session;
    if (head !== null && !open.known.has(head))
      throw malformed(`Session ${conversationId(id)} has no turn ${responseId(head)}, its head.`);
    return this.close(open);
  }

  private async close(
    open: OpenImport,
    head = rekeyed(open.session.head, open.session.id, open.id),
  ): Promise<Imported> {
    const { log, values, sessions } = this.path;
    const { tenant, session, id, turns } = open;
    await this.write(open);
    const leftOut: Record<string, number> = {};
    const { hasRecord, name, createdAt, metadata, tags } = session;
    const isFree = name !== undefined && !(await log.findSession(tenant, { name }));
    if (hasRecord) {
      const named = { metadata, tags: [...tags], ...(isFree && { name }) };
      await log.createSession({ id, tenant, createdAt, head: null, edits: 0, ...named });
      if (head !== null) await log.rewind(tenant, head);
      if (isFree) await sessions.forget({ id, tenant, name });
      for (const { key, json } of open.values) {
        const { kind } = await values.changeValue(tenant, id, key, { kind: 'put', json }, { kind: 'none' });
        if (kind === 'over-limit') leftOut.value = (leftOut.value ?? 0) + 1;
      }
    }
    return {
      ...{ id, turns, isRenamed: name !== undefined && !isFree, isRekeyed: id !== session.id, leftOut },
      ...(isFree && { name }),
    };
  }
}

interface OpenImport {
  tenant: Tenant;
  session: ExportedSession;
  /** Under which the session is stored. */
  id: SessionId;
  rows: TurnRow[];
  /** The ids of the turns so far, as the file has them. */
  known: Set<TurnId>;
  turns: number;
  values: { key: string; json: string }[];
}

const malformed = (what: string): Fault => new Fault('invalid_request', `The export is malformed. ${what}`);

const callOf = (item: Item): unknown => (item as { call_id?: unknown }).call_id;

const withIdOf = ({ id }: Item, item: Item): Item => {
  const { id: _, ...rest } = item;
  return (id === undefined ? rest : { ...rest, id }) as Item;
};

/** Item ids that were derived from the original's id are the copy's own. */
const rekeyedTurn = (turn: ExportedTurn, from: TurnId, to: TurnId): ExportedTurn => ({
  ...turn,
  content: {
    ...turn.content,
    output: turn.content.output.map((item) => withTurn(item, from, to)),
  } as typeof turn.content,
});

function withTurn(item: Item, from: TurnId, to: TurnId): Item {
  const { id } = item;
  return id !== undefined && parseItemId(id)?.turn === from
    ? ({ ...item, id: id.replace(from, to) } as Item)
    : item;
}

/** Tokens and digest of a turn after its parent, as a commit counts them. */
function countsOf(
  turn: Pick<AnsweredTurn | AppendedTurn, 'id' | 'parent' | 'input' | 'output' | 'opening'>,
  parent: Pick<TurnRow, 'totalTokens' | 'digest'> | undefined,
): Pick<ExportedTurn, 'tokens' | 'totalTokens' | 'digest'> {
  const { input, output } = turn;
  const tokens = itemsTokens(input) + itemsTokens(output);
  const asked = digestItems(parent?.digest ?? EMPTY_DIGEST, input.slice(ownInstructions(turn)));
  return { tokens, totalTokens: (parent?.totalTokens ?? 0) + tokens, digest: digestItems(asked, output) };
}

function exportedOf(
  { input, output, createdAt: statedAt, model }: ForeignTurn,
  session: SessionId,
  tenant: Tenant,
  before: ExportedTurn | undefined,
  origin: Origin,
): ExportedTurn {
  // Of turns with the same time, many would have the same id: most of an id is the time.
  const createdAt = Math.max(statedAt, (before?.content.createdAt ?? 0) + 1);
  const id = newTurnId(session, createdAt);
  const common = {
    ...{ id, tenant, session, createdAt, dialect: 'responses', input, output, origin, metadata: {} },
    ...{ parent: before?.content.id ?? null, completedAt: createdAt, finish: [] },
    state: 'completed' as const,
  };
  const content: ExportedTurn['content'] =
    output.length === 0
      ? { ...common, kind: 'append' }
      : { ...common, kind: 'ask', model: model ?? 'imported', key: '', settings: {}, retention: 'stored' };
  return { ...countsOf(content, before), line: 0, hidden: [], listed: false, deleted: false, content };
}
