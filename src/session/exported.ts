import type { SessionId, TurnId } from '../core/ids.ts';
import type { Origin, Outcome } from '../core/outcome.ts';
import type { Tenant } from '../core/request.ts';
import type { PlacedIntent, Turn } from '../core/turn.ts';
import type { BlobStore } from './blob-store.ts';
import { encodeBody, hydratedTurn, offload, offloadedIntent } from './stored-turn.ts';
import type { TurnRow } from './turn-log.ts';

/**
 * A turn outside of its store: with all its content, and without its tape. What a copy of it needs is here, so that
 * an imported session is equal to the one that was exported.
 */
export interface ExportedTurn extends Pick<TurnRow, 'tokens' | 'totalTokens' | 'digest' | 'line' | 'hidden'> {
  listed: boolean;
  deleted: boolean;
  content: Turn;
}

/** A session outside of its store, without its turns. */
export interface ExportedSession {
  id: SessionId;
  /** False for a chain of responses that nobody has named. */
  hasRecord: boolean;
  name?: string;
  createdAt: number;
  metadata: Record<string, string>;
  tags: readonly string[];
  head: TurnId | null;
}

export async function exportedTurn(row: TurnRow, blobs: BlobStore): Promise<ExportedTurn> {
  const { tokens, totalTokens, digest, line, hidden, listed, deleted } = row;
  const content = await hydratedTurn(row, blobs);
  return { tokens, totalTokens, digest, line, hidden, listed, deleted, content };
}

/** The row of a turn that comes from outside. Its large content is in the blob store once this resolves. */
export async function rowOfExported(
  { content, ...facts }: ExportedTurn,
  tenant: Tenant,
  origin: Origin,
  blobs: BlobStore,
): Promise<TurnRow> {
  const turn: Turn = { ...content, tenant, origin: content.origin ?? origin };
  const { id, session, parent, createdAt, state, dialect, metadata } = turn;
  const body = await bodyOf(turn, blobs);
  const model = turn.kind === 'ask' ? turn.model : '';
  return { ...facts, tenant, session, id, parent, createdAt, state, dialect, metadata, model, body };
}

async function bodyOf(turn: Turn, blobs: BlobStore): Promise<string> {
  const { asked, outcome } = split(turn);
  const owner = { tenant: turn.tenant, session: turn.session };
  const output = await offload(outcome.output, owner, blobs);
  if (turn.kind === 'append') {
    const { opening, resent } = turn;
    const position = { ...NO_POSITION, opening, resent };
    const { id, tenant, session, createdAt, dialect } = turn;
    const input = await offload(turn.input, owner, blobs);
    const intent = { kind: 'append', id, tenant, session, createdAt, dialect, input, position } as const;
    return encodeBody(intent, { ...outcome, output });
  }
  const stored = await offloadedIntent(asked as PlacedIntent, blobs);
  return encodeBody(stored, { ...outcome, output });
}

const NO_POSITION = { parent: null, branchTokens: 0, inputTokens: 0, digest: '' };

/** What was asked, and what came of it. */
function split(turn: Turn): { asked: Omit<PlacedIntent, 'state'>; outcome: Outcome } {
  const { kind: _, parent: __, opening, resent, ...rest } = turn;
  const { state, error, completedAt, answeredBy, output, outputNatives, callIds, ...more } = rest;
  const { alternates, isDegraded, receipt, finish, usage, cost, costEstimated, attempts, ...others } = more;
  const { extra, origin, ...asked } = others;
  const facts = { answeredBy, output, outputNatives, callIds, alternates, isDegraded, receipt, finish };
  const money = { usage, cost, costEstimated, attempts };
  return {
    asked: { ...asked, kind: 'placed', position: { ...NO_POSITION, opening, resent } } as unknown as Omit<
      PlacedIntent,
      'state'
    >,
    outcome: { state, error, completedAt, ...facts, ...money, extra, origin } as Outcome,
  };
}

/**
 * A value in which every id of a session, its turns and its items has another session. Ids begin with the session's
 * key, after a prefix.
 */
export function rekeyed<Value>(value: Value, from: SessionId, to: SessionId): Value {
  if (from === to) return value;
  const id = new RegExp(`^([a-z]+[_-])?${from}([0-9a-z.]*)$`);
  const text = JSON.stringify(value, (_, entry) =>
    typeof entry === 'string' && entry.includes(from) ? entry.replace(id, `$1${to}$2`) : entry,
  );
  return JSON.parse(text) as Value;
}
