import { Fault } from '../../core/errors.ts';
import type { SessionId, TurnId } from '../../core/ids.ts';
import type { Session, SessionRef } from '../../core/turn.ts';
import type { NamedValue, SessionValue } from '../../core/values.ts';
import type { Claim } from '../../session/claim-store.ts';
import { type Line, REMEMBERED_LINES } from '../../session/line-store.ts';
import type { MemberId } from '../../session/members.ts';
import type { KnownHead, LineChange, ListQuery, SessionHead, TurnRow } from '../../session/turn-log.ts';
import { bytesOf, type ValueState, written } from '../../session/value-store.ts';

/** What a `MemoryStore` holds for one tenant. */
export interface TenantLog {
  sessions: Map<SessionId, Session>;
  names: Map<string, SessionId>;
  /** In the order in which they were appended. */
  turns: Map<TurnId, TurnRow>;
  /** The root of the branch that a turn ends. */
  roots: Map<TurnId, TurnRow>;
  /** Without the digests of their tips; by number. */
  lines: Map<SessionId, Omit<Line, 'digest'>[]>;
  values: Map<SessionId, Values>;
  leases: Map<SessionId, Lease>;
  claims: Map<string, DatedClaim>;
  /** In the order in which their turns were appended. */
  fingerprints: Map<TurnId, DatedFingerprint>;
  /** In the order in which they were appended. */
  foundByHistory: Set<TurnId>;
}

interface Values {
  byKey: Map<string, SessionValue>;
  /** `ValueState.floor`. */
  floor: number;
}

interface Lease {
  token: number;
  holder: MemberId;
  expiresAt: number;
}

interface DatedClaim {
  claim: Claim;
  claimedAt: number;
}

interface DatedFingerprint {
  fingerprint: string;
  committedAt: number;
}

export const emptyLog = (): TenantLog => ({
  sessions: new Map(),
  names: new Map(),
  turns: new Map(),
  roots: new Map(),
  lines: new Map(),
  values: new Map(),
  leases: new Map(),
  claims: new Map(),
  fingerprints: new Map(),
  foundByHistory: new Set(),
});

export function sessionAt({ sessions, names }: TenantLog, ref: SessionRef): Session | undefined {
  const id = 'id' in ref ? ref.id : names.get(ref.name);
  return id === undefined ? undefined : sessions.get(id);
}

/** False where there was none. */
export function removeSession({ sessions, names, values }: TenantLog, id: SessionId): boolean {
  values.delete(id);
  const name = sessions.get(id)?.name;
  if (name !== undefined) names.delete(name);
  return sessions.delete(id);
}

export function headOf(log: TenantLog, session: Session, window: number, known?: KnownHead): SessionHead {
  const { head, edits } = session;
  const copy = copySession(session);
  if (known && head === known.head && edits === known.edits) return { session: copy };
  return { session: copy, branch: head === null ? [] : branchOf(log, head, window) };
}

export function branchOf({ turns, roots }: TenantLog, tip: TurnId, window: number): TurnRow[] {
  const branch: TurnRow[] = [];
  let row = turns.get(tip);
  const sinceTokens = (row?.totalTokens ?? 0) - window;
  while (row && row.totalTokens > sinceTokens) {
    branch.push(row);
    row = row.parent === null ? undefined : turns.get(row.parent);
  }
  if (row) branch.push(roots.get(tip)!);
  return branch.reverse().map(copyRow);
}

/** False where the turn is stored already. */
export function append(
  log: TenantLog,
  { fingerprint, isFoundByHistory, ...row }: TurnRow,
  committedAt: number,
): boolean {
  if (log.turns.has(row.id)) return false;
  if (row.parent !== null && log.turns.get(row.parent)?.session !== row.session) {
    throw new Fault('context_lost', `The turn ${row.parent} that ${row.id} follows is not stored.`);
  }
  const stored = copyRow(row);
  log.turns.set(row.id, stored);
  log.roots.set(row.id, row.parent === null ? stored : log.roots.get(row.parent)!);
  if (fingerprint !== undefined) log.fingerprints.set(row.id, { fingerprint, committedAt });
  if (isFoundByHistory) log.foundByHistory.add(row.id);
  return true;
}

/** False where the number is taken. */
export function addLine(log: TenantLog, session: SessionId, line: Omit<Line, 'tip' | 'digest'>): boolean {
  const lines = log.lines.get(session) ?? [];
  if (lines.some(({ number }) => number === line.number)) return false;
  const main = log.sessions.get(session)?.main;
  const kept = lines.filter(
    ({ number }) => number === 0 || number === main || number > line.number - REMEMBERED_LINES,
  );
  log.lines.set(session, [...kept, { ...line, tip: null }]);
  return true;
}

/** Changes the line of a turn that was just appended. */
export function changeLine(log: TenantLog, row: TurnRow, { opening, tip }: LineChange): void {
  const line = lineOf(log, row.session, row.line);
  if (!line) return;
  if (opening !== undefined) line.opening = opening;
  if (!tip || line.tip !== tip.from) return;
  line.tip = row.id;
  const session = log.sessions.get(row.session);
  const first = lineOf(log, row.session, 0);
  if (!tip.promotes || !session || session.main || !first || isContinued(log, row.session)) return;
  first.tip = session.head;
  session.head = row.id;
  if (line.number > 0) session.main = line.number;
}

/** Makes the turn the head of its session. False where the head is not `from`, or another line is the main one. */
export function moveHead(log: TenantLog, { session: id, ...row }: TurnRow, from: TurnId | null): boolean {
  const session = log.sessions.get(id);
  if (session?.head !== from || (session.main ?? 0) !== row.line) return false;
  session.head = row.id;
  return true;
}

/** Whether the turn's line is not the main one any more; then the turn becomes the line's tip. */
export function leaveHead(log: TenantLog, row: TurnRow): boolean {
  const session = log.sessions.get(row.session);
  const line = lineOf(log, row.session, row.line);
  if (!session || !line || (session.main ?? 0) === line.number) return false;
  line.tip = row.id;
  return true;
}

const lineOf = (log: TenantLog, session: SessionId, line: number | null) =>
  log.lines.get(session)?.find(({ number }) => number === line);

/** Whether a turn follows another one on the first line. */
const isContinued = ({ turns }: TenantLog, session: SessionId): boolean =>
  [...turns.values()].some((row) => row.session === session && row.line === 0 && row.parent !== null);

export function removeTurn({ turns, roots, fingerprints, foundByHistory }: TenantLog, id: TurnId): void {
  for (const kept of [turns, roots, fingerprints, foundByHistory]) kept.delete(id);
}

/** The values of a session; `undefined` where there is no such session. */
export function valuesOf({ sessions, values }: TenantLog, session: SessionId): Values | undefined {
  if (!sessions.has(session)) return undefined;
  const found = values.get(session) ?? { byKey: new Map(), floor: 0 };
  values.set(session, found);
  return found;
}

export function stateOf({ byKey, floor }: Values, key: string): ValueState {
  let bytes = 0;
  for (const { json } of byKey.values()) bytes += bytesOf(json);
  return { current: byKey.get(key), floor, count: byKey.size, bytes };
}

export function removeValue(values: Values, { key, version }: SessionValue): void {
  values.byKey.delete(key);
  values.floor = Math.max(values.floor, version);
}

/** Sets values together with a commit. */
export function setValues(
  log: TenantLog,
  session: SessionId,
  named: readonly NamedValue[],
  now: number,
): void {
  const values = valuesOf(log, session);
  if (!values) return;
  for (const { key, json } of named) values.byKey.set(key, written(stateOf(values, key), key, json, now));
}

/** False where the lease is not held any more. */
export function release({ leases }: TenantLog, session: SessionId, token: number): boolean {
  return leases.get(session)?.token === token && leases.delete(session);
}

/** Erases everything of a session. A turn's id begins with its session's. */
export function eraseSession(log: TenantLog, session: SessionId): void {
  removeSession(log, session);
  for (const row of log.turns.values()) if (row.session === session) removeTurn(log, row.id);
  log.lines.delete(session);
  log.leases.delete(session);
  for (const [key, { claim }] of log.claims) if (claim.target.startsWith(session)) log.claims.delete(key);
}

export function isListed(row: TurnRow, query: ListQuery): boolean {
  if (!row.listed || row.deleted) return false;
  if (query.model !== undefined && query.model !== row.model) return false;
  return Object.entries(query.metadata ?? {}).every(([key, value]) => row.metadata[key] === value);
}

/** Whether it is the only turn of a session without a record. */
export const standsAlone = ({ id, session }: TurnRow, { turns, sessions }: TenantLog): boolean =>
  !sessions.has(session) &&
  ![...turns.values()].some((other) => other.session === session && other.id !== id);

export const copyRow = (row: TurnRow): TurnRow => ({
  ...row,
  metadata: { ...row.metadata },
  hidden: [...row.hidden],
});

export const copySession = (session: Session): Session => ({
  ...session,
  metadata: { ...session.metadata },
  ...(session.tags && { tags: [...session.tags] }),
});
