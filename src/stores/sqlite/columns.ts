import { type SessionId, sessionOf, type TurnId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';
import type { Session } from '../../core/turn.ts';
import type { TurnRow } from '../../session/turn-log.ts';

/** Turns and sessions as the threads pass them to each other, with the columns of SQLite. */

/** The last part of a turn's id: what follows its session, which is stored beside it. */
export type TurnSuffix = string & { readonly turnSuffix: unique symbol };

/** What a turn is found by. */
export interface TurnKey {
  tenant: Tenant;
  session: SessionId;
  id: TurnSuffix;
}

/** A turn as the view `turn_rows` shows it, without its places in the file. */
export interface TurnColumns extends TurnKey {
  parent: TurnSuffix | null;
  createdAt: number;
  /** Its position in `STATES`. */
  state: number;
  dialect: string;
  listed: number;
  deleted: number;
  model: string;
  tokens: number;
  totalTokens: number;
  digest: string;
  line: number | null;
  /** JSON; `null` when empty, as `hidden`. */
  metadata: string | null;
  hidden: string | null;
  body: string;
}

/** The record of a session. */
export interface SessionColumns {
  tenant: Tenant;
  id: SessionId;
  name: string | null;
  createdAt: number;
  head: TurnSuffix | null;
  main: number;
  edits: number;
  metadata: string | null;
  /** JSON; `null` when empty. */
  tags: string | null;
}

/** The file holds positions in this list: append to it, never reorder. */
const STATES: readonly TurnRow['state'][] = ['completed', 'incomplete', 'failed', 'cancelled'];

export function turnKey(tenant: Tenant, id: TurnId): TurnKey {
  const session = sessionOf(id);
  return { tenant, session, id: id.slice(session.length) as TurnSuffix };
}

/** Throws if the turn is not in the session: its id could not be restored. */
export function turnSuffix(session: SessionId, id: TurnId): TurnSuffix {
  if (!id.startsWith(session)) throw new TypeError(`Turn ${id} does not belong to session ${session}.`);
  return id.slice(session.length) as TurnSuffix;
}

export const turnId = (session: SessionId, suffix: TurnSuffix): TurnId => (session + suffix) as TurnId;

export function metadataColumn(metadata: Record<string, string>): string | null {
  return Object.keys(metadata).length === 0 ? null : JSON.stringify(metadata);
}

export const tagsColumn = (tags: readonly string[] | undefined): string | null =>
  tags && tags.length > 0 ? JSON.stringify(tags) : null;

/** The columns of a turn. */
export function turnColumns(row: TurnRow): TurnColumns {
  return {
    tenant: row.tenant,
    session: row.session,
    id: turnSuffix(row.session, row.id),
    parent: row.parent === null ? null : turnSuffix(row.session, row.parent),
    createdAt: row.createdAt,
    state: STATES.indexOf(row.state),
    dialect: row.dialect,
    listed: Number(row.listed),
    deleted: Number(row.deleted),
    model: row.model,
    tokens: row.tokens,
    totalTokens: row.totalTokens,
    digest: row.digest,
    line: row.line,
    metadata: metadataColumn(row.metadata),
    hidden: row.hidden.length === 0 ? null : JSON.stringify(row.hidden),
    body: row.body,
  };
}

/** The inverse of `turnColumns`, except for what is written and never read (`TurnRow.fingerprint`). */
export function turnRow(columns: TurnColumns): TurnRow {
  return {
    tenant: columns.tenant,
    session: columns.session,
    id: turnId(columns.session, columns.id),
    parent: columns.parent === null ? null : turnId(columns.session, columns.parent),
    createdAt: columns.createdAt,
    state: STATES[columns.state]!,
    dialect: columns.dialect,
    listed: columns.listed === 1,
    deleted: columns.deleted === 1,
    model: columns.model,
    tokens: columns.tokens,
    totalTokens: columns.totalTokens,
    digest: columns.digest,
    line: columns.line,
    metadata: columns.metadata === null ? {} : JSON.parse(columns.metadata),
    hidden: columns.hidden === null ? [] : JSON.parse(columns.hidden),
    body: columns.body,
  };
}

/** The columns of a session. */
export function sessionColumns(session: Session): SessionColumns {
  return {
    tenant: session.tenant,
    id: session.id,
    name: session.name ?? null,
    createdAt: session.createdAt,
    head: session.head === null ? null : turnSuffix(session.id, session.head),
    main: session.main ?? 0,
    edits: session.edits,
    metadata: metadataColumn(session.metadata),
    tags: tagsColumn(session.tags),
  };
}

/** The inverse of `sessionColumns`. */
export function sessionOfColumns(columns: SessionColumns): Session {
  const session: Session = {
    id: columns.id,
    tenant: columns.tenant,
    createdAt: columns.createdAt,
    metadata: columns.metadata === null ? {} : JSON.parse(columns.metadata),
    head: columns.head === null ? null : turnId(columns.id, columns.head),
    edits: columns.edits,
  };
  if (columns.name !== null) session.name = columns.name;
  if (columns.tags !== null) session.tags = JSON.parse(columns.tags);
  if (columns.main !== 0) session.main = columns.main;
  return session;
}
